"""Reads the manager's job JSON of every version, and compares what a job says with what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

from dfly_analysis.readers.jobs.detect import recognises

if TYPE_CHECKING:
    from dfly_analysis.readers.jobs.parser import build_jobs, job_of_url, requested_timeouts, requested_urls
    from dfly_analysis.readers.jobs.reader import read_jobs

__all__ = ["build_jobs", "job_of_url", "read_jobs", "recognises", "requested_timeouts", "requested_urls"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "parser": ["requested_timeouts", "requested_urls", "build_jobs", "job_of_url"],
        "reader": ["read_jobs"],
    },
)
