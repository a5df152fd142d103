"""What a preheat job of the manager's API takes and what bounds it, by release of manager and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

from dfly_analysis.catalog.yaml_loader import load_document, record


class Scopes(NamedTuple):
    """Today's name of each scope to the release's own."""

    since: str
    until: str
    names: Mapping[str, str]


class Concurrency(NamedTuple):
    """Fields that bound layers and hosts at a time, and whether each layer is a task with a deadline of its own."""

    since: str
    until: str
    layers: str | None
    peers: str | None
    per_layer: bool


class FileLists(NamedTuple):
    """Whether one job takes a list of files."""

    since: str
    until: str
    known: bool


class Deadline(NamedTuple):
    """Deadline on the scheduler: whether a job may set it, its default, and what it is for."""

    since: str
    until: str
    settable: bool
    default: str | None
    of: Literal["layer", "image"]


class PollingWindow(NamedTuple):
    """How long the manager surely keeps asking after a job."""

    since: str
    until: str
    safe: str


class FalseSuccess(NamedTuple):
    """Whether the manager may say SUCCESS though layers are missing."""

    since: str
    until: str
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
