"""The command check-config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import exit_on_severity, fail_on_option, format_option, option, release_options
from dfly_analysis.cli.output import Row, fields, message, print_result, table, together, with_schema_version
from dfly_analysis.options import Bandwidth, Size
from dfly_analysis.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.config import ConfigCheck, Feasibility
    from dfly_analysis.findings import Finding


@click.command("check-config")
@click.argument("values", metavar="VALUES")
@release_options
@option("--size", kind=Size, help="Size of the largest layer.  [default: 20GiB]")
@option("--bandwidth", kind=Bandwidth, help="Bandwidth from the registry to one seed client, e.g. 100MB/s or 1Gbit/s.")
@click.option("--layers", type=click.IntRange(1), metavar="N", help="Layers downloaded at the same time.  [default: 1]")
@fail_on_option
@format_option
def check_config(values: str, fail_on: str | None, output_format: str, **given: Any) -> None:
    """Check a configuration for mistakes and feasibility.

    No logs are needed. The command lists settings that do not do what they seem to do, and says whether a layer of the
    given size can be downloaded within the timeouts.

    VALUES is a Helm values file, a component's own dfdaemon.yaml, scheduler.yaml or manager.yaml, ConfigMaps printed by
    kubectl, a directory with such files, or - for stdin. With --bandwidth, the result says whether the configuration is
    feasible, and by what factor. For an empty file, the defaults of the given releases are checked.
    """
    from dfly_analysis.config import check_config as check

    found = check(values, **given)
    settings = found.settings
    data = with_schema_version(
        findings=[asdict(one) for one in found.findings], feasibility=asdict(found.feasibility), chart=settings.chart,
        versions=dict(settings.versions), notes=list(found.notes), only_defaults=found.only_defaults,
    )  # fmt: skip
    print_result(data, output_format, [_row(one) for one in found.present()], lambda: _view(found, values))
    for note in found.notes:
        message(f"note: {note}")
    exit_on_severity(found.present(), fail_on)


def _row(one: Finding) -> Row:
    first = one.evidence[0] if one.evidence else None
    return {
        "severity": one.severity, "finding": one.id, "count": one.count, "knob": one.knob, "what": one.reason,
        "line": f"{first.path}:{first.line}" if first else None,
    }  # fmt: skip


def _view(found: ConfigCheck, name: str) -> Iterator[RenderableType]:
    from dfly_analysis.catalog.config_checks import load_config_rules

    remedies = {trap.id: trap.remedy for trap in load_config_rules()}
    present = found.present()
    unknown = sum(one.verdict == "unknown" for one in found.findings)
    undecided = f", {unknown} cannot be decided" if unknown else ""
    head = f"{len(present)} of {len(found.findings)} known problems found in this configuration{undecided}"
    yield f"Only defaults are checked: {name} sets nothing of a component\n{head}" if found.only_defaults else head
    for one in present:
        yield _card(one, remedies[one.id])
    yield from _feasibility(found.feasibility)


def _card(one: Finding, remedy: str) -> RenderableType:
    parts = [("  do:", remedy), *(("  at:", f"{line.path}:{line.line}: {line.text}") for line in one.evidence)]
    return together(f"{one.severity}: {one.title} [{one.id}]", fields([(" ", one.reason)]), fields(parts))


def _feasibility(one: Feasibility) -> Iterator[RenderableType]:
    shape = f"{one.pieces} pieces of {format_size(one.piece_length_bytes)}, {one.pieces_in_flight or 'an unknown number'} in flight"
    yield f"Feasibility: {one.reason}\nA layer of {format_size(one.size_bytes)} has {shape}."
    rows = [
        {"timeout": bound.what, "key": bound.key, "limit": format_duration(bound.limit_s), "source": bound.source,
         "demands": format_rate(bound.demanded_bps) if bound.demanded_bps else None,
         **({"needs": format_duration(bound.needed_s), "factor": _factor(bound.factor)} if bound.needed_s is not None else {})}
        for bound in one.bounds
    ]  # fmt: skip
    if rows:
        layers = f"{one.layers} layer{'s' if one.layers > 1 else ''}"
        yield table(f"Bandwidth that each timeout demands for {layers} of this size", rows)


def _factor(factor: float | None) -> str | None:
    return None if factor is None else f"{factor:.3g}"
