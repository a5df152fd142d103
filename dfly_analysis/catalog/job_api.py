"""What a preheat job of the manager's API takes and what bounds it, by release of manager and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from dfly_analysis.catalog.releases import Span
from dfly_analysis.catalog.yaml_loader import load_document, record


@record
class Scopes(Span):
    """The release's own name of each scope."""

    names: Mapping[str, str]


@record
class Concurrency(Span):
    """Fields that limit concurrent layers and hosts, and whether each layer is a task with its own deadline."""

    layers: str | None
    peers: str | None
    per_layer: bool


@record
class _FileLists(Span):
    known: bool


@record
class _Deadline(Span):
    settable: bool
    default: str | None
    of: Literal["layer", "image"]


@record
class _PollingWindow(Span):
    safe: str


@record
class _FalseSuccess(Span):
    possible: bool


@record
class JobApi:
    """Each part of the API by release."""

    scopes: tuple[Scopes, ...]
    concurrency: tuple[Concurrency, ...]
    urls: tuple[_FileLists, ...]
    """Whether one job takes a list of files."""
    deadline: tuple[_Deadline, ...]
    """Deadline on the scheduler: whether a job may set it, its default, and what it is for."""
    polling_window: tuple[_PollingWindow, ...]
    """How long the manager polls a job with near certainty."""
    false_success: tuple[_FalseSuccess, ...]
    """Whether the manager may report SUCCESS although layers are missing."""


@cache
def load_job_api() -> JobApi:
    """Return what is known of the job API."""
    return load_document(JobApi, "rules/job_api")
