"""Does the model fit: its probabilities against those of the data, and the hosts that deviate."""

from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.messages import join, message
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
        return NotDrawn(message("No distribution of piece durations is fitted, so there is none to check."))
    from dfly_analysis.models import check_fit

    checks = check_fit(fit)
    if len(checks.probability) < 2:
        return NotDrawn(message("Too few attempts succeeded to check the fitted distribution."))
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
            alt=_alt(fit, checks.probability, hosts),
            caption=_CAPTION,
            columns=(
                message("Host"), message("Attempts"), message("Succeeded"), message("Expected by the model"), message("Ratio"),
                message("99th percentile without this host"),
            ),
            rows=[
                (str(row.host), f"{row.n:,.0f}", f"{row.finished:,.0f}", f"{row.expected:,.0f}", f"{row.ratio:.2f}", message("{factor:.3f}×", factor=row.shift_q99))
                for row in hosts.itertuples()
            ] or [(message("all"), f"{fit.n:,}", f"{fit.n - fit.n_censored:,}", "", "", "")],
        )  # fmt: skip


_CAPTION = message(
    "Left: share of attempts that take longer, by the model and as observed (Kaplan-Meier), on normal scales; on the line they agree. "
    "Right: attempts of a host that succeeded, divided by the number the model expects; below 1 the host is slower than the model."
)


def _probabilities(axes: Any, rows: pd.DataFrame) -> None:
    axes.plot(rows["model_z"], rows["observed_z"], ".", color=COLOURS["ok"], markersize=5)
    low, high = (edge(rows[["model_z", "observed_z"]].to_numpy()) for edge in (np.min, np.max))
    axes.plot([low, high], [low, high], color=FIT, linewidth=1.4)
    labels = [format_share(share) for share in _SHARES]
    axes.set(xlabel=message("share that takes longer, model"), ylabel=message("share that takes longer, observed"), title=message("Model against data"))  # fmt: skip
    axes.set_xticks(_Z, labels)
    axes.set_yticks(_Z, labels)
    axes.set(xlim=(low - 0.1, high + 0.1), ylim=(low - 0.1, high + 0.1))


def _shown(hosts: pd.DataFrame) -> pd.DataFrame:
    """Return the hosts that the model fits worst, slowest first."""
    worst = hosts.assign(off=np.abs(np.log(hosts["ratio"].astype(float).clip(lower=1e-3)))).nlargest(_MAX_HOSTS, "off")
    return worst.sort_values("ratio", ascending=False)


def _hosts(axes: Any, hosts: pd.DataFrame) -> None:
    place = np.arange(len(hosts))
    ratio = hosts["ratio"].to_numpy(dtype=float)
    reach = np.abs(hosts[["low", "high"]].to_numpy(dtype=float).T - ratio)
    axes.errorbar(ratio, place, xerr=reach, fmt="o", color=COLOURS["ok"], ecolor=FAINT, markersize=4)
    axes.axvline(1.0, color=FIT, linewidth=1.4)
    axes.set_yticks(place, [str(host) for host in hosts["host"]])
    for row, y in zip(hosts.itertuples(), place, strict=True):
        text = message("{host}: {ratio:.2f} times the {expected:,.0f} expected", host=str(row.host), ratio=row.ratio, expected=row.expected)  # fmt: skip
        axes.figure.hover(axes.axhspan(y - 0.5, y + 0.5, alpha=0, linewidth=0, zorder=9), text)
    axes.set(xlabel=message("succeeded attempts / expected by the model"), title=message("Hosts that deviate most"))


def _residuals(axes: Any, rows: pd.DataFrame) -> None:
    done = rows[rows["finished"]]
    step = -(-len(done) // 800)
    done = done.sort_values("time_s").iloc[::step]
    axes.plot(done["size_bytes"] / 2**20, done["residual"], ".", color=COLOURS["ok"], markersize=4)
    axes.axhline(1.0, color=INK, linewidth=1.0, linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel=message("piece size, MiB"), ylabel=message("Cox-Snell residual"), title=message("Residuals"))  # fmt: skip
    log_axis(axes.xaxis, _MIB_TICKS, "{:g}".format, *axes.get_xlim())
    log_axis(axes.yaxis, _RESIDUAL_TICKS, "{:g}".format, *axes.get_ylim())


def _alt(fit: Any, rows: pd.DataFrame, hosts: pd.DataFrame) -> str:
    gap = float(np.abs(rows["model"] - rows["observed"]).max())
    text = message(
        "Probability plot of the distribution {distribution} over {n:,} attempts: the largest gap between model and data is {gap}.",
        distribution=fit.model, n=fit.n, gap=format_share(gap),
    )  # fmt: skip
    if len(hosts) < 2:
        return text
    slowest = hosts.iloc[-1]
    return join([text, message("The slowest host is {host}, with {ratio:.2f} times the succeeded attempts that the model expects.", host=str(slowest["host"]), ratio=slowest["ratio"])])  # fmt: skip
