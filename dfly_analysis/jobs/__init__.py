"""Reads the manager's job JSON of every version, and compares what a job says with what was asked for."""

from dfly_analysis.jobs.build import asked_timeouts, asked_urls, build_jobs, job_of_url
from dfly_analysis.jobs.read import read_jobs, recognises

__all__ = ["asked_timeouts", "asked_urls", "build_jobs", "job_of_url", "read_jobs", "recognises"]
