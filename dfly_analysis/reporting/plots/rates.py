"""Failure rates: of a layer against the timeout, and of tasks against their size."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfly_analysis.estimates import FACTOR
from dfly_analysis.messages import join, message
from dfly_analysis.quantities import interval_text
from dfly_analysis.recommendation.prediction import Prediction
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.plots import style
from dfly_analysis.units import format_duration, format_share, format_size, size_class

ROUND_TIMEOUTS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
MIN_RATE = 1e-5


def draw_failure_rates(
    predicted: Prediction | None, fits: Mapping[str, Any], target_failure_rate: float, chosen_s: float | None = None
) -> Figure | NotDrawn:
    """Draw the share of layers that fail against the timeout of a piece, with the accepted share; a chosen timeout is marked in place of the proposed one."""
    if predicted is None:
        return NotDrawn(message("The failure rate cannot be predicted: no distribution of piece durations is fitted, or no layer size is known."))  # fmt: skip
    marked = [time for time in (predicted.timeout_now_s, chosen_s or predicted.timeout_then_s) if time]
    ends = [*marked, fits[predicted.fit].quantile(predicted.piece_bytes, 0.5).value]
    low, high = min(ends) / 2, max([*ends, predicted.longest_observed_s or 0.0]) * 4
    grid = np.geomspace(low, high, 28)
    found = [predicted.rate(fits, float(time)) for time in grid]
    with style.drawing(260) as canvas:
        axes = canvas.subplots()
        values, lows, highs = (np.maximum([getattr(one, end) for one in found], MIN_RATE / 10) for end in ("value", "low", "high"))  # fmt: skip
        axes.plot(grid, values, color=style.COLOURS["timeout"], linewidth=2, label=canvas.label(message("{size} layers, by timeouts and errors of pieces", size=format_size(predicted.size_bytes))))  # fmt: skip
        axes.fill_between(grid, lows, highs, color=style.COLOURS["timeout"], alpha=0.16, linewidth=0, label=message("95 % interval"))  # fmt: skip
        if any(ending.count for ending in fits[predicted.fit].endings.values()):
            alone = [predicted.rate(fits, float(time), competing=False).value for time in grid]
            axes.plot(grid, np.maximum(alone, MIN_RATE / 10), color=style.FIT, linewidth=1.6, linestyle=(0, (5, 2)), label=message("timeouts only"))  # fmt: skip
        _mark(axes, predicted, target_failure_rate, high, chosen_s)
        bottom = max(MIN_RATE, min(float(values.min()), target_failure_rate) / 4)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, 1.1), xlabel=message("piece timeout"), ylabel=message("failure rate of a layer"))  # fmt: skip
        style.log_axis(axes.xaxis, style.DURATION_TICKS_S, format_duration, low, high)
        style.log_axis(axes.yaxis, style.SHARE_TICKS, format_share, bottom, 1.1)
        style.legend(axes)
        texts = [message("{timeout}: {rate}", timeout=format_duration(time), rate=interval_text(one, "share")) for time, one in zip(grid, found, strict=True)]  # fmt: skip
        style.value_columns(axes, np.sqrt(grid[:-1] * grid[1:]), texts[1:])
        return style.finish(
            canvas,
            alt=_rates_alt(predicted, fits, target_failure_rate),
            caption=message(
                "A {layer} layer in pieces of {piece}, downloaded from the registry by a seed client. Grey: beyond the longest observed duration.",
                layer=format_size(predicted.size_bytes), piece=format_size(predicted.piece_bytes),
            ),
            columns=(
                message("Piece timeout"), message("Failure rate of a layer"), message("Failure rate of an attempt"),
            ),
            rows=_rates_table(predicted, fits, marked),
        )  # fmt: skip


def _mark(axes: Any, predicted: Prediction, target: float, high: float, chosen_s: float | None) -> None:
    label = axes.figure.label
    pairs = (
        (predicted.timeout_now_s, message("now {timeout}", timeout=format_duration(predicted.timeout_now_s or 0)), style.INK),
        (chosen_s, message("chosen {timeout}", timeout=format_duration(chosen_s or 0)), style.PROPOSED)
        if chosen_s
        else (predicted.timeout_then_s, message("proposed {timeout}", timeout=format_duration(predicted.timeout_then_s or 0)), style.PROPOSED),
    )  # fmt: skip
    for time, text, colour in pairs:
        if time:
            axes.axvline(time, color=colour, linestyle=":", linewidth=1.8)
            axes.annotate(label(text), (time, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points", ha="center", color=colour, fontsize=9)  # fmt: skip
    axes.axhline(target, color=style.FAINT, linestyle="--", linewidth=1)
    axes.annotate(label(message("target: {rate}", rate=format_share(target))), (1.0, target), xycoords=("axes fraction", "data"), xytext=(-4, 4), textcoords="offset points", ha="right", fontsize=9)  # fmt: skip
    if predicted.longest_observed_s and predicted.longest_observed_s < high:
        axes.axvspan(predicted.longest_observed_s, high, color=style.AREA, zorder=0)


def _rates_alt(predicted: Prediction, fits: Mapping[str, Any], target: float) -> str:
    parts = [
        message(
            "Failure rate of a {size} layer against the piece timeout, falling as the timeout grows; target {target}.",
            size=format_size(predicted.size_bytes), target=format_share(target),
        )
    ]  # fmt: skip
    if now := predicted.timeout_now_s:
        parts.append(message("With the current timeout of {timeout}: {rate}.", timeout=format_duration(now), rate=interval_text(predicted.rate(fits, now), "share")))  # fmt: skip
    if then := predicted.timeout_then_s:
        parts.append(message("With the proposed timeout of {timeout}: {rate}.", timeout=format_duration(then), rate=interval_text(predicted.rate(fits, then), "share")))  # fmt: skip
    return join(parts)


def _rates_table(predicted: Prediction, fits: Mapping[str, Any], marked: list[float]) -> list[tuple[str, ...]]:
    result: list[tuple[str, ...]] = []
    most = FACTOR * max([*marked, predicted.longest_observed_s or math.inf])
    for time in sorted({*marked, *(time for time in ROUND_TIMEOUTS_S if time <= most)}):
        rate = predicted.rate(fits, time)
        attempt = fits[predicted.fit].failure_rate(predicted.piece_bytes, time)
        name = format_duration(time)
        if time == predicted.timeout_now_s:
            name = message("{timeout} (now)", timeout=name)
        elif time == predicted.timeout_then_s:
            name = message("{timeout} (proposed)", timeout=name)
        result.append((name, interval_text(rate, "share"), interval_text(attempt, "share")))
    return result


def draw_task_failures(fit: Any) -> Figure | NotDrawn:
    """Draw the share of tasks that failed, by size, from a TaskFailureFit."""
    if not fit:
        return NotDrawn(message("Failures by size cannot be shown: {reason}.", reason=getattr(fit, "reason", message("no task was counted"))))  # fmt: skip
    names = [size_class(one.from_bytes, one.to_bytes) for one in fit.bins]
    place = np.arange(len(names))
    rates = [one.rate for one in fit.bins]
    with style.drawing(340) as canvas:
        axes = canvas.subplots()
        below, above = ([abs(rate.value - getattr(rate, end)) for rate in rates] for end in ("low", "high"))
        axes.errorbar(place, [rate.value for rate in rates], yerr=[below, above], fmt="o", color=style.COLOURS["timeout"], ecolor=style.FAINT, capsize=4, markersize=8, label=message("observed, with 95 % interval"))  # fmt: skip
        for x, one in zip(place, fit.bins, strict=True):
            axes.annotate(canvas.label(message("{failed:,} of {n:,}", failed=one.failed, n=one.n)), (x, one.rate.value), xytext=(9, 5), textcoords="offset points", fontsize=9)  # fmt: skip
        if fit.model == "logistic":
            middle = [fit.rate(_middle(one)) for one in fit.bins]
            axes.plot(
                place, [rate.value for rate in middle], color=style.FIT, linewidth=1.6, label=message("logistic fit")
            )
        axes.set(xlim=(-0.5, len(names) - 0.3), ylim=(-0.03, 1.03), xlabel=message("blob size"), ylabel=message("failure rate of tasks"))  # fmt: skip
        axes.set_xticks(place, map(canvas.label, names), rotation=25 if len(names) > 5 else 0, ha="right" if len(names) > 5 else "center")  # fmt: skip
        axes.yaxis.set_major_formatter(lambda value, _: format_share(value))
        style.legend(axes)
        style.value_columns(
            axes, [*(place - 0.5), len(names) - 0.5],
            [message("{size}: {failed:,} of {n:,} failed, {rate}", size=name, failed=one.failed, n=one.n, rate=interval_text(one.rate, "share")) for name, one in zip(names, fit.bins, strict=True)],
        )  # fmt: skip
        return style.finish(
            canvas,
            alt=message(
                "Failure rate of tasks by size: {failed:,} of {n:,} in all; {classes}",
                failed=fit.n_failed, n=fit.n, classes=join([message("{size}: {failed:,} of {n:,}", size=name, failed=one.failed, n=one.n) for name, one in zip(names, fit.bins, strict=True)], "; "),
            ),
            caption=message("Dots: observed failure rate with Wilson's 95 % interval."),
            columns=(message("Size"), message("Tasks"), message("Failed"), message("Failure rate")),
            rows=[
                (name, f"{one.n:,}", f"{one.failed:,}", interval_text(one.rate, "share"))
                for name, one in zip(names, fit.bins, strict=True)
            ],
        )  # fmt: skip


def _middle(one: Any) -> float:
    low = one.from_bytes or one.to_bytes / 4
    high = one.to_bytes if np.isfinite(one.to_bytes) else one.from_bytes * 4
    return float(np.sqrt(low * high))
