"""The command that checks a configuration without logs: check-config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import Bandwidth, Size, end_where_grave, fail_on_option, format_option, release_options
from dfly_analysis.cli.printing import as_table, enveloped, print_result, terminal_width, wrap
from dfly_analysis.units import format_duration, format_rate, format_size

if TYPE_CHECKING:
    from dfly_analysis.config import ConfigCheck, Feasibility
    from dfly_analysis.findings import Finding


@click.command("check-config")
@click.argument("values", metavar="VALUES")
@release_options
@click.option("--size", type=Size(), help="Size of the largest layer, e.g. 20GiB.  [default: 20GiB]")
@click.option("--bandwidth", type=Bandwidth(), help="From the registry to one seed client, e.g. 100MB/s or 1Gbit/s.")
@click.option("--layers", type=click.IntRange(1), help="Layers in flight to answer for.  [default: 1]")
@fail_on_option
@format_option
def check_config(values: str, fail_on: str | None, output_format: str, **asked: Any) -> None:
    """Judge a configuration without logs: traps, and feasibility.

    It says what a configuration holds that its author does not believe, and whether a layer comes through.

    VALUES is a Helm values file, a component's own dfdaemon.yaml, scheduler.yaml or manager.yaml, ConfigMaps as kubectl
    prints them, a folder of such files, or - for stdin. With --bandwidth: feasible or not, and by what factor.
    Of an empty file, the defaults of the releases named are judged, and the first line says so.
    """
    from dataclasses import asdict

    from dfly_analysis.config import check_config as check

    found = check(values, **asked)
    rows = [_row(one) for one in found.present()]
    settings = found.settings
    data = enveloped(
        findings=[asdict(one) for one in found.findings], feasibility=asdict(found.feasibility), chart=settings.chart,
        versions=dict(settings.versions), notes=list(found.notes), only_defaults=found.only_defaults,
    )  # fmt: skip
    print_result(data, output_format, {"Findings": rows}, _text(found, values))
    for note in found.notes:
        click.echo(f"dfly-analysis: note: {note}", err=True)
    end_where_grave(found.present(), fail_on)


def _row(one: Finding) -> dict[str, Any]:
    first = one.evidence[0] if one.evidence else None
    return {
        "severity": one.severity, "finding": one.id, "count": one.count, "knob": one.knob, "what": one.reason,
        "line": f"{first.path}:{first.line}" if first else None,
    }  # fmt: skip


def _text(found: ConfigCheck, given: str) -> str:
    from dfly_analysis.catalog.config_checks import load_config_rules

    remedies = {trap.id: trap.remedy for trap in load_config_rules()}
    present = found.present()
    unknown = sum(one.verdict == "unknown" for one in found.findings)
    blind = f", {unknown} cannot be told" if unknown else ""
    head = f"{len(present)} of {len(found.findings)} known traps are in this configuration{blind}"
    if found.only_defaults:
        head = f"Only defaults are judged: {given} sets nothing of a component\n{head}"
    cards = [_card(one, remedies[one.id]) for one in present]
    return "\n\n".join([head, *cards, _feasibility(found.feasibility)])


def _card(one: Finding, remedy: str) -> str:
    lines = [f"{one.severity}: {one.title} [{one.id}]"]
    for label, text in [
        ("", one.reason),
        ("do: ", remedy),
        *(("at: ", f"{line.path}:{line.line}: {line.text}") for line in one.evidence),
    ]:
        first, *rest = wrap(text, terminal_width() - 8)
        lines += [f"  {label}{first}", *(f"  {' ' * len(label)}{part}" for part in rest)]
    return "\n".join(lines)


def _feasibility(one: Feasibility) -> str:
    lines = wrap(f"Feasibility: {one.reason}", terminal_width())
    shape = f"{one.pieces} pieces of {format_size(one.piece_length_bytes)}, {one.pieces_in_flight or 'an unknown number'} in flight"
    lines += wrap(f"A layer of {format_size(one.size_bytes)} has {shape}.", terminal_width())
    rows = [
        {"bound": bound.what, "key": bound.key, "limit": format_duration(bound.limit_s), "source": bound.source,
         "demands": format_rate(bound.demanded_bps) if bound.demanded_bps else None,
         **({"needs": format_duration(bound.needed_s), "factor": _factor(bound.factor)} if bound.needed_s is not None else {})}
        for bound in one.bounds
    ]  # fmt: skip
    title = f"What each bound demands of the source for {one.layers} layer{'s' if one.layers > 1 else ''} of this size"
    return "\n".join(["\n".join(lines), "", as_table(title, rows)] if rows else lines)


def _factor(factor: float | None) -> str | None:
    return None if factor is None else f"{factor:.3g}"
