"""The command recommend."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    format_option,
    load_dataset,
    paths_argument,
    reading_options,
    settings_options,
    target_options,
)
from dfly_analysis.cli.output import Row, fields, message, print_result, table, together
from dfly_analysis.units import format_duration, format_rate, format_share, format_size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.recommendation.recommendations import Advice, NoRecommendation, Recommendation


@click.command()
@paths_argument
@settings_options
@target_options
@reading_options
@click.option(
    "--overlay",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the recommended Helm values to this file.",
)
@click.option(
    "--compression-ratio",
    type=click.FloatRange(1.0, min_open=True),
    metavar="RATIO",
    help="Uncompressed bytes per compressed byte of a layer, e.g. 2.5.  [default: a typical ratio]",
)
@format_option
def recommend(
    paths: tuple[str, ...],
    size: int | None,
    target_failure_rate: float,
    overlay: Path | None,
    compression_ratio: float | None,
    output_format: str,
    **given: Any,
) -> None:
    """Recommend settings to change, with values and reasons."""
    from dfly_analysis.config import Overlay
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation import recommend as find
    from dfly_analysis.reporting.json import recommend_json

    dataset = load_dataset(paths, **given)
    advice = find(
        dataset, diagnose(dataset), fit_all(dataset), size=size, target_failure_rate=target_failure_rate,
        compression_ratio=compression_ratio,
    )  # fmt: skip
    if overlay:
        Overlay.from_advice(advice).write(overlay)
    print_result(recommend_json(advice), output_format, _rows(advice), lambda: _view(advice, overlay))
    for warning in advice.warnings:
        message(f"warning: {warning}")


def _rows(advice: Advice) -> list[Row]:
    """Return one row for each recommendation."""
    return [
        {"set": one.helm_path, "now": one.current.value, "to": one.proposed, "low": one.low, "high": one.high, "unit": one.unit,
         "confidence": one.confidence, "demands": format_rate(one.demanded_bandwidth_bps) if one.demanded_bandwidth_bps else None,
         "because": one.because, "how_to_check": one.how_to_check}
        for one in advice
    ]  # fmt: skip


def _view(advice: Advice, overlay: Path | None) -> Iterator[RenderableType]:
    """Yield a card for each recommendation, estimates, topics without a recommendation, and how to apply it all."""
    target = format_share(advice.target_failure_rate)
    yield f"For layers of {format_size(advice.size_bytes)}, of which at most {target} may fail"
    for one in advice:
        yield _card(one)
    if not advice.recommendations:
        yield "Nothing to change; the reasons are below."
    if advice.estimates:
        yield table("Estimated requirements and capacities", _estimates(advice))
    if advice.no_advice:
        yield together("No recommendation for", *(_no_recommendation(one) for one in advice.no_advice))
    if overlay:
        yield f"Helm values: {overlay}   (apply with: helm upgrade … -f {overlay})"
    elif advice.recommendations:
        yield "`--overlay FILE` writes these settings as Helm values."


def _estimates(advice: Advice) -> list[Row]:
    return [
        {"topic": one.topic, "component": one.role, "what": one.what, "value": _quantity(one.value, one.unit),
         "interval": f"{_quantity(one.low, one.unit)} to {_quantity(one.high, one.unit)}", "basis": one.basis, "confidence": one.confidence}
        for one in advice.estimates
    ]  # fmt: skip


def _no_recommendation(one: NoRecommendation) -> RenderableType:
    reason = fields([(" ", f"{one.role} {one.topic}: {one.reason}".strip())])
    return together(reason, *([fields([("    collect:", one.collect)])] if one.collect else []))


def _card(one: Recommendation) -> RenderableType:
    needed = f"{_quantity(one.low, one.unit)} to {_quantity(one.high, one.unit)}"
    parts = [("needed", f"{needed}; confidence {one.confidence}")]
    if one.demanded_bandwidth_bps:
        parts.append(("demands", f"{format_rate(one.demanded_bandwidth_bps)} from the registry"))
    parts += [("reason -" if number == 0 else "       -", text) for number, text in enumerate(one.because.split("; "))]
    parts.append(("check", one.how_to_check))
    if one.rule_of_thumb:
        parts.append(("compare", one.rule_of_thumb))
    head = f"{one.helm_path}: {one.current.value or 'unknown'} -> {one.proposed}"
    return together(head, fields([(f"  {label}".ljust(10), text) for label, text in parts]))


def _quantity(value: float, unit: str) -> str:
    if math.isinf(value):
        return "unbounded"
    formats = {"s": format_duration, "B/s": format_rate, "bytes": format_size, "share": format_share}
    return formats[unit](value) if unit in formats else f"{value:.4g} {unit}".removesuffix(" 1")
