"""Durations of pieces against their size, with the limit that cuts them and the law fitted to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval
from dfly_analysis.reporting.plots.style import (
    COLOURS,
    DURATION_TICKS_S,
    FIT,
    INK,
    SHARE_TICKS,
    SIZE_TICKS_BYTES,
    Figure,
    NotDrawn,
    drawing,
    finish,
    log_axis,
)
from dfly_analysis.units import format_duration, format_share, format_size

MAX_POINTS = 6000
MAX_ABOVE = 50.0  # a band may reach to the end of time; the axis does not follow it further than this
QUANTILES = (0.5, 0.99, 0.999)
_DASHES = {0.5: (0, (1, 1)), 0.99: (0, (5, 2)), 0.999: "solid"}
_MARKERS = {"timeout": "^", "reset": "x", "storage": "s", "origin": "D", "cancelled": "+", "unknown": "*"}
_NAMES = {"timeout": "cut by the timeout", "reset": "connection cut", "storage": "storage error", "origin": "registry error", "cancelled": "cancelled with a sibling", "unknown": "unknown end"}  # fmt: skip
_SIZES_IN_TABLE = 10
_SIZES_OF_A_LINE = 9  # each costs three quantiles with intervals; in logs the lines bend little
_COLUMNS = ("outcome", "duration_s", "size_bytes", "timeout_s")
NOTHING = "\N{EN DASH}"


def draw_durations(pieces: pd.DataFrame, fit: Any, asked_piece_bytes: float | None = None) -> Figure | NotDrawn:
    """Draw attempts at pieces from the source: duration against size, and the share that lasts longer against time.

    Parameters
    ----------
    pieces : DataFrame
        As `dfly_analysis.schema.PIECES`.
    fit : DurationFit or NotFitted
    asked_piece_bytes : float, optional
        Piece length of the layer that was asked for; the lines reach to it.

    Returns
    -------
    Figure or NotDrawn
    """
    # Rows of few columns, and of codes in place of texts, are taken in a fraction of the time.
    rows = pieces.loc[(pieces["origin"] == "source").fillna(value=False), [*_COLUMNS]]
    rows = rows.astype({"outcome": "category"})
    rows = rows[(rows["duration_s"] > 0) & (rows["size_bytes"] > 0).fillna(value=False)]
    if not len(rows):
        return NotDrawn(
            "No time of a piece from the registry was seen. From client v1.4.1 on its lines are written at debug level only."
        )
    size = rows["size_bytes"].astype("float64")
    most_common = float(size.mode().iloc[0])
    with drawing(430) as canvas:
        left, right = canvas.subplots(1, 2, width_ratios=(1.15, 1.0))
        shown, every = _thinned(rows)
        _scatter(left, shown)
        if fit:
            _lines(
                left,
                fit,
                float(fit.attempts.size_bytes.min()),
                max(size.max(), asked_piece_bytes or 0.0),
                float(size.max()),
            )
        _limits(left, rows)
        _dress_left(left, rows, asked_piece_bytes if fit else None)
        _survival(right, fit, rows, most_common)
        return finish(
            canvas,
            len(shown),
            alt=_alt(rows, fit, most_common),
            caption=_caption(every, fit, asked_piece_bytes, float(size.max())),
            columns=_columns(),
            rows=_table(rows, fit),
        )


def _thinned(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    every = -(-len(rows) // MAX_POINTS)
    return (rows, 1) if every == 1 else (rows.sort_values(["outcome", "duration_s"]).iloc[::every], every)


def _scatter(axes: Any, rows: pd.DataFrame) -> None:
    done = rows[rows["outcome"] == "ok"]
    alpha = 0.75 if len(done) < 300 else 0.3
    axes.scatter(done["size_bytes"].astype(float), done["duration_s"], s=13, color=COLOURS["ok"], alpha=alpha, linewidths=0, label=f"finished ({len(done):,})")  # fmt: skip
    for outcome, marker in _MARKERS.items():
        some = rows[rows["outcome"] == outcome]
        if len(some):
            face = {"facecolors": "none"} if marker in "^sD" else {}
            axes.scatter(some["size_bytes"].astype(float), some["duration_s"], s=30, marker=marker, **face, **({"edgecolors": COLOURS[outcome]} if face else {"color": COLOURS[outcome]}), linewidths=1.2, label=f"{_NAMES[outcome]} ({len(some):,})", zorder=3)  # fmt: skip


def _lines(axes: Any, fit: Any, low: float, high: float, observed: float) -> None:
    beyond = high > observed * 1.05
    if high <= low * 1.01:
        low, high = low / 1.6, high * 1.6
    grid = np.geomspace(low, high, _SIZES_OF_A_LINE)
    for p in QUANTILES:
        found = fit.quantiles(grid.tolist(), [p] * len(grid))
        axes.plot(grid, [one.value for one in found], color=FIT, linestyle=_DASHES[p], linewidth=1.6, label=f"{format_share(p)} within")  # fmt: skip
        axes.fill_between(grid, [one.low for one in found], [one.high for one in found], color=FIT, alpha=0.13, linewidth=0)  # fmt: skip
    if beyond:
        axes.axvspan(observed, high, color="#eef1f4", zorder=0, label="larger than any seen")


def _limits(axes: Any, rows: pd.DataFrame) -> None:
    for limit in sorted(rows["timeout_s"].dropna().unique())[:4]:
        axes.axhline(limit, color=INK, linestyle="--", linewidth=1.1)
        axes.annotate(f"limit {format_duration(float(limit))}", (1.0, limit), xycoords=("axes fraction", "data"), xytext=(-3, 3), textcoords="offset points", ha="right", fontsize=9)  # fmt: skip


def _dress_left(axes: Any, rows: pd.DataFrame, requested_bytes: float | None) -> None:
    size, limits = rows["size_bytes"].astype(float), rows["timeout_s"].dropna()
    low, high = float(size.min()) / 2, max(float(size.max()), requested_bytes or 0.0) * 2
    axes.set(xscale="log", yscale="log", xlim=(low, high), xlabel="size of the piece", ylabel="duration of the attempt", title="Duration against size")  # fmt: skip
    bottom, top = axes.get_ylim()
    bottom = max(bottom, float(rows["duration_s"].quantile(0.002)) / 2)
    longest = float(np.nanmax([rows["duration_s"].max(), limits.max()]))
    top = min(max(top, longest * 1.3), longest * MAX_ABOVE)
    axes.set_ylim(bottom, top)
    log_axis(axes.xaxis, SIZE_TICKS_BYTES, format_size, low, high)
    log_axis(axes.yaxis, DURATION_TICKS_S, format_duration, bottom, top)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, handletextpad=0.4, columnspacing=1.0)


def _survival(axes: Any, fit: Any, rows: pd.DataFrame, size: float) -> None:
    from dfly_analysis.models import kaplan_meier

    near = rows[np.abs(np.log(rows["size_bytes"].astype(float) / size)) < np.log(1.1)]
    observed = kaplan_meier(near["duration_s"].to_numpy(), (near["outcome"] != "ok").to_numpy())
    limits = near["timeout_s"].dropna()
    high = max([float(near["duration_s"].max()), *observed.x[-1:]]) * 1.1
    if observed.x:
        x, y, below, above = (np.array(part) for part in (observed.x, observed.y, observed.low, observed.high))
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), 300)).astype(int))
        axes.step(x[keep], y[keep], where="post", color=COLOURS["ok"], linewidth=1.5, label="seen (Kaplan and Meier)")
        axes.fill_between(x[keep], below[keep], above[keep], step="post", color=COLOURS["ok"], alpha=0.15, linewidth=0)
    if fit:
        high = max(high, min(fit.quantile(size, 0.9995).value, 20 * high))
        grid = np.geomspace(max(high / 500, 1e-3), high, 24)
        found = fit.timeout_rates(size, grid.tolist())
        axes.plot(grid, [one.value for one in found], color=FIT, linewidth=1.6, label="fitted")
        axes.fill_between(grid, [one.low for one in found], [one.high for one in found], color=FIT, alpha=0.15, linewidth=0)  # fmt: skip
    for limit in sorted(limits.unique())[:4]:
        axes.axvline(limit, color=INK, linestyle="--", linewidth=1.1)
    low = float(near["duration_s"].quantile(0.01)) / 1.5
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(5e-4, 1.15), xlabel="time", ylabel="share of attempts that last longer", title=f"Pieces of {format_size(size)}")  # fmt: skip
    log_axis(axes.xaxis, DURATION_TICKS_S, format_duration, low, high)
    log_axis(axes.yaxis, SHARE_TICKS, format_share, 5e-4, 1.15)
    if len(axes.get_legend_handles_labels()[0]):
        axes.legend(loc="lower left")


def _counts(rows: pd.DataFrame) -> tuple[int, int, int]:
    outcome = rows["outcome"]
    return int((outcome == "ok").sum()), int((outcome == "timeout").sum()), int((~outcome.isin(["ok", "timeout"])).sum())  # fmt: skip


def _alt(rows: pd.DataFrame, fit: Any, size: float) -> str:
    done, cut, other = _counts(rows)
    limits = [format_duration(float(limit)) for limit in sorted(rows["timeout_s"].dropna().unique())[:4]]
    text = f"Duration against size of {len(rows):,} attempts at pieces, on logarithmic axes: {done:,} finished, {cut:,} cut by the timeout, {other:,} ended otherwise. "
    text += f"Limit drawn at {', '.join(limits)}. " if limits else "No limit is known. "
    if not fit:
        return f"{text}No law could be fitted."
    tail = fit.quantile(size, 0.999)
    return (
        f"{text}For pieces of {format_size(size)} the fitted median is {format_duration(fit.quantile(size, 0.5).value)}, "
        f"and 99.9 % finish within {format_duration(tail.value)} (interval {format_duration(tail.low)} to {format_duration(tail.high)})."
    )


def _caption(every: int, fit: Any, requested_bytes: float | None, largest: float) -> str:
    parts = [
        "Left: filled dots finished; other marks were cut and would have taken longer. Right: the share of attempts still running after a time."
    ]
    if fit:
        parts.append("Green: fitted median, 99 % and 99.9 % with their 95 % intervals.")
    if fit and requested_bytes and requested_bytes > largest * 1.05:
        parts.append(
            f"In the grey part no piece was seen; the layer asked for is cut into pieces of {format_size(requested_bytes)}."
        )
    if every > 1:
        parts.append(f"One attempt in {every} is drawn; the lines rest on all of them.")
    return " ".join(parts)


def _columns() -> tuple[str, ...]:
    return ("Piece size", "Finished", "Cut by timeout", "Ended otherwise", "Median (fitted)", "99 % within", "99.9 % within")  # fmt: skip


def _table(rows: pd.DataFrame, fit: Any) -> list[tuple[str, ...]]:
    sizes = rows["size_bytes"].astype(float)
    common = sizes.value_counts().head(_SIZES_IN_TABLE).index.sort_values()
    if fit:  # all of them at once; below each is only looked up
        fit.quantiles([size for size in common for _ in QUANTILES], QUANTILES * len(common))
    result = []
    for size in common:
        counts = tuple(f"{count:,}" for count in _counts(rows[sizes == size]))
        found = fit.quantiles([float(size)] * len(QUANTILES), QUANTILES) if fit else []
        times = tuple(_with_interval(one) for one in found) or (NOTHING,) * 3
        result.append((format_size(float(size)), *counts, *times))
    return result


def _with_interval(one: Interval) -> str:
    return f"{format_duration(one.value)} ({format_duration(one.low)} to {format_duration(one.high)})"
