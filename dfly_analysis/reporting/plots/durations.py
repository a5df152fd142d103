"""Durations of pieces of one size: how many ended when, with the timeout that cuts them off and the fitted distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Curve
from dfly_analysis.messages import join, message
from dfly_analysis.models.kaplan_meier import kaplan_meier
from dfly_analysis.quantities import NOTHING, interval_text
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.labels import OUTCOMES
from dfly_analysis.reporting.plots import style
from dfly_analysis.units import format_duration, format_share, format_size

QUANTILES = (0.5, 0.99, 0.999)
N_BINS = 44
_SOURCE = "pieces WHERE origin = 'source' AND duration_s > 0 AND size_bytes > 0"
_COUNTS = "count(*) FILTER (outcome = 'ok'), count(*) FILTER (outcome = 'timeout'), count(*) FILTER (coalesce(outcome, '') NOT IN ('ok', 'timeout'))"
_MAX_EXACT = 20_000
"""Of more attempts, durations are rounded to 0.1 % for the survival curve."""
_SIZES_IN_TABLE = 10
_MAX_LIMITS = 4
_ENOUGH = 20
"""Of a size with fewer attempts no quantile is stated: the fit only carries over those of other sizes."""


@dataclass(frozen=True)
class _Attempts:
    """The attempts at pieces from the registry; times in seconds."""

    n: int
    counts: tuple[int, int, int]
    """How many succeeded, timed out, and ended otherwise."""
    by_size: tuple[tuple[float, tuple[int, int, int]], ...]
    """Counts of the most common sizes in bytes, most common first."""
    timeouts: tuple[float, ...]
    """Of the pieces of the most common size."""


def draw_durations(dataset: Dataset, fit: Any) -> Figure | NotDrawn:
    """Draw how many attempts at pieces of the most common size ended when and how, and the share that takes longer against time."""
    attempts = _attempts(dataset)
    if not attempts.n:
        return NotDrawn(message("The logs hold no durations of pieces from the registry. From client v1.4.1 on they are logged at debug level only."))  # fmt: skip
    size = attempts.by_size[0][0]
    near = _near(size)
    shortest, longest = dataset.rows(f"SELECT quantile_cont(duration_s, 0.005), max(duration_s) FROM {near}")[0]
    low, high = shortest / 1.5, max(longest, *attempts.timeouts[-1:]) * 1.1
    if fit:
        high = max(high, min(fit.quantile(size, 0.9995).value, 20 * high))
    with style.drawing(300) as canvas:
        left, right = canvas.subplots(1, 2, width_ratios=(1.15, 1.0))
        _histogram(left, dataset, fit, near, size, np.geomspace(low, high, N_BINS))
        _survival(right, dataset, fit, near, size, np.geomspace(low, high, 30))
        shown = [format_duration(limit) for limit in attempts.timeouts[:_MAX_LIMITS]]
        label = canvas.label(message("timeout {timeouts}", timeouts=join(shown, ", ")))
        for axes in (left, right):
            for limit in attempts.timeouts[:_MAX_LIMITS]:
                axes.axvline(limit, color=style.INK, linestyle="--", linewidth=1.1, label=label)
        left.set(xscale="log", xlim=(low, high), xlabel=message("duration"))
        style.log_axis(left.xaxis, style.DURATION_TICKS_S, format_duration, low, high)
        style.legend((left, right))
        return style.finish(
            canvas,
            alt=_alt(attempts, fit),
            caption=_caption(fit),
            columns=(
                message("Piece size"), message("Succeeded"), message("Timed out"), message("Other outcomes"), message("Fitted median"),
                message("Fitted 99th percentile"), message("Fitted 99.9th percentile"),
            ),
            rows=_table(attempts, fit),
        )  # fmt: skip


def _near(size_bytes: float) -> str:
    return f"{_SOURCE} AND abs(ln(size_bytes / {size_bytes})) < ln(1.1)"


def _attempts(dataset: Dataset) -> _Attempts:
    n, *counts = dataset.rows(f"SELECT count(*), {_COUNTS} FROM {_SOURCE}")[0]
    by_size = dataset.rows(f"SELECT size_bytes, {_COUNTS} FROM {_SOURCE} GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT {_SIZES_IN_TABLE}")  # fmt: skip
    timeouts = dataset.rows(f"SELECT DISTINCT timeout_s FROM {_SOURCE} AND size_bytes = ? AND timeout_s IS NOT NULL ORDER BY 1", [by_size[0][0]]) if n else []  # fmt: skip
    sizes = tuple((float(size), (done, cut, other)) for size, done, cut, other in by_size)
    done, cut, other = counts
    return _Attempts(n, (done, cut, other), sizes, tuple(limit for (limit,) in timeouts))


def _histogram(axes: Any, dataset: Dataset, fit: Any, near: str, size: float, edges: Any) -> None:
    """Draw how many attempts ended in which interval of time, by outcome, and what the fit expects without a timeout."""
    bin_of = f"least(floor(ln(greatest(duration_s, {edges[0]}) / {edges[0]}) / {np.log(edges[1] / edges[0])}), {len(edges) - 2})::INT"
    counted = dataset.rows(f"SELECT coalesce(outcome, 'unknown'), {bin_of}, count(*) FROM {near} GROUP BY ALL")
    by_outcome = {outcome: np.zeros(len(edges) - 1, int) for outcome in OUTCOMES}
    for outcome, place, n in counted:
        by_outcome[outcome][place] = n
    below = np.zeros(len(edges) - 1, int)
    for outcome, counts in by_outcome.items():
        if counts.any():
            label = axes.figure.label(message("{outcome} ({n:,})", outcome=OUTCOMES[outcome], n=counts.sum()))
            axes.bar(edges[:-1], counts, width=np.diff(edges), bottom=below, align="edge", color=style.COLOURS[outcome], edgecolor=style.PAPER, linewidth=0.4, label=label)  # fmt: skip
            below += counts
    expected = None
    if fit:
        longer = [1.0, *(one.value for one in fit.timeout_rates(size, edges[1:].tolist()))]
        expected = -np.diff(longer) * below.sum()
        middle = np.sqrt(edges[:-1] * edges[1:])
        axes.plot(middle, expected, color=style.FIT, linewidth=1.8, label=message("fitted distribution"))
    axes.set(ylabel=message("attempts"), title=axes.figure.label(message("Pieces of {size}", size=format_size(size))))
    style.whole_numbers(axes)
    texts = []
    for place, (start, end) in enumerate(pairwise(edges)):
        seen = [
            message("{outcome}: {n:,}", outcome=OUTCOMES[one], n=counts[place])
            for one, counts in by_outcome.items()
            if counts[place]
        ]
        fitted = [message("fitted: {n:,.1f}", n=expected[place])] if expected is not None else []
        texts.append(
            join(
                [message("{start} to {end}", start=format_duration(start), end=format_duration(end)), *seen, *fitted],
                "; ",
            )
        )
    style.value_columns(axes, edges, texts)


def _survival(axes: Any, dataset: Dataset, fit: Any, near: str, size: float, grid: Any) -> None:
    """Draw the share of attempts that take longer than a time, observed and fitted."""
    observed = _observed(dataset, near)
    draw_share_longer(axes, grid, [(message("observed (Kaplan-Meier)"), observed, style.COLOURS["ok"])], fit, size)


def _observed(dataset: Dataset, near: str) -> Curve:
    n = dataset.rows(f"SELECT count(*) FROM {near}")[0][0]
    time = "duration_s" if n <= _MAX_EXACT else "exp(round(ln(duration_s), 3))"
    grouped = f"SELECT {time} AS time, outcome IS DISTINCT FROM 'ok' AS cut, count(*) AS n FROM {near} GROUP BY ALL"
    frame = dataset.sql(grouped)
    return kaplan_meier(frame["time"].to_numpy(), frame["cut"].to_numpy(bool), frame["n"].to_numpy())


def draw_share_longer(
    axes: Any, grid: Any, observed: Sequence[tuple[str, Curve, str]], fit: Any = None, size: float = 0.0
) -> None:
    """Draw the share of attempts that take longer than a time, against the time: each curve with its label and colour, and the fit's."""
    for label, curve, colour in (one for one in observed if one[1].x):
        x, y, low, high = (np.array(part) for part in (curve.x, curve.y, curve.low, curve.high))
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), 200)).astype(int))
        axes.step(x[keep], y[keep], where="post", color=colour, linewidth=1.5, label=label)
        axes.fill_between(x[keep], low[keep], high[keep], step="post", color=colour, alpha=0.15, linewidth=0)
    found = fit.timeout_rates(size, grid.tolist()) if fit else []
    if fit:
        axes.plot(grid, [one.value for one in found], color=style.FIT, linewidth=1.6, label=message("fitted distribution"))  # fmt: skip
        axes.fill_between(grid, [one.low for one in found], [one.high for one in found], color=style.FIT, alpha=0.15, linewidth=0)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(grid[0], grid[-1]), ylim=(5e-4, 1.15), xlabel=message("duration"), ylabel=message("share of attempts"), title=message("Share that takes longer"))  # fmt: skip
    style.log_axis(axes.xaxis, style.DURATION_TICKS_S, format_duration, grid[0], grid[-1])
    style.log_axis(axes.yaxis, style.SHARE_TICKS, format_share, 5e-4, 1.15)
    texts = []
    for place, time_s in enumerate(grid[1:], 1):
        shown = [message("longer than {time}", time=format_duration(time_s))]
        for label, curve, _ in observed:
            if curve.x and time_s <= curve.x[-1]:
                seen = int(np.searchsorted(curve.x, time_s, "right")) - 1
                shown.append(message("{label}: {share}", label=label, share=format_share(curve.y[seen] if seen >= 0 else 1.0)))  # fmt: skip
        if fit:
            shown.append(message("fitted {share}", share=interval_text(found[place], "share")))
        texts.append(join(shown, "; "))
    style.value_columns(axes, np.sqrt(grid[:-1] * grid[1:]), texts[:-1])


