"""The command check-config."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from dfly_analysis.cli.options import command, exit_on_severity, fail_on_option, format_option_of, option, options
from dfly_analysis.cli.output import Row, fields, junit, message, print_result, table, wrap
from dfly_analysis.config.check import ConfigCheck
from dfly_analysis.config.feasibility import Feasibility
from dfly_analysis.options import Bandwidth, ReleaseOptions, Size
from dfly_analysis.units import format_duration, format_rate, format_size

_MOST_PARTS = 8
"""Keys of a part of a configuration that are each explained in the table view."""


@command(
    "dfly-analysis check-config values.yaml --chart 1.7.4 --size 20GiB --bandwidth 1Gbit/s",
    "helm get values dragonfly -n dragonfly-system | dfly-analysis check-config - --fail-on high",
)
@click.argument("values", metavar="VALUES")
@options(ReleaseOptions)
@option("--size", kind=Size, help="Size of the largest layer.  [default: 20GiB]")
@option("--bandwidth", kind=Bandwidth, help="Bandwidth from the registry to one seed client, e.g. 100MB/s or 1Gbit/s.")
@click.option(
    "--layers", type=click.IntRange(1, 1000), metavar="N", help="Layers downloaded at the same time.  [default: 1]"
)
@fail_on_option
@format_option_of("junit")
def check_config(values: str, fail_on: str | None, output_format: str, **given: Any) -> None:
    """Check a configuration for mistakes and feasibility.

    No logs are needed. The command lists settings that do not do what they seem to do, and says whether a layer of the
    given size can be downloaded within the timeouts.

    VALUES is a Helm values file, a component's own dfdaemon.yaml, scheduler.yaml or manager.yaml, output of helm get values,
    helm template or kubectl get configmap, one line of these, a directory with such files, or - for stdin. With --bandwidth, the result says whether the configuration is
    feasible, and by what factor. For an empty file, the defaults of the given releases are checked.
    """
    from dfly_analysis.config.check import check_config as check

    found = check(values, **given)
    settings, present = found.settings, found.present()
    data = {
        "findings": [asdict(one) for one in found.findings], "feasibility": asdict(found.feasibility), "chart": settings.chart,
        "charts": list(settings.charts), "versions": dict(settings.versions), "notes": list(found.notes), "only_defaults": found.only_defaults,
        "keys": [{"key": one.path, "value": one.value, "line": one.line, "places": [place.facts() for place in one.places]} for one in found.parts],
    }  # fmt: skip
    rows: list[Row] = [
        {"severity": one.severity, "finding": one.id, "count": one.count, "knob": one.knob, "what": one.reason,
         "line": f"{one.evidence[0].path}:{one.evidence[0].line}" if one.evidence else None}
        for one in present
    ]  # fmt: skip
    if output_format == "junit":
        click.echo(junit("check-config", found.findings))
    else:
        print_result(data, output_format, rows, lambda: _view(found, values))
    for note in found.notes:
        message(f"note: {note}")
    exit_on_severity(present, fail_on)


def _view(found: ConfigCheck, name: str) -> Iterator[str]:
    from dfly_analysis.catalog.config_checks import load_config_rules

    remedies = {rule.id: rule.remedy for rule in load_config_rules()}
    present = found.present()
    yield from _parts(found)
    unknown = sum(one.verdict == "unknown" for one in found.findings)
    if found.only_defaults:
        yield wrap(f"Only defaults are checked: {name} sets nothing of a component")
    head = f"{len(present)} of {len(found.findings)} known problems found in this configuration"
    yield wrap(f"{head}, {unknown} cannot be decided" if unknown else head)
    for one in present:
        places = [("  at:", f"{line.path}:{line.line}: {line.text}") for line in one.evidence]
        title = wrap(f"{one.severity}: {one.title} [{one.id}]")
        yield f"{title}\n{wrap(one.reason, ' ')}\n{fields([('  do:', remedies[one.id]), *places])}"
    yield from _feasibility(found.feasibility)


def _parts(found: ConfigCheck) -> Iterator[str]:
    for one in found.parts[:_MOST_PARTS]:
        line = f" (line {one.line})" if one.line else ""
        head = wrap(f"{one.path}: {one.value}{line} belongs in")
        yield "\n".join(
            [head, *(fields([(f"  {name}:", text) for name, text in place.facts().items()]) for place in one.places)]
        )
    if more := len(found.parts) - _MOST_PARTS:
        yield f"and {more} more keys; --format json has them all" if more > 0 else ""


def _feasibility(one: Feasibility) -> Iterator[str]:
    in_flight = one.pieces_in_flight or "an unknown number"
    layer = f"A layer of {format_size(one.size_bytes)} has {one.pieces} pieces of {format_size(one.piece_length_bytes)}, {in_flight} in flight."
    yield wrap(f"Feasibility: {one.reason}\n{layer}")
    layers = "1 layer" if one.layers == 1 else f"{one.layers} layers"
    yield table(f"Bandwidth that each timeout demands for {layers} of this size", [
        {"timeout": bound.what, "role": bound.role, "key": bound.key, "limit": format_duration(bound.limit_s), "source": bound.source,
         "demands": format_rate(bound.demanded_bps) if bound.demanded_bps else None}
        | ({} if bound.needed_s is None else
           {"needs": format_duration(bound.needed_s), "factor": None if bound.factor is None else f"{bound.factor:.3g}"})
        for bound in one.bounds
    ])  # fmt: skip
