"""Model selection: which distributions are fitted to the duration of attempts, which are kept, and what the fit reports."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.estimates import NotFitted, Param
from dfly_analysis.messages import message, plural
from dfly_analysis.models.censored_data import Attempts, Rows, bin_attempts, read_attempts
from dfly_analysis.models.competing_risks import Ending, count_endings
from dfly_analysis.models.distribution import LARGEST_LOG, Distribution
from dfly_analysis.models.distributions import all_distributions
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.likelihood import OVERHEAD, POWER, Model
from dfly_analysis.models.maximum_likelihood import Fitted, maximise
from dfly_analysis.models.model_averaging import WORST_DIFFERENCE, Average, average
from dfly_analysis.models.residuals import Residuals, take_residuals

MIN_EVENTS = 5
_FIRST, _FLEXIBLE = "lognormal", "bent"
_MIN_SPAN_OF_SIZES = 0.1
# Fewer finished attempts are too few to bend a distribution.
_MIN_ATTEMPTS_FOR_SPLINE = 150
# A distribution of more parameters is fitted only in that form of its location which is ahead.
_FEW_SHAPES = 2
_NOWHERE_NEAR = 0.3
_MIB = 2.0**20
_LEFT_OUT = {
    "unusable": message("no positive time or size, or an unknown outcome"),
    "other_origin": message("not from the source"),
    "last_piece": message("last pieces of layers, shorter than the others"),
    "successes_not_logged": message("only failures of their round are logged"),
}


def fit_duration(
    pieces: pd.DataFrame, *, distribution: str | None = None, name: str = "piece_duration", level: float = 0.95, of_pieces: bool = True
) -> DurationFit | NotFitted:  # fmt: skip
    """Fit the distribution of an attempt's uncut time, given its size.

    Parameters
    ----------
    pieces : DataFrame
        Needs ``size_bytes`` (bytes), ``duration_s`` (s), ``outcome`` (``ok`` finished; ``timeout`` is right-censored at
        ``timeout_s``, every other outcome at ``duration_s``) and ``timeout_s`` (s). Takes ``upper_s`` (a finished row
        is then interval-censored between ``duration_s`` and this, as in a bucket of a histogram), ``task_id`` and ``host``
        (attempts of one are correlated), ``started`` (window) and ``weight``. Of several origins (``origin``) only rows from the
        source are used, with a note; likewise only whole pieces where most are, and no rounds of which only failures are logged
        (``successes_not_logged``). It is not changed.
    distribution : str, optional
        Only this one; otherwise all, weighed by how well they fit.
    name : str
        What to call the fit.
    level : float
        Of the parameters' intervals.
    of_pieces : bool
        Whether rows are attempts at pieces, of which the last one of a layer is shorter, and not whole tasks.

    Raises
    ------
    TableError
        Where a column is missing or the distribution is not known.
    """
    known = all_distributions()
    if distribution is not None and distribution not in known:
        hint = suggest_similar(distribution, known) or f"known are {', '.join(known)}"
        raise TableError(f"unknown distribution {distribution!r}", where="fit_duration", hint=hint)
    attempts = read_attempts(pieces, of_pieces=of_pieces)
    return fit_attempts(attempts, name, [known[distribution]] if distribution else None, level)


def fit_attempts(
    attempts: Attempts, name: str, distributions: Sequence[Distribution] | None = None, level: float = 0.95
) -> DurationFit | NotFitted:
    """Fit the distributions (all where not given) to attempts; see `fit_duration`."""
    refusal = _refusal(attempts, name)
    if refusal is not None:
        return refusal
    found = find_candidates(distributions or tuple(all_distributions().values()), bin_attempts(attempts))
    candidates = _plausible(found)
    if not candidates:
        reason = message("no distribution has a finite maximum of its likelihood")
        return NotFitted(name, reason, message("more attempts, with their sizes"), attempts.n)
    mean, endings = average(candidates), count_endings(attempts)
    mean = replace(mean, alternatives=_alternatives(mean.best, attempts))
    residuals = take_residuals(mean.best)
    goodness = _goodness(mean, candidates, attempts, residuals)
    return DurationFit(
        name=name, model=mean.best.model.name, params=_params(mean.best, level), n=attempts.n, n_censored=attempts.n - attempts.n_events,
        goodness=goodness, window=attempts.window, extrapolates_beyond_s=float(attempts.duration_s.max()),
        notes=_notes(goodness, endings, attempts), average=mean, endings=endings, residuals=residuals, attempts=attempts,
    )  # fmt: skip


def _refusal(attempts: Attempts, name: str) -> NotFitted | None:
    n, finished = attempts.n, attempts.n_events
    if not n:
        collect = message(
            "client logs with piece start and finish lines (level debug from client v1.4.1), or metrics of clients from v1.5.4 on"
        )
        return NotFitted(name, message("no attempt has a time and a size"), collect, 0)
    if finished < MIN_EVENTS:
        reason = message("only {finished} of {n} attempts finished; {needed} are needed", finished=finished, n=n, needed=MIN_EVENTS)  # fmt: skip
        more = message("a run with more or larger layers")
        return NotFitted(name, reason, message("a run with a longer timeout, so that attempts finish") if finished < n else more, n)  # fmt: skip
    observed = attempts.middle_s[attempts.finished] / attempts.size_bytes[attempts.finished]
    if np.ptp(np.log(observed)) < 1e-9:
        reason = message("all attempts took the same time for their size")
        return NotFitted(name, reason, message("times with fractions of a second"), n)
    return None


def _alternatives(best: Fitted, attempts: Attempts) -> tuple[Fitted, ...]:
    """Fit the best model to the attempts under their other weights."""
    rows = (bin_attempts(replace(attempts, weight=weight), best.model.rows) for weight in attempts.other_weights)
    fits = (maximise(Model(best.model.distribution, best.model.form, one), best.theta[:3]) for one in rows)
    return tuple(fitted for fitted in fits if fitted)


def _plausible(candidates: list[Fitted]) -> list[Fitted]:
    """Leave out distributions that are far from the data, whatever their likelihood: it has no digits, or rests on ties."""
    if len(candidates) < 2:
        return candidates
    with np.errstate(all="ignore"):
        distance = np.array([take_residuals(fitted).distance for fitted in candidates])
    kept = ~(distance > max(_NOWHERE_NEAR, 1.5 * float(np.nanmin(distance))))
    return [fitted for fitted, keep in zip(candidates, kept, strict=True) if keep]


def find_candidates(distributions: Sequence[Distribution], rows: Rows) -> list[Fitted]:
    """Fit distributions, each in the forms of its location that the most flexible one finds possible; return those that converged."""
    first, flexible = all_distributions()[_FIRST], all_distributions()[_FLEXIBLE]
    finished = ~rows.cut
    residual = rows.middle[finished] - rows.x[finished]
    centre, log_scale = float(residual.mean()), float(np.log(residual.std() + 1e-6))
    forms = (POWER, OVERHEAD) if np.ptp(rows.x) > _MIN_SPAN_OF_SIZES else (POWER,)
    starts = {POWER: (centre, 1.0, log_scale), OVERHEAD: (centre, -2.0, log_scale)}
    plain = {form: fitted for form in forms if (fitted := maximise(Model(first, form, rows), starts[form]))}
    if not plain:
        return []
    splines = (maximise(Model(flexible, form, rows), fitted.theta) for form, fitted in plain.items())
    pairs = [*plain.values(), *(fitted for fitted in splines if fitted)]

    def ahead(fits: list[Fitted]) -> dict[str, float]:
        return {form: min(f.criterion() for f in fits if f.model.form == form) for form in plain}

    best = ahead(pairs)
    kept = [form for form in plain if best[form] - min(best.values()) < WORST_DIFFERENCE]
    found = [fitted for fitted in pairs if fitted.model.distribution in distributions]
    if len(distributions) > 1 and rows.weight[finished].sum() < _MIN_ATTEMPTS_FOR_SPLINE:
        found = [fitted for fitted in found if not fitted.model.distribution.is_fallback]
    for distribution in sorted(distributions, key=lambda distribution: len(distribution.shapes)):
        if distribution in (first, flexible):
            continue
        leading = ahead(pairs + found)
        few = len(distribution.shapes) <= _FEW_SHAPES
        for form in kept if few else (min(kept, key=leading.__getitem__),):
            fitted = maximise(Model(distribution, form, rows), plain[form].theta, min(leading.values()))
            found += [fitted] if fitted else []
    if found:  # the leading distribution in its other form too, so that the answer does not rest on one form alone
        leader = min(found, key=lambda fitted: fitted.criterion()).model.distribution
        tried = {fitted.model.form for fitted in found if fitted.model.distribution == leader}
        others = (maximise(Model(leader, form, rows), plain[form].theta) for form in kept if form not in tried)
        found += [fitted for fitted in others if fitted]
    return found


def _goodness(mean: Average, candidates: list[Fitted], attempts: Attempts, residuals: Residuals) -> dict[str, float]:
    effect = mean.best.design_effect
    result = {f"aic_{fitted.model.name}": fitted.criterion(effect) for fitted in candidates}
    result |= {f"weight_{f.model.name}": float(w) for f, w in zip(mean.members, mean.weights, strict=True)}
    result |= {"km_distance": residuals.distance, "km_distance_expected": residuals.expected * float(np.sqrt(effect))}
    result |= {"design_effect": effect, "n_dropped": float(attempts.left_out.get("unusable", 0))}
    result |= {f"n_{reason}": float(count) for reason, count in attempts.left_out.items() if reason != "unusable"}
    result["n_finished_late"] = float(attempts.n_late)
    result["distinct_sizes"] = float(len(np.unique(np.round(np.log(attempts.size_bytes), 2))))
    mixed = [(f, w) for f, w in zip(mean.members, mean.weights, strict=True) if f.model.distribution.heterogeneous]
    if sum(w for _, w in mixed) > 0.5:
        leading = mixed[0][0]
        shapes = zip(leading.model.distribution.shapes, leading.theta[2:], strict=True)
        result["stall_share"] = next(shape.natural(float(value)) for shape, value in shapes if shape.name == "share")
    return result


def _notes(goodness: Mapping[str, float], endings: Mapping[str, Ending], attempts: Attempts) -> tuple[str, ...]:
    result = []
    if goodness["distinct_sizes"] < 2:
        result.append(message("all attempts have one size: other sizes are extrapolated in proportion"))
    if goodness["km_distance"] > goodness["km_distance_expected"]:
        result.append(message("no distribution follows the data closely below the timeout: use the range, not the value"))  # fmt: skip
    if "stall_share" in goodness:
        share = goodness["stall_share"]
        result.append(message("about {share:.1%} of attempts stall or are much slower than the others", share=share))
    early = [one.outcome for one in endings.values() if one.per_attempt]
    result += [message("{outcome} failures happen at the start of an attempt, however long it takes", outcome=one) for one in early]  # fmt: skip
    result += [
        plural("{n} row was left out: {reason}", "{n} rows were left out: {reason}", count, reason=_LEFT_OUT[reason])
        for reason, count in attempts.left_out.items()
    ]
    return tuple(result)


def _params(fitted: Fitted, level: float) -> tuple[Param, ...]:
    """Return ``location_1mib`` (at 1 MiB after any overhead, s), ``slope`` (power of size) or ``overhead`` (s), then the shapes."""
    rows, theta = fitted.model.rows, fitted.theta
    unit_s = float(np.exp(rows.log_unit))
    steps = float(special.ndtri(0.5 + level / 2.0)) * np.array([0.0, -1.0, 1.0])
    error = np.sqrt(np.diag(fitted.covariance))
    x, power = float(np.log(_MIB)) - rows.log_size, fitted.model.form == POWER
    row = np.array([1.0, x if power else 0.0])
    middle = float(row @ theta[:2]) + (0.0 if power else x) + rows.log_unit
    location = middle + steps * float(np.sqrt(row @ fitted.covariance[:2, :2] @ row))
    second = theta[1] + steps * error[1]
    result = [("location_1mib", np.exp(np.clip(location, -LARGEST_LOG, LARGEST_LOG)).tolist(), "s")]
    if power:
        result.append(("slope", second.tolist(), message("log s per log byte")))
    else:
        result.append(("overhead", (fitted.model.overhead((np.array(theta[0]), second)) * unit_s).tolist(), "s"))
    for place, shape in enumerate(fitted.model.distribution.shapes, start=2):
        unit = unit_s if shape.unit == "s" else 1.0
        ends = [shape.natural(float(theta[place] + step * error[place])) * unit for step in steps]
        result.append((shape.name, ends, shape.unit))
    return tuple(Param(name, value, low, high, unit) for name, (value, low, high), unit in result)