def draw_fit(fit: Any, size_bytes: float | None = None) -> Figure:
    """Draw a fitted distribution of durations of pieces of a size, by default the most common one, against what was observed."""
    data = fit.attempts
    size = float(size_bytes or data.common_sizes(1)[0])
    near = np.abs(np.log(data.size_bytes / size)) < np.log(1.1)
    observed = kaplan_meier(data.middle_s[near], ~data.finished[near], data.weight[near])
    ends = [*observed.x, *(one.value for one in fit.quantiles([size, size], [0.001, 0.9995]))]
    with style.drawing(340) as canvas:
        axes = canvas.subplots()
        grid = np.geomspace(min(ends) / 1.2, max(ends) * 1.2, 30)
        draw_share_longer(axes, grid, [(message("observed (Kaplan-Meier)"), observed, style.COLOURS["ok"])], fit, size)
        axes.set_title(canvas.label(message("Pieces of {size}", size=format_size(size))))
        style.legend(axes)
        return style.finish(canvas, alt=message("Share of attempts at pieces of {size} that take longer than a time, observed and fitted.", size=format_size(size)), caption="")  # fmt: skip


def draw_before_after(before: Dataset, after: Dataset) -> Figure | NotDrawn:
    """Draw the share of attempts at pieces of one size that take longer than a time, of the runs before and after a change."""
    runs = [_attempts(one) for one in (before, after)]
    sizes = [size for size, _ in runs[0].by_size if size in dict(runs[1].by_size)]
    if not sizes:
        return NotDrawn(
            message("The two runs hold no durations of pieces of one size, so they cannot be drawn together.")
        )
    near = _near(sizes[0])
    labels = message("before"), message("after")
    colours = style.FAINT, style.COLOURS["ok"]
    curves = [_observed(one, near) for one in (before, after)]
    times = [time for curve in curves for time in curve.x]
    if not times:
        return NotDrawn(message("No piece succeeded in either run."))
    with style.drawing(320) as canvas:
        axes = canvas.subplots()
        grid = np.geomspace(min(times) / 1.2, max([*times, *runs[0].timeouts, *runs[1].timeouts]) * 1.2, 30)
        draw_share_longer(axes, grid, list(zip(labels, curves, colours, strict=True)))
        for label, run, colour in zip(labels, runs, colours, strict=True):
            for limit in run.timeouts[:_MAX_LIMITS]:
                axes.axvline(limit, color=colour, linestyle="--", linewidth=1.3, label=canvas.label(message("timeout {which}: {timeout}", which=label, timeout=format_duration(limit))))  # fmt: skip
        axes.set_title(canvas.label(message("Pieces of {size}", size=format_size(sizes[0]))))
        style.legend(axes)
        rows = [
            (label, *(f"{count:,}" for count in dict(run.by_size)[sizes[0]]), join(map(format_duration, run.timeouts), ", ") or NOTHING)
            for label, run in zip(labels, runs, strict=True)
        ]  # fmt: skip
        return style.finish(
            canvas,
            alt=message("Share of attempts at pieces of {size} that take longer than a time, before and after the change.", size=format_size(sizes[0])),
            caption=message("Observed shares (Kaplan-Meier) with 95 % intervals; attempts that were stopped count as lower bounds. Dashed: the timeouts."),
            columns=(message("Run"), message("Succeeded"), message("Timed out"), message("Other outcomes"), message("Timeouts")),
            rows=rows,
        )  # fmt: skip


