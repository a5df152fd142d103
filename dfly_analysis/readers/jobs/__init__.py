"""Reads the manager's job JSON of every version, and compares what a job says with what was asked for."""

from dfly_analysis.readers.jobs.parser import build_jobs, job_of_url, requested_timeouts, requested_urls
from dfly_analysis.readers.jobs.reader import read_jobs, recognises

__all__ = ["build_jobs", "job_of_url", "read_jobs", "recognises", "requested_timeouts", "requested_urls"]
