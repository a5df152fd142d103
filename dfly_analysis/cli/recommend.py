"""The command recommend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    command,
    file_option,
    format_option,
    load_dataset,
    options,
    refuse_input,
    require_task,
)
from dfly_analysis.cli.output import Row, fields, message, print_result, table, wrap
from dfly_analysis.options import ReadingOptions, SettingsOptions, TargetOptions
from dfly_analysis.quantities import known_value, range_text
from dfly_analysis.units import format_rate, format_share, format_size

if TYPE_CHECKING:
    from dfly_analysis.recommendation.recommendations import Advice, Recommendation


@command(
    "dfly-analysis recommend logs/ --values values.yaml --chart 1.7.4 --size 20GiB",
    "dfly-analysis recommend logs/ --overlay overlay.values.yaml",
)
@options(SettingsOptions, TargetOptions, ReadingOptions, paths=True)
@file_option("--overlay", help="Write the recommended Helm values to this file.")
@click.option("--compression-ratio", type=click.FloatRange(1.0, min_open=True), metavar="RATIO", help="Uncompressed bytes per compressed byte of a layer, e.g. 2.5.  [default: a typical ratio]")  # fmt: skip
@format_option
def recommend(paths: tuple[str, ...], overlay: Path | None, output_format: str, **given: Any) -> None:
    """Recommend settings to change, with values and reasons."""
    from dfly_analysis.config.helm_values_overlay import Overlay
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation import recommend as find
    from dfly_analysis.reporting.json import recommend_json

    refuse_input(overlay, [*paths, *([given["values"]] if given["values"] else [])])
    dataset = load_dataset(paths, given)
    requested = {name: given[name] for name in ("size", "target_failure_rate", "compression_ratio")}
    advice = find(dataset, diagnose(dataset), fit_all(dataset), **requested)
    if overlay:
        Overlay.from_advice(advice).write(overlay)
    print_result(recommend_json(advice), output_format, _rows(advice), lambda: _view(advice, overlay))
    for warning in advice.warnings:
        message(f"warning: {warning}")
    require_task(dataset, paths)


def _rows(advice: Advice) -> list[Row]:
    return [
        {"set": one.helm_path, "now": one.current.value, "to": one.proposed, "low": one.low, "high": one.high, "unit": one.unit,
         "confidence": one.confidence, "demands": format_rate(one.demanded_bandwidth_bps) if one.demanded_bandwidth_bps else None,
         "because": one.because, "how_to_check": one.how_to_check}
        for one in advice
    ]  # fmt: skip


def _view(advice: Advice, overlay: Path | None) -> Iterator[str]:
    """Yield a card for each recommendation, estimates, topics without a recommendation, and how to apply it all."""
    target = format_share(advice.target_failure_rate)
    yield wrap(f"For layers of {format_size(advice.size_bytes)}, of which at most {target} may fail")
    yield from map(_card, advice)
    if not advice.recommendations:
        yield "Nothing to change; the reasons are below."
    yield table("Estimated requirements and capacities", [
        {"topic": one.topic, "component": one.role, "what": one.what, "value": known_value(one.interval, one.unit),
         "interval": range_text(one.low, one.high, one.unit), "basis": one.basis, "confidence": one.confidence}
        for one in advice.estimates
    ])  # fmt: skip
    if advice.no_advice:
        lines = ["No recommendation for"]
        for none in advice.no_advice:
            lines.append(wrap(f"{none.role} {none.topic}: {none.reason}".strip(), " "))
            lines += [wrap(none.collect, "    collect:")] if none.collect else []
        yield "\n".join(lines)
    if overlay:
        yield wrap(f"Helm values: {overlay}   (apply with: helm upgrade … -f {overlay})")
    elif advice.recommendations:
        yield "`--overlay FILE` writes these settings as Helm values."


def _card(one: Recommendation) -> str:
    parts = [("needed", f"{one.need.removeprefix('needed: ')}; confidence {one.confidence}")]
    if one.demanded_bandwidth_bps:
        parts.append(("demands", f"{format_rate(one.demanded_bandwidth_bps)} from the registry"))
    parts += [("reason -" if number == 0 else "       -", text) for number, text in enumerate(one.reasons)]
    parts.append(("check", one.how_to_check))
    if one.rule_of_thumb:
        parts.append(("compare", one.rule_of_thumb))
    head = f"{one.helm_path}: {one.current.value or 'unknown'} -> {one.proposed}"
    return f"{wrap(head)}\n{fields([(f'  {label}'.ljust(10), text) for label, text in parts])}"
