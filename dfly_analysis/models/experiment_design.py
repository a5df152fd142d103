"""Which further runs would narrow an answer most: as they are, more of them, or with a longer timeout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import refit
from dfly_analysis.units import duration_setting, format_duration, format_share, format_size

NAME = "more_runs"
_GRID = 80
_SEED = 6_151
_PIECES_OF_A_LAYER = 40
_TIMES_AS_MANY = (1.0, 3.0)
_NEARLY = 1.05  # widths this near are alike: then the smaller effort goes before
_MIN_COUNT = 60


@dataclass(frozen=True)
class RunOption:
    """One way to collect more.

    Attributes
    ----------
    size_bytes, timeout_s : float
        Of a piece, in those runs.
    n_attempts : int
    expected : Interval
        The answer with them, seconds, were the fit true; ``width`` is its upper over its lower end.
    """

    size_bytes: float
    timeout_s: float
    n_attempts: int
    expected: Interval
    width: float


@dataclass(frozen=True)
class RunPlan:
    """Which further runs narrow an answer most.

    Attributes
    ----------
    size_bytes, p : float
        The answer is the time within which a share ``p`` of pieces of that size ends.
    now : Interval
        Seconds.
    width_now : float
    options : tuple of RunOption
        Narrowest first.
    how_to : str
        What to do, in words.
    """

    size_bytes: float
    p: float
    now: Interval
    width_now: float
    options: tuple[RunOption, ...]
    how_to: str

    @property
    def best(self) -> RunOption:
        """Return the option with the least effort of those that are nearly as narrow as the narrowest."""
        near = [one for one in self.options if one.width <= _NEARLY * self.options[0].width]
        return min(near, key=lambda one: (one.n_attempts, one.timeout_s))


def plan_runs(
    pieces: pd.DataFrame, fit: DurationFit, size_bytes: float, *, p: float = 0.999, level: float = 0.95
) -> RunPlan | NotFitted:
    """Compare further runs by the interval they would leave.

    For each option the attempts it would add are taken from the fit, evenly over its probabilities so that chance does not
    blur the comparison, cut at the option's timeout, and fitted together with what there is.

    Parameters
    ----------
    pieces : DataFrame
        What ``fit`` was fitted to, see `fit_duration`; not changed.
    fit : DurationFit
    size_bytes : float
        Of the piece the answer is about.
    p : float
        Between 0 and 1.
    level : float

    Returns
    -------
    RunPlan or NotFitted

    Raises
    ------
    TableError
        Where an argument is out of range.
    """
    now = fit.quantile(size_bytes, p, level)
    limit = pd.to_numeric(pieces["timeout_s"]).dropna()
    limit_s = float(limit.median()) if len(limit) else float(fit.attempts.duration_s.max())
    if fit.n < _MIN_COUNT:
        return NotFitted(
            NAME, f"{fit.n} attempts are too few to compare further runs", "any run with 60 attempts", fit.n
        )
    options, times = [], _times(fit, size_bytes)
    for timeout_s in _timeouts(limit_s, now):
        for many in _TIMES_AS_MANY:
            result = refit(fit, _with_more(pieces, times, size_bytes, timeout_s, round(many * fit.n)))
            if isinstance(result, DurationFit):
                then = result.quantile(size_bytes, p, level)
                options.append(RunOption(size_bytes, timeout_s, round(many * fit.n), then, then.high / then.low))
    if not options:
        return NotFitted(NAME, "no law can be fitted to what further runs would add", "other sizes", fit.n)
    ordered = tuple(sorted(options, key=lambda one: one.width))
    plan = RunPlan(size_bytes, p, now, now.high / now.low, ordered, "")
    return RunPlan(size_bytes, p, now, plan.width_now, ordered, _how_to(plan, limit_s))


def _timeouts(limit_s: float, now: Interval) -> tuple[float, ...]:
    """Return limits to compare: as it is, twice and four times as long, and beyond the estimate."""
    wanted = {limit_s, 2.0 * limit_s, 4.0 * limit_s, max(limit_s, 1.2 * now.value)}
    return tuple(sorted(wanted))


def _times(fit: DurationFit, size_bytes: float) -> Array:
    """Return the fit as logs of times at even steps of its normal score from -3.5 to 4.5."""
    score = np.linspace(-3.5, 4.5, _GRID)
    low, high = np.log(fit.attempts.duration_s.min()) - 3.0, np.log(fit.attempts.duration_s.max()) + 6.0
    log_time = np.linspace(low, high, 4 * _GRID)
    survival_estimates = fit.survival_estimates(size_bytes, np.exp(log_time).tolist())
    reached = np.maximum.accumulate(-special.ndtri(np.clip(survival_estimates, 1e-12, 1.0 - 1e-12))) + 1e-9 * np.arange(
        len(survival_estimates)
    )
    return np.asarray(np.interp(score, reached, log_time))


def _with_more(pieces: pd.DataFrame, times: Array, size_bytes: float, timeout_s: float, count: int) -> pd.DataFrame:
    """Return what there is with so many attempts more, over as many layers as they would come from."""
    if count < 1:
        raise TableError(f"{count} further attempts cannot be", where="plan_runs")
    score = special.ndtri((np.random.default_rng(_SEED).permutation(count) + 0.5) / count)
    time = np.exp(np.interp(score, np.linspace(-3.5, 4.5, _GRID), times))
    task = [f"further {place // _PIECES_OF_A_LAYER}" for place in range(count)]
    more = {
        "size_bytes": np.full(count, float(size_bytes)), "duration_s": np.minimum(time, timeout_s),
        "outcome": np.where(time > timeout_s, "timeout", "ok"), "timeout_s": np.full(count, timeout_s), "task_id": task,
    }  # fmt: skip
    names = [name for name in more if name in pieces.columns]
    kept = pieces[names].astype(dict.fromkeys(("size_bytes", "duration_s", "timeout_s"), "float64"))
    return pd.concat([kept.astype({"outcome": object}), pd.DataFrame({name: more[name] for name in names})], ignore_index=True)  # fmt: skip


def _how_to(plan: RunPlan, limit_s: float) -> str:
    best, layer_pieces = plan.best, _PIECES_OF_A_LAYER
    layers = max(1, round(best.n_attempts / layer_pieces))
    raised = f"with download.pieceTimeout raised from {duration_setting(limit_s)} to {duration_setting(best.timeout_s)}"
    how = raised if best.timeout_s > 1.01 * limit_s else f"at the {duration_setting(limit_s)} in force"
    return (
        f"Preheat layers in pieces of {format_size(best.size_bytes)} {how} until about {best.n_attempts} pieces have been tried "
        f"({layers} layers of {layer_pieces} pieces, or fewer and larger ones), keep all logs, and analyse them together with these: the interval of the time within which "
        f"{format_share(plan.p)} of pieces end is {format_duration(plan.now.low)} to {format_duration(plan.now.high)} now and should be about "
        f"{format_duration(best.expected.low)} to {format_duration(best.expected.high)} then"
    )
