"""Diagnostics of a fit: frames of probabilities, of residuals, and of hosts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.models.censored_data import Rows
from dfly_analysis.models.distribution import LARGEST_LOG, Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.kaplan_meier import survival_steps

_POINTS = 200
_MIN_SHARE = 1e-4
_INFLUENCE = (0.5, 0.99)


@dataclass(frozen=True)
class Checks:
    """Frames to draw or to read.

    ``probability``, a row for each residual of all sizes together: ``model`` (the share that lasts longer by the fit), ``observed`` (by
    Kaplan-Meier), ``model_z`` and ``observed_z`` (both as normal quantiles, so that a good fit is a straight line). ``residuals``, a row for
    each of the likelihood: ``size_bytes``, ``time_s``, ``weight``, ``finished``, ``residual`` (Cox-Snell: of a good fit exponential with
    mean 1). ``hosts``, of a sample where there are thousands: ``host``, ``n``, ``finished``, ``expected`` by the fit, ``ratio`` (far above
    1 is a fast host, far below a slow one) with its interval ``low`` and ``high``, ``shift_q50`` and ``shift_q99`` (by what factor the
    quantile at the usual size would change without the host, to first order).
    """

    probability: pd.DataFrame
    residuals: pd.DataFrame
    hosts: pd.DataFrame


def check_fit(fit: DurationFit) -> Checks:
    """Return frames to judge a fit by."""
    model, theta = fit.average.best.model, fit.average.best.theta
    rows = model.rows
    residuals = pd.DataFrame({
        "size_bytes": np.exp(rows.x + rows.log_size), "time_s": np.exp(rows.middle + rows.log_unit), "weight": rows.weight,
        "finished": ~rows.cut, "residual": np.minimum(-model.log_survival(theta, rows.x, rows.middle), LARGEST_LOG),
    })  # fmt: skip
    return Checks(_probability(rows, residuals["residual"].to_numpy()), residuals, _hosts(fit))


def _probability(rows: Rows, cox_snell: Array) -> pd.DataFrame:
    """Compare survivals of the Cox-Snell residuals, whose distribution is the same for every size."""
    residual, observed, _ = survival_steps(cox_snell, ~rows.cut, rows.weight)
    expected = np.exp(-residual)
    inside = (np.minimum(observed, expected) > _MIN_SHARE) & (np.maximum(observed, expected) < 1.0 - _MIN_SHARE)
    result = pd.DataFrame({"model": expected, "observed": observed})[inside]
    keep = np.unique(np.linspace(0, max(len(result) - 1, 0), min(len(result), _POINTS)).astype(int))
    result = result.iloc[keep].reset_index(drop=True)
    return result.assign(model_z=-special.ndtri(result["model"]), observed_z=-special.ndtri(result["observed"]))


def _hosts(fit: DurationFit) -> pd.DataFrame:
    """Return what finished by host and what the fit expects, and how far the answer depends on each host."""
    data, best = fit.attempts, fit.average.best
    cluster = data.clusters.get("host")
    if cluster is None:
        return pd.DataFrame({"host": [], "ratio": []})
    model, theta, count = best.model, best.theta, len(cluster.names)
    x, y = np.log(data.size_bytes) - model.rows.log_size, np.log(data.middle_s) - model.rows.log_unit
    hazard = np.minimum(-model.log_survival(theta, x, y), LARGEST_LOG)
    n, finished, expected = (
        np.asarray((cluster.counts @ value)[:count]) for value in (np.ones(len(x)), data.finished.astype(float), hazard)
    )
    half = 1.96 * np.sqrt(np.maximum(finished, 1.0))
    scaled = np.maximum(expected, 1e-12)
    result = pd.DataFrame({
        "host": list(cluster.names), "n": n, "finished": finished, "expected": expected, "ratio": finished / scaled,
        "low": np.maximum(finished - half, 0.0) / scaled, "high": (finished + half) / scaled, **_shifts(fit),
    })  # fmt: skip
    return result[result["n"] > 0].sort_values("ratio").reset_index(drop=True)


def _shifts(fit: DurationFit) -> dict[str, Array]:
    """Return the factors by which quantiles would change without each host: one step of the search without its scores."""
    best, data = fit.average.best, fit.attempts
    model, theta, rows = best.model, best.theta, best.model.rows
    scores = np.empty((len(rows.y), len(theta)))
    scores[model.order] = np.nan_to_num(model.scores(theta))
    cluster = rows.clusters["host"]
    steps = -(cluster.counts @ scores)[: len(cluster.names)] @ best.model_covariance
    x = np.array(np.log(data.median_size) - rows.log_size)
    moved = (theta + steps).T
    return {
        f"shift_q{100 * p:.0f}": np.exp(model.quantile(moved, x, np.array(p)) - model.quantile(theta, x, np.array(p)))
        for p in _INFLUENCE
    }
