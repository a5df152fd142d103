"""Durations of pieces against their size, with the timeout that cuts them and the fitted distribution."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.messages import join, message
from dfly_analysis.models.kaplan_meier import kaplan_meier
from dfly_analysis.quantities import NOTHING, interval_text
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.labels import OUTCOMES
from dfly_analysis.reporting.plots import style
from dfly_analysis.units import format_duration, format_share, format_size

MAX_POINTS = 6000
MAX_ABOVE = 50.0  # an interval may reach to infinity; the axis does not follow it further than this
QUANTILES = (0.5, 0.99, 0.999)
_SOURCE = "pieces WHERE origin = 'source' AND duration_s > 0 AND size_bytes > 0"
_COUNTS = "count(*) FILTER (outcome = 'ok'), count(*) FILTER (outcome = 'timeout'), count(*) FILTER (coalesce(outcome, '') NOT IN ('ok', 'timeout'))"
_MAX_EXACT = 20_000
"""Of more attempts, durations are rounded to 0.1 % for the survival curve."""
_QUANTILE_LABELS = {0.5: message("median"), 0.99: message("99th percentile"), 0.999: message("99.9th percentile")}
_DASHES = {0.5: (0, (1, 1)), 0.99: (0, (5, 2)), 0.999: "solid"}
_MARKERS = {"timeout": "^", "reset": "x", "storage": "s", "origin": "D", "cancelled": "+", "unknown": "*"}
_SIZES_IN_TABLE = 10
_SIZES_OF_A_LINE = 9  # each costs three quantiles with intervals; in logs the lines bend little
_MAX_LIMITS = 4
_ENOUGH = 20
"""Of a size with fewer attempts no quantile is stated: the fit only carries over those of other sizes."""


@dataclass(frozen=True)
class _AttemptStatistics:
    """Statistics of the attempts at pieces from the registry; sizes in bytes, times in seconds."""

    n: int
    counts: tuple[int, int, int]
    smallest: float
    largest: float
    shortest: float
    longest: float
    timeouts: tuple[float, ...]
    by_size: tuple[tuple[float, tuple[int, int, int]], ...]
    """Counts of the most common sizes, most common first."""


def draw_durations(dataset: Dataset, fit: Any, requested_piece_bytes: float | None = None) -> Figure | NotDrawn:
    """Draw duration against size of attempts at pieces from the registry, and the share that takes longer against time.

    The fitted lines reach to the piece length of the requested layer, in bytes.
    """
    attempts = _attempts(dataset)
    if not attempts.n:
        return NotDrawn(message("The logs hold no durations of pieces from the registry. From client v1.4.1 on they are logged at debug level only."))  # fmt: skip
    every = -(-attempts.n // MAX_POINTS)
    sample = dataset.sql(
        f"SELECT outcome, duration_s, size_bytes::DOUBLE AS size FROM {_SOURCE} "
        f"AND hash(task_id, host, piece_number, attempt, started) % {every} = 0 ORDER BY ALL"
    )
    with style.drawing(370) as canvas:
        left, right = canvas.subplots(1, 2, width_ratios=(1.15, 1.0))
        _scatter(left, sample)
        if fit:
            smallest = float(fit.attempts.size_bytes.min())
            _lines(left, fit, smallest, max(attempts.largest, requested_piece_bytes or 0.0), attempts.largest)
        for limit in attempts.timeouts[:_MAX_LIMITS]:
            left.axhline(limit, color=style.INK, linestyle="--", linewidth=1.1)
            left.annotate(canvas.label(message("timeout {timeout}", timeout=format_duration(limit))), (1.0, limit), xycoords=("axes fraction", "data"), xytext=(-3, 3), textcoords="offset points", ha="right", fontsize=9)  # fmt: skip
        _style_scatter(left, attempts, requested_piece_bytes if fit else None)
        _survival(right, fit, dataset, attempts.by_size[0][0])
        return style.finish(
            canvas,
            len(sample),
            alt=_alt(attempts, fit),
            caption=_caption(every, fit, requested_piece_bytes, attempts.largest),
            columns=(
                message("Piece size"), message("Succeeded"), message("Timed out"), message("Other outcomes"), message("Fitted median"),
                message("Fitted 99th percentile"), message("Fitted 99.9th percentile"),
            ),
            rows=_table(attempts, fit),
        )  # fmt: skip


def _attempts(dataset: Dataset) -> _AttemptStatistics:
    numbers = dataset.rows(
        f"SELECT count(*), min(size_bytes), max(size_bytes), quantile_cont(duration_s, 0.002), max(duration_s), {_COUNTS} FROM {_SOURCE}"
    )[0]
    by_size = dataset.rows(f"SELECT size_bytes, {_COUNTS} FROM {_SOURCE} GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT {_SIZES_IN_TABLE}")  # fmt: skip
    timeouts = dataset.rows(f"SELECT DISTINCT timeout_s FROM {_SOURCE} AND timeout_s IS NOT NULL ORDER BY 1")
    n, smallest, largest, shortest, longest, done, cut, other = numbers
    return _AttemptStatistics(
        n, (done, cut, other), float(smallest or 0), float(largest or 0), shortest or 0.0, longest or 0.0,
        tuple(limit for (limit,) in timeouts), tuple((float(size), (done, cut, other)) for size, done, cut, other in by_size),
    )  # fmt: skip


def _scatter(axes: Any, sample: Any) -> None:
    done = sample[sample["outcome"] == "ok"]
    alpha = 0.75 if len(done) < 300 else 0.3
    axes.scatter(done["size"], done["duration_s"], s=13, color=style.COLOURS["ok"], alpha=alpha, linewidths=0, label=axes.figure.label(_legend("ok", done)))  # fmt: skip
    for outcome, marker in _MARKERS.items():
        some = sample[sample["outcome"] == outcome]
        if len(some):
            look = {"facecolors": "none", "edgecolors": style.COLOURS[outcome]} if marker in "^sD" else {"color": style.COLOURS[outcome]}  # fmt: skip
            axes.scatter(some["size"], some["duration_s"], s=30, marker=marker, **look, linewidths=1.2, label=axes.figure.label(_legend(outcome, some)), zorder=3)  # fmt: skip


def _legend(outcome: str, attempts: Any) -> str:
    return message("{outcome} ({n:,})", outcome=OUTCOMES[outcome], n=len(attempts))


def _lines(axes: Any, fit: Any, low: float, high: float, observed: float) -> None:
    beyond = high > observed * 1.05
    if high <= low * 1.01:
        low, high = low / 1.6, high * 1.6
    grid = np.geomspace(low, high, _SIZES_OF_A_LINE)
    for p in QUANTILES:
        found = fit.quantiles(grid.tolist(), [p] * len(grid))
        axes.plot(grid, [one.value for one in found], color=style.FIT, linestyle=_DASHES[p], linewidth=1.6, label=_QUANTILE_LABELS[p])  # fmt: skip
        axes.fill_between(grid, [one.low for one in found], [one.high for one in found], color=style.FIT, alpha=0.13, linewidth=0)  # fmt: skip
    if beyond:
        axes.axvspan(observed, high, color="#eef1f4", zorder=0, label=message("larger than observed"))


def _style_scatter(axes: Any, attempts: _AttemptStatistics, requested_bytes: float | None) -> None:
    low, high = attempts.smallest / 2, max(attempts.largest, requested_bytes or 0.0) * 2
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel=message("piece size"), ylabel=message("duration of an attempt"), title=message("Duration against size"))  # fmt: skip
    bottom, top = axes.get_ylim()
    bottom = max(bottom, attempts.shortest / 2)
    longest = max(attempts.longest, *attempts.timeouts[-1:])
    top = min(max(top, longest * 1.3), longest * MAX_ABOVE)
    axes.set_ylim(bottom, top)
    style.log_axis(axes.xaxis, style.SIZE_TICKS_BYTES, format_size, low, high)
    style.log_axis(axes.yaxis, style.DURATION_TICKS_S, format_duration, bottom, top)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, handletextpad=0.4, columnspacing=1.0)


def _survival(axes: Any, fit: Any, dataset: Dataset, size: float) -> None:
    near = f"{_SOURCE} AND abs(ln(size_bytes / {size})) < ln(1.1)"
    n, low, high = dataset.rows(f"SELECT count(*), quantile_cont(duration_s, 0.01), max(duration_s) FROM {near}")[0]
    time = "duration_s" if n <= _MAX_EXACT else "exp(round(ln(duration_s), 3))"
    grouped = f"SELECT {time} AS time, outcome IS DISTINCT FROM 'ok' AS cut, count(*) AS n FROM {near} GROUP BY ALL"
    frame = dataset.sql(grouped)
    observed = kaplan_meier(frame["time"].to_numpy(), frame["cut"].to_numpy(bool), frame["n"].to_numpy())
    low, high = low / 1.5, high * 1.1
    if observed.x:
        x, y, below, above = (np.array(part) for part in (observed.x, observed.y, observed.low, observed.high))
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), 300)).astype(int))
        axes.step(x[keep], y[keep], where="post", color=style.COLOURS["ok"], linewidth=1.5, label=message("observed (Kaplan-Meier)"))  # fmt: skip
        axes.fill_between(
            x[keep], below[keep], above[keep], step="post", color=style.COLOURS["ok"], alpha=0.15, linewidth=0
        )
    if fit:
        high = max(high, min(fit.quantile(size, 0.9995).value, 20 * high))
        grid = np.geomspace(max(high / 500, 1e-3), high, 24)
        found = fit.timeout_rates(size, grid.tolist())
        axes.plot(
            grid, [one.value for one in found], color=style.FIT, linewidth=1.6, label=message("fitted distribution")
        )
        axes.fill_between(grid, [one.low for one in found], [one.high for one in found], color=style.FIT, alpha=0.15, linewidth=0)  # fmt: skip
    limits = f"SELECT DISTINCT timeout_s FROM {near} AND timeout_s IS NOT NULL ORDER BY 1 LIMIT {_MAX_LIMITS}"
    for (limit,) in dataset.rows(limits):
        axes.axvline(limit, color=style.INK, linestyle="--", linewidth=1.1)
    title = axes.figure.label(message("Pieces of {size}", size=format_size(size)))
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(5e-4, 1.15), xlabel=message("duration"), ylabel=message("share of attempts that take longer"), title=title)  # fmt: skip
    style.log_axis(axes.xaxis, style.DURATION_TICKS_S, format_duration, low, high)
    style.log_axis(axes.yaxis, style.SHARE_TICKS, format_share, 5e-4, 1.15)
    if len(axes.get_legend_handles_labels()[0]):
        axes.legend(loc="lower left")


def _alt(attempts: _AttemptStatistics, fit: Any) -> str:
    done, cut, other = attempts.counts
    parts = [
        message(
            "Duration against size of {n:,} attempts at pieces, on logarithmic axes: {done:,} succeeded, {cut:,} timed out, {other:,} ended otherwise.",
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


def _caption(every: int, fit: Any, requested_bytes: float | None, largest: float) -> str:
    parts = [message("Left: dots are attempts that succeeded; other marks are right-censored, they would have taken longer. Right: share of attempts still running after a time.")]  # fmt: skip
    if fit:
        parts.append(message("Green: fitted median, 99th and 99.9th percentile with their 95 % intervals."))
    if fit and requested_bytes and requested_bytes > largest * 1.05:
        parts.append(message("The grey area is extrapolated: no piece of that size was observed, and the requested layer has pieces of {size}.", size=format_size(requested_bytes)))  # fmt: skip
    if every > 1:
        parts.append(message("One attempt in {n:,} is drawn; the lines are based on all of them.", n=every))
    return join(parts)


def _table(attempts: _AttemptStatistics, fit: Any) -> list[tuple[str, ...]]:
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
