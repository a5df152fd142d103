"""What a preheat job of the manager's API takes and what bounds it, by release of manager and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from dfly_analysis.catalog.releases import Span
from dfly_analysis.catalog.yaml_loader import load_document, record


@record
class Scopes(Span):
    """Today's name of each scope to the release's own."""

    names: Mapping[str, str]


@record
class Concurrency(Span):
    """Fields that bound layers and hosts at a time, and whether each layer is a task with a deadline of its own."""

    layers: str | None
    peers: str | None
    per_layer: bool


@record
class FileLists(Span):
    """Whether one job takes a list of files."""

    known: bool


@record
class Deadline(Span):
    """Deadline on the scheduler: whether a job may set it, its default, and what it is for."""

    settable: bool
    default: str | None
    of: Literal["layer", "image"]


@record
class PollingWindow(Span):
    """How long the manager surely keeps asking after a job."""

    safe: str


@record
class FalseSuccess(Span):
    """Whether the manager may say SUCCESS though layers are missing."""

    lies: bool


@record
class JobApi:
    """Each part of the API by release."""

    scopes: tuple[Scopes, ...]
    concurrency: tuple[Concurrency, ...]
    urls: tuple[FileLists, ...]
    deadline: tuple[Deadline, ...]
    window: tuple[PollingWindow, ...]
    success_may_lie: tuple[FalseSuccess, ...]


@cache
def load_job_api() -> JobApi:
    """Return what is known of the job API."""
    return load_document(JobApi, "rules/job_api")
