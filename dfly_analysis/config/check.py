"""Checks a configuration without logs: every rule, and whether a layer can be downloaded."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dfly_analysis.catalog.config_checks import load_config_rules
from dfly_analysis.catalog.releases import charts_of_images
from dfly_analysis.config.config_files import ConfigInput, is_empty, read_config_input, require_nonempty
from dfly_analysis.config.evaluate import evaluate_rule
from dfly_analysis.config.feasibility import Feasibility, assess
from dfly_analysis.config.helm_values import WrittenKey, read_values
from dfly_analysis.config.ignored_keys import find_ignored_keys
from dfly_analysis.config.query import USUAL_SIZE_BYTES, Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import CLIENT_ROLES
from dfly_analysis.errors import SettingsError
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.schema import SEVERITIES
from dfly_analysis.units import parse_rate, parse_size


@dataclass(frozen=True)
class ConfigCheck:
    """The result of checking a configuration."""

    settings: Settings
    findings: tuple[Finding, ...]
    """One per rule, present and most severe first; ``unknown`` if a release is missing."""
    feasibility: Feasibility
    notes: tuple[str, ...] = ()
    """Assumptions and omissions, one line each."""
    only_defaults: bool = False
    """Whether the given file sets no key of a component."""
    parts: tuple[WrittenKey, ...] = ()
    """Keys given without the sections they belong in, and where they belong."""

    def present(self) -> tuple[Finding, ...]:
        """Return the findings that are present, most severe first."""
        return tuple(one for one in self.findings if one.verdict == "present")

    def get(self, rule_id: str) -> Finding | None:
        """Return the finding of a rule, or None if no rule has that id."""
        return next((one for one in self.findings if one.id == rule_id), None)


def check_config(
    values: str | os.PathLike[str] | Mapping[str, Any] | None,
    *,
    chart: str | None = None,
    client: str | None = None,
    scheduler: str | None = None,
    size: str | float | None = None,
    bandwidth: str | float | None = None,
    layers: int | None = None,
) -> ConfigCheck:
    """Check a configuration, no logs needed.

    Parameters
    ----------
    values : path, mapping or None
        Helm values; a component's own file; a ConfigMap; a folder of them; ``-`` for stdin. None checks the defaults.
    chart, client, scheduler : str, optional
        Releases, as `Settings.resolve` takes them; the scheduler's counts for the manager too.
    size : str or float, optional
        Of a layer; default ``20GiB``.
    bandwidth : str or float, optional
        From the source to one seed client, ``100MB/s``, or bytes per second.
    layers : int, optional
        Layers in flight; default one.

    Raises
    ------
    DflyError
        If the input, a release, the size or the bandwidth is not valid; if a file has no key of Dragonfly, or nothing at all and
        no release is named whose defaults could be checked.

    Examples
    --------
    >>> found = check_config({"seedClient": {"config": {"download": {"pieceDownloadTimeout": "600s"}}}}, chart="1.7.4")
    >>> found.get("wrong_timeout_key").verdict
    'present'
    """
    if values is None or isinstance(values, Mapping):
        given = ConfigInput(read_values(values))
    else:
        given = read_config_input(os.fspath(values))
    bare = is_empty(given)
    if bare and given.values is not None and given.values.address:
        require_nonempty(given.values, defaults_known=bool(chart or client or scheduler))
    named = given.releases if given.rendered or not given.values else {}
    settings = Settings.resolve(
        given.values, chart=chart or named.get("chart"), client=client or named.get("client"),
        scheduler=scheduler or named.get("scheduler"), manager=scheduler or named.get("manager"),
    )  # fmt: skip
    settings = settings.with_rendered(given.rendered)
    found = check_settings(settings, size=size, bandwidth=bandwidth, layers=layers, notes=given.notes)
    return replace(found, only_defaults=bare, parts=settings.user.parts)


def check_settings(
    settings: Settings,
    *,
    size: str | float | None = None,
    bandwidth: str | float | None = None,
    layers: int | None = None,
    notes: tuple[str, ...] = (),
) -> ConfigCheck:
    """Check resolved settings, see `check_config`."""
    size_bytes = USUAL_SIZE_BYTES if size is None else parse_size(size)
    rate = None if bandwidth is None else parse_rate(bandwidth)
    if size_bytes <= 0 or (rate is not None and rate <= 0) or (layers is not None and layers < 1):
        raise SettingsError("size, bandwidth and layers must be above zero", hint="for example 20GiB, 100MB/s and 8")
    query = Query(settings, size_bytes, rate, layers, size is not None)
    keys = find_ignored_keys(settings)
    findings = [evaluate_rule(rule, query, keys) for rule in load_config_rules()]
    order = {"present": 0, "unknown": 1, "absent": 2}
    findings.sort(key=lambda one: (order[one.verdict], SEVERITIES.index(one.severity), one.id))
    return ConfigCheck(settings, tuple(findings), assess(query), (*notes, *_assumed(query)))


def _assumed(query: Query) -> Iterator[str]:
    settings = query.settings
    unknown = [role for role in query.roles if settings.versions.get(role) is None]
    if unknown and settings.chart is None:
        roles = ", ".join(unknown)
        yield f"unknown release of {roles}, so its defaults are unknown; give --chart, or --client and --scheduler"
    for role in query.roles:
        if f"{role}.image.tag" in settings.user.entries and (reason := settings.assumed(role)):
            option = "--client" if role in CLIENT_ROLES else "--scheduler"
            yield message(
                "{reason}: give the release that it was made from with {option}", reason=reason, option=option
            )
    if settings.charts and settings.chart is None:
        yield f"no --chart is given; what the values leave out is that of {settings.chart_source}"
    elif settings.chart is None and not settings.rendered and (client := settings.versions.get("client")):
        found, shipped = charts_of_images({"client": client})
        charts = found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}" if found else ""
        which = f"chart {charts} ships client {client}" if shipped else f"no known chart ships client {client}"
        yield f"no --chart is given: only the binary's defaults are counted, and a Helm chart sets others ({which})"
    if any(file.role == "go-client" for file in settings.rendered):
        yield "of the old Go client's file only the keys are checked; feasibility is that of the Rust client"
    if not query.size_given:
        yield "no --size is given; a layer of 20 GiB is assumed"
