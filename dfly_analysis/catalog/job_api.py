"""What a preheat job of the manager's API takes and what bounds it, by release of manager and scheduler."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial

from dfly_analysis.catalog.releases import Span, entry_at, is_known, releases, require_known
from dfly_analysis.catalog.yaml_loader import Seconds, load_entries, record


@record
class JobApi(Span):
    """The job API of a span of releases, or of one."""

    scopes: Mapping[str, str]  # today's names of the scopes, and the release's own
    layers_field: str | None
    peers_field: str | None
    """Fields that limit concurrent layers and hosts."""
    per_layer: bool  # whether each layer is a task with its own deadline
    takes_urls: bool  # whether one job takes a list of files
    settable: bool  # whether a job may set its deadline
    deadline_s: Seconds | None  # default deadline on the scheduler, of a layer or (not `per_layer`) of an image
    window_s: Seconds  # how long the manager polls a job at least; then it reports FAILURE while the job continues
    false_success: bool  # whether the manager may report SUCCESS although layers are missing
    version: str = ""
    is_assumed: bool = False
    """The release, and whether it is only assumed."""
    asked: str | None = None
    """The release asked for."""


load_job_api = cache(partial(load_entries, JobApi, "rules/job_api"))
"""What is known of the job API, oldest releases first."""


def job_api(version: str | None) -> JobApi:
    """Return the job API of a release of manager and scheduler; of the newest known where none is named."""
    known = require_known("server", version or releases("server")[-1])
    found = entry_at(load_job_api(), known) or load_job_api()[-1]
    return replace(found, version=known, is_assumed=version is None or not is_known("server", version), asked=version)