def _alt(attempts: _Attempts, fit: Any) -> str:
    done, cut, other = attempts.counts
    parts = [
        message(
            "Durations of {n:,} attempts at pieces, on a logarithmic axis: {done:,} succeeded, {cut:,} timed out, {other:,} ended otherwise.",
            n=attempts.n, done=done, cut=cut, other=other,
        )
    ]  # fmt: skip
    limits = [format_duration(limit) for limit in attempts.timeouts[:_MAX_LIMITS]]
    parts.append(message("Timeouts drawn: {timeouts}.", timeouts=join(limits, ", ")) if limits else message("No timeout is known."))  # fmt: skip
    if not fit:
        return join([*parts, message("No distribution is fitted.")])
    size = attempts.by_size[0][0]
    tail = fit.quantile(size, 0.999).up_to(fit.seen_s(size))
    return join([
        *parts,
        message(
            "For pieces of {size} the fitted median is {median}; the time that 99.9 % finish within is {tail}.",
            size=format_size(size), median=format_duration(fit.quantile(size, 0.5).value), tail=interval_text(tail, "s"),
        ),
    ])  # fmt: skip


def _caption(fit: Any) -> str:
    parts = [message("Pieces of the most common size. Dashed: the timeout.")]  # fmt: skip
    if fit:
        parts.append(
            message("Green: the fitted distribution, as if no timeout stopped an attempt, with its 95 % interval.")
        )
    return join(parts)


def _table(attempts: _Attempts, fit: Any) -> list[tuple[str, ...]]:
    sizes = sorted(attempts.by_size)
    times = {}
    if fit:
        often = [size for size, counts in sizes if sum(counts) >= _ENOUGH]
        found = iter(fit.quantiles([size for size in often for _ in QUANTILES], QUANTILES * len(often)))
        times = {size: [interval_text(next(found).up_to(fit.seen_s(size)), "s") for _ in QUANTILES] for size in often}
    return [
        (format_size(size), *(f"{count:,}" for count in counts), *times.get(size, [NOTHING] * len(QUANTILES)))
        for size, counts in sizes
    ]
