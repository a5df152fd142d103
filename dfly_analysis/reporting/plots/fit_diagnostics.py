"""Does the model fit: its probabilities against the data's, and which hosts it does not hold for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.plots.style import COLOURS, FAINT, FIT, INK, SIZE_TICKS_BYTES, drawing, finish, log_axis
from dfly_analysis.units import format_share

_MAX_HOSTS = 12
_MIB_TICKS = tuple(size / 2**20 for size in SIZE_TICKS_BYTES)
_RESIDUAL_TICKS = tuple(10.0**power for power in range(-7, 4))
_SHARES = (0.99, 0.9, 0.5, 0.1, 0.01, 0.001)
_Z = (-2.3263, -1.2816, 0.0, 1.2816, 2.3263, 3.0902)


def draw_fit_diagnostics(fit: Any) -> Figure | NotDrawn:
    """Draw a probability plot of a fitted DurationFit, and what each host finished against what the fit expects."""
    if not fit:
        return NotDrawn("No law of times could be fitted, so there is none to check.")
    from dfly_analysis.models import check_fit

    checks = check_fit(fit)
    if len(checks.probability) < 2:
        return NotDrawn("Too few attempts finished to check the law against them.")
    with drawing(360) as canvas:
        left, right = canvas.subplots(1, 2, width_ratios=(1.0, 1.0))
        _probabilities(left, checks.probability)
        hosts = _shown(checks.hosts)
        if len(hosts) > 1:
            _hosts(right, hosts)
        else:
            _residuals(right, checks.residuals)
        return finish(
            canvas,
            len(checks.probability) + len(hosts),
            alt=_alt(fit, checks.probability, hosts),
            caption=_CAPTION,
            columns=("Host", "Attempts", "Finished", "Expected by the law", "Ratio", "99 % within, without it"),
            rows=[
                (str(row.host), f"{row.n:,.0f}", f"{row.finished:,.0f}", f"{row.expected:,.0f}", f"{row.ratio:.2f}", f"{row.shift_q99:.3f} times")
                for row in hosts.itertuples()
            ] or [("all", f"{fit.n:,}", f"{fit.n - fit.n_censored:,}", "", "", "")],
        )  # fmt: skip


_CAPTION = (
    "Left: the share that lasts longer by the law against the share seen (Kaplan and Meier), on normal scales; on the line the law is right. "
    "Right: attempts of a host that finished, over those the law expects of it; below 1 the host is slower than the law."
)


def _probabilities(axes: Any, rows: pd.DataFrame) -> None:
    axes.plot(rows["law_z"], rows["seen_z"], ".", color=COLOURS["ok"], markersize=5)
    low, high = (edge(rows[["law_z", "seen_z"]].to_numpy()) for edge in (np.min, np.max))
    axes.plot([low, high], [low, high], color=FIT, linewidth=1.4)
    labels = [format_share(share) for share in _SHARES]
    axes.set(xlabel="lasts longer by the law", ylabel="lasts longer, seen", title="Law against data")
    axes.set_xticks(_Z, labels)
    axes.set_yticks(_Z, labels)
    axes.set_xlim(low - 0.1, high + 0.1)
    axes.set_ylim(low - 0.1, high + 0.1)


def _shown(hosts: pd.DataFrame) -> pd.DataFrame:
    """Return the hosts the law fits worst, slowest first."""
    worst = hosts.assign(off=np.abs(np.log(hosts["ratio"].astype(float).clip(lower=1e-3)))).nlargest(_MAX_HOSTS, "off")
    return worst.sort_values("ratio", ascending=False)


def _hosts(axes: Any, hosts: pd.DataFrame) -> None:
    place = np.arange(len(hosts))
    ratio = hosts["ratio"].to_numpy(dtype=float)
    reach = np.abs(hosts[["low", "high"]].to_numpy(dtype=float).T - ratio)
    axes.errorbar(ratio, place, xerr=reach, fmt="o", color=COLOURS["ok"], ecolor=FAINT, markersize=4)
    axes.axvline(1.0, color=FIT, linewidth=1.4)
    axes.set_yticks(place, [str(host) for host in hosts["host"]])
    axes.set(xlabel="finished, over expected by the law", title="Hosts the law fits worst")


def _residuals(axes: Any, rows: pd.DataFrame) -> None:
    done = rows[rows["finished"]]
    step = -(-len(done) // 800)
    done = done.sort_values("time_s").iloc[::step]
    axes.plot(done["size_bytes"] / 2**20, done["residual"], ".", color=COLOURS["ok"], markersize=4)
    axes.axhline(1.0, color=INK, linewidth=1.0, linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="size of the piece, MiB", ylabel="residual (Cox and Snell)", title="Residuals")  # fmt: skip
    for axis, ticks, edges in (
        (axes.xaxis, _MIB_TICKS, axes.get_xlim()),
        (axes.yaxis, _RESIDUAL_TICKS, axes.get_ylim()),
    ):
        log_axis(axis, ticks, "{:g}".format, *edges)


def _alt(fit: Any, rows: pd.DataFrame, hosts: pd.DataFrame) -> str:
    gap = float(np.abs(rows["law"] - rows["seen"]).max())
    text = f"Probability plot of the law {fit.law} over {fit.n:,} attempts: the largest gap between law and data is {format_share(gap)}."
    if len(hosts) > 1:
        slowest = hosts.iloc[-1]
        text += f" The slowest of the hosts against the law is {slowest['host']}, which finished {slowest['ratio']:.2f} times what the law expects."
    return text
