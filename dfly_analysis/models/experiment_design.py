"""Experiment design: which further runs narrow an answer most, more of the same or some with a longer timeout."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.messages import Message, message
from dfly_analysis.models.censored_data import read_attempts
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import fit_attempts
from dfly_analysis.units import duration_setting, format_duration, format_share, format_size

NAME = "more_runs"
_SCORES = np.linspace(-3.5, 4.5, 80)
_SEED = 6_151
_PIECES_OF_A_LAYER = 40
_TIMES_AS_MANY = (1.0, 3.0)
_NEARLY = 1.05  # widths this near are alike: then the smaller effort goes before
_MIN_COUNT = 60


@dataclass(frozen=True)
class RunOption:
    """One way to collect more: size and timeout of pieces in those runs, and the answer (s) expected with them if the fit is right."""

    size_bytes: float
    timeout_s: float
    n_attempts: int
    expected: Interval

    @property
    def width(self) -> float:
        """Return the upper over the lower end of the answer."""
        return self.expected.high / self.expected.low


@dataclass(frozen=True)
class RunPlan:
    """Which further runs narrow an answer most: the time (s) within which a share ``p`` of pieces of a size ends.

    ``limit_s`` is the timeout in force, ``options`` are sorted, the narrowest first.
    """

    size_bytes: float
    p: float
    now: Interval
    limit_s: float
    options: tuple[RunOption, ...]

    @property
    def best(self) -> RunOption:
        """Return the option with the least effort of those that are nearly as narrow as the narrowest."""
        near = [one for one in self.options if one.width <= _NEARLY * self.options[0].width]
        return min(near, key=lambda one: (one.n_attempts, one.timeout_s))

    @property
    def how_to(self) -> Message:
        best = self.best
        limit = duration_setting(self.limit_s)
        timeout, longer = message("the pieceTimeout in force, {limit}", limit=limit), duration_setting(best.timeout_s)
        if best.timeout_s > 1.01 * self.limit_s:
            timeout = message("download.pieceTimeout raised from {limit} to {longer}", limit=limit, longer=longer)
        return message(
            "Preheat layers in pieces of {size} with {timeout}, until about {n} pieces were tried ({layers} layers of {pieces} pieces, or "
            "fewer and larger ones). Analyse all logs together with these. The time within which {share} of pieces end is {low} to {high} "
            "now, and about {then_low} to {then_high} with them.",
            size=format_size(best.size_bytes), timeout=timeout, n=best.n_attempts, layers=max(1, round(best.n_attempts / _PIECES_OF_A_LAYER)),
            pieces=_PIECES_OF_A_LAYER, share=format_share(self.p), low=format_duration(self.now.low), high=format_duration(self.now.high),
            then_low=format_duration(best.expected.low), then_high=format_duration(best.expected.high),
        )  # fmt: skip


def plan_runs(
    pieces: pd.DataFrame, fit: DurationFit, size_bytes: float, *, p: float = 0.999, level: float = 0.95
) -> RunPlan | NotFitted:
    """Compare further runs by the interval they would leave.

    The attempts that an option would add are drawn from the fit, evenly over its probabilities so that chance does not blur the
    comparison, cut at the option's timeout, and fitted together with the present ones.

    ``pieces`` are what ``fit`` was fitted to, see `fit_duration`; the answer is the time within which a share ``p`` of pieces of this
    size ends.
    """
    now = fit.quantile(size_bytes, p, level)
    limit = pd.to_numeric(pieces["timeout_s"]).dropna()
    limit_s = float(limit.median()) if len(limit) else float(fit.attempts.duration_s.max())
    if fit.n < _MIN_COUNT:
        reason = message("{n} attempts are too few to compare further runs", n=fit.n)
        return NotFitted(NAME, reason, message("any run with {n} attempts", n=_MIN_COUNT), fit.n)
    options, times = [], _times(fit, size_bytes)
    distributions = list(dict.fromkeys(one.model.distribution for one in fit.average.members))
    for timeout_s in sorted({limit_s, 2.0 * limit_s, 4.0 * limit_s, max(limit_s, 1.2 * now.value)}):
        for many in _TIMES_AS_MANY:
            attempts = read_attempts(_with_more(pieces, times, size_bytes, timeout_s, round(many * fit.n)))
            result = fit_attempts(attempts, fit.name, distributions)
            if isinstance(result, DurationFit):
                expected = result.quantile(size_bytes, p, level)
                options.append(RunOption(size_bytes, timeout_s, round(many * fit.n), expected))
    if not options:
        reason = message("no distribution can be fitted to what further runs would add")
        return NotFitted(NAME, reason, message("other sizes"), fit.n)
    return RunPlan(size_bytes, p, now, limit_s, tuple(sorted(options, key=lambda one: one.width)))


def _times(fit: DurationFit, size_bytes: float) -> Array:
    """Return the fit as logs of times at each of `_SCORES`, its normal scores."""
    low, high = np.log(fit.attempts.duration_s.min()) - 3.0, np.log(fit.attempts.duration_s.max()) + 6.0
    log_time = np.linspace(low, high, 4 * len(_SCORES))
    survival = fit.survival_estimates(size_bytes, np.exp(log_time).tolist())
    reached = np.maximum.accumulate(-special.ndtri(np.clip(survival, 1e-12, 1.0 - 1e-12)))
    reached += 1e-9 * np.arange(len(survival))
    return np.asarray(np.interp(_SCORES, reached, log_time))


def _with_more(pieces: pd.DataFrame, times: Array, size_bytes: float, timeout_s: float, count: int) -> pd.DataFrame:
    """Return the attempts with further ones, in as many layers as they would come from."""
    score = special.ndtri((np.random.default_rng(_SEED).permutation(count) + 0.5) / count)
    time = np.exp(np.interp(score, _SCORES, times))
    task = [f"further {place // _PIECES_OF_A_LAYER}" for place in range(count)]
    more = {
        "size_bytes": np.full(count, float(size_bytes)), "duration_s": np.minimum(time, timeout_s),
        "outcome": np.where(time > timeout_s, "timeout", "ok"), "timeout_s": np.full(count, timeout_s), "task_id": task,
    }  # fmt: skip
    names = [name for name in more if name in pieces.columns]
    kept = pieces[names].astype(dict.fromkeys(("size_bytes", "duration_s", "timeout_s"), "float64"))
    return pd.concat([kept.astype({"outcome": object}), pd.DataFrame({name: more[name] for name in names})], ignore_index=True)  # fmt: skip
