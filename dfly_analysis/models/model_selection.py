"""The law of how long an attempt at a piece takes: which laws are tried, which are kept, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models.censored_data import Attempts, Rows, bin_attempts
from dfly_analysis.models.competing_risks import Ending, count_endings
from dfly_analysis.models.distribution import Distribution
from dfly_analysis.models.distributions import all_distributions
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.input_columns import read_attempts
from dfly_analysis.models.likelihood import OVERHEAD, POWER, Model
from dfly_analysis.models.maximum_likelihood import Fitted, follow, maximise
from dfly_analysis.models.model_averaging import WORST_DIFFERENCE, Average, average
from dfly_analysis.models.parameter_table import describe
from dfly_analysis.models.residuals import Residuals, take_residuals

MIN_EVENTS = 5
_FIRST_LAW, _FLEXIBLE_LAW = "lognormal", "bent"
_MIN_SPAN_OF_SIZES = 0.1
# Fewer finished attempts do not say how to bend a law.
_MIN_ATTEMPTS_FOR_SPLINE = 150
# A law of more parameters is fitted in that form of its location only which is ahead.
_FEW_SHAPES = 2
_NOWHERE_NEAR = 0.3
_LEFT_OUT = {
    "unusable": "no positive time or size, or an unknown outcome",
    "other_origin": "not from the source",
    "last_piece": "last pieces of layers, shorter than the others",
    "successes_not_logged": "their round shows its failures only",
}


def fit_duration(
    pieces: pd.DataFrame,
    *,
    distribution: str | None = None,
    name: str = "piece_duration",
    level: float = 0.95,
    of_pieces: bool = True,
) -> DurationFit | NotFitted:
    """Fit the law of an attempt's uncut time, given its size.

    Parameters
    ----------
    pieces : DataFrame
        Needs ``size_bytes`` (bytes), ``duration_s`` (s), ``outcome`` (``ok`` finished; ``timeout`` is a lower bound at
        ``timeout_s``, every other outcome one at ``duration_s``) and ``timeout_s`` (s). Takes ``upper_s`` (a finished row
        then lies between ``duration_s`` and this, as in a bucket of a histogram), ``task_id`` and ``host`` (attempts of
        one share a fate), ``started`` (window) and ``weight``. Of several origins (``origin``) the source's rows alone are
        taken, with a note; so are whole pieces where they abound, and rounds whose finished pieces can be seen
        (``successes_not_logged``). It is not changed.
    distribution : str, optional
        Only this law; otherwise all, weighed by how well they fit.
    name : str
        What to call the fit.
    level : float
        Of the parameters' intervals.
    of_pieces : bool
        Whether rows are attempts at pieces, of which the last one of a layer is shorter; else whole tasks, say.

    Returns
    -------
    DurationFit or NotFitted

    Raises
    ------
    TableError
        Where a column is missing or the law is not known.
    """
    distributions = _chosen(distribution)
    attempts = read_attempts(pieces, of_pieces=of_pieces)
    refusal = _refusal(attempts, name)
    if refusal is not None:
        return refusal
    rows = bin_attempts(attempts)
    candidates = _plausible(find_candidates(distributions, rows))
    if not candidates:
        return NotFitted(
            name, "no law's likelihood has a finite best point", "more attempts, with their sizes", attempts.n
        )
    return _finished(name, average(candidates), candidates, attempts, level)


def refit(fit: DurationFit, pieces: pd.DataFrame, level: float = 0.95) -> DurationFit | NotFitted:
    """Fit to other attempts those laws that a fit answers from: much quicker than all laws anew.

    Parameters
    ----------
    fit : DurationFit
    pieces : DataFrame
        As `fit_duration` takes them, nearly those of the fit; not changed.
    level : float
        Of the parameters' intervals.

    Returns
    -------
    DurationFit or NotFitted
    """
    attempts = read_attempts(pieces)
    refusal = _refusal(attempts, fit.name)
    if refusal is not None:
        return refusal
    rows = bin_attempts(attempts)
    tried = (follow(Model(near.model.distribution, near.model.form, rows), near) for near in fit.average.members)
    candidates = [fitted for fitted in tried if fitted is not None]
    if not candidates:
        return NotFitted(fit.name, "no law's likelihood has a finite best point", "more attempts", attempts.n)
    return _finished(fit.name, average(candidates), candidates, attempts, level)


def _chosen(distribution: str | None) -> tuple[Distribution, ...]:
    known = all_distributions()
    if distribution is None:
        return tuple(known.values())
    if distribution not in known:
        hint = suggest_similar(distribution, known) or f"known are {', '.join(known)}"
        raise TableError(f"there is no law {distribution!r}", where="fit_duration", hint=hint)
    return (known[distribution],)


def _refusal(attempts: Attempts, name: str) -> NotFitted | None:
    if not attempts.n:
        collect = "client logs with piece start and finish lines (level debug from client v1.4.1)"
        return NotFitted(name, "there are no attempts with a time and a size", collect, 0)
    if attempts.n_events < MIN_EVENTS:
        reason = f"only {attempts.n_events} of {attempts.n} attempts finished; {MIN_EVENTS} are needed"
        cut = attempts.n_events < attempts.n
        collect = "a run with a longer timeout, so that attempts finish" if cut else "a run with more or larger layers"
        return NotFitted(name, reason, collect, attempts.n)
    observed = attempts.middle_s[attempts.finished] / attempts.size_bytes[attempts.finished]
    if np.ptp(np.log(observed)) < 1e-9:
        return NotFitted(
            name, "all attempts took the same time for their size", "times with their fractions", attempts.n
        )
    return None


def _plausible(candidates: list[Fitted]) -> list[Fitted]:
    """Leave out laws that are nowhere near the data, whatever their likelihood: it has no digits, or sits on ties."""
    if len(candidates) < 2:
        return candidates
    with np.errstate(all="ignore"):
        distance = np.array([take_residuals(fitted).distance for fitted in candidates])
    kept = ~(distance > max(_NOWHERE_NEAR, 1.5 * float(np.nanmin(distance))))
    return [fitted for fitted, keep in zip(candidates, kept, strict=True) if keep]


def find_candidates(distributions: Sequence[Distribution], rows: Rows) -> list[Fitted]:
    """Fit laws, each in the forms of its location that the most flexible law finds possible.

    Parameters
    ----------
    duration_models : sequence of Distribution
    rows : Rows

    Returns
    -------
    list of Fitted
        Those whose search ended at finite numbers.
    """
    first, flexible = all_distributions()[_FIRST_LAW], all_distributions()[_FLEXIBLE_LAW]
    finished = ~rows.cut
    residual = rows.middle[finished] - rows.x[finished]
    begin = (float(residual.mean()), 1.0, float(np.log(residual.std() + 1e-6)))
    forms = (POWER, OVERHEAD) if np.ptp(rows.x) > _MIN_SPAN_OF_SIZES else (POWER,)
    result = {form: maximise(Model(first, form, rows), _start(begin, form)) for form in forms}
    plain = {form: fitted for form, fitted in result.items() if fitted}
    if not plain:
        return []
    spline_fits = [maximise(Model(flexible, form, rows), fitted.theta) for form, fitted in plain.items()]
    pairs = [*plain.values(), *(fitted for fitted in spline_fits if fitted)]

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
            best_yet = min(leading.values())
            found += [f for f in (maximise(Model(distribution, form, rows), plain[form].theta, best_yet),) if f]
    return found + _in_other_form(found, {form: plain[form] for form in kept})


def _in_other_form(found: list[Fitted], plain: Mapping[str, Fitted]) -> list[Fitted]:
    """Fit the leading law in the form it was not tried in, so that the answer does not rest on one form alone."""
    if not found:
        return []
    leading = min(found, key=lambda fitted: fitted.criterion())
    tried = {fitted.model.form for fitted in found if fitted.model.distribution is leading.model.distribution}
    others = (
        maximise(Model(leading.model.distribution, form, leading.model.rows), plain[form].theta)
        for form in plain
        if form not in tried
    )
    return [fitted for fitted in others if fitted]


def _start(start: tuple[float, float, float], form: str) -> tuple[float, float, float]:
    return start if form == POWER else (start[0], -2.0, start[2])


def _finished(name: str, mean: Average, candidates: list[Fitted], attempts: Attempts, level: float) -> DurationFit:
    endings = count_endings(attempts)
    residuals = take_residuals(mean.best)
    goodness = _goodness(mean, candidates, attempts, residuals)
    return DurationFit(
        name=name,
        law=mean.best.model.name,
        params=describe(mean.best, level),
        n=attempts.n,
        n_censored=attempts.n - attempts.n_events,
        goodness=goodness,
        window=attempts.window,
        extrapolates_beyond_s=float(attempts.duration_s.max()),
        hazards={outcome: ending.rate() for outcome, ending in endings.items() if not ending.per_attempt},
        notes=_notes(goodness, endings, attempts),
        average=mean,
        endings=endings,
        residuals=residuals,
        attempts=attempts,
    )


def _goodness(mean: Average, candidates: list[Fitted], attempts: Attempts, residuals: Residuals) -> dict[str, float]:
    effect = mean.best.design_effect
    result = {f"aic_{fitted.model.name}": fitted.criterion(effect) for fitted in candidates}
    result |= {f"weight_{f.model.name}": float(w) for f, w in zip(mean.members, mean.weights, strict=True)}
    result |= {"km_distance": residuals.distance, "km_distance_expected": residuals.expected * float(np.sqrt(effect))}
    result |= {"design_effect": effect, "n_dropped": float(attempts.left_out.get("unusable", 0))}
    result |= {f"n_{why}": float(count) for why, count in attempts.left_out.items() if why != "unusable"}
    result["n_finished_late"] = float(attempts.n_late)
    result["distinct_sizes"] = float(len(np.unique(np.round(np.log(attempts.size_bytes), 2))))
    mixed = [(f, w) for f, w in zip(mean.members, mean.weights, strict=True) if f.model.distribution.heterogeneous]
    if sum(w for _, w in mixed) > 0.5:
        share = next(
            place for place, shape in enumerate(mixed[0][0].model.distribution.shapes) if shape.name == "share"
        )
        result["stall_share"] = (
            mixed[0][0].model.distribution.shapes[share].natural(float(mixed[0][0].theta[2 + share]))
        )
    return result


def _notes(goodness: Mapping[str, float], endings: Mapping[str, Ending], attempts: Attempts) -> tuple[str, ...]:
    result = []
    if goodness["distinct_sizes"] < 2:
        result.append("one size only: time is taken in proportion to size, so other sizes are extrapolated")
    if goodness["km_distance"] > goodness["km_distance_expected"]:
        result.append("no law follows the data closely below the limit: rely on the intervals, not on the values")
    if "stall_share" in goodness:
        result.append(f"about {goodness['stall_share']:.1%} of attempts are of a slower kind, or stall")
    result += [
        f"{e.outcome} failures come at the start of an attempt, not in the course of time"
        for e in endings.values()
        if e.per_attempt
    ]
    result += [f"{count} rows were left out: {_LEFT_OUT[why]}" for why, count in attempts.left_out.items()]
    return tuple(result)
