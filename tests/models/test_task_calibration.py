"""Observed failures of tasks against predicted ones."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.estimates import measured_retry_correlation
from dfly_analysis.models import fit_duration
from dfly_analysis.models.layer_failure import task_failure_probability
from dfly_analysis.models.task_calibration import calibrate

MIB = 2**20


def _pieces(seed=1, n=1500, sizes=(4, 16, 64), limit=30.0, reset_per_s=0.003, spread=0.5):
    source = np.random.default_rng(seed)
    size = source.choice(np.array(sizes) * MIB, n)
    duration = size / (3.0 * MIB) * np.exp(spread * source.standard_normal(n))
    reset = source.exponential(1 / reset_per_s, n)
    seen = np.minimum(np.minimum(duration, reset), limit)
    outcome = np.where(duration <= seen, "ok", np.where(reset < limit, "reset", "timeout"))
    return pd.DataFrame({"size_bytes": size, "duration_s": seen, "outcome": outcome, "timeout_s": limit})


def _tasks(attempt, retry_correlation, *, n=400, seed=11):
    source = np.random.default_rng(seed)
    count = source.integers(1, 40, n)
    chance = [task_failure_probability(attempt, k, 2, retry_failure_correlation=retry_correlation) for k in count]
    failed = source.random(n) < np.array(chance)
    return pd.DataFrame({
        "size_bytes": count * 64 * MIB, "piece_bytes": 64 * MIB, "outcome": np.where(failed, "failed", "ok"), "role": "seedClient",
    })  # fmt: skip


@pytest.mark.parametrize("retry_correlation", [0.0, 0.3])
def test_retry_correlation_is_found_from_failed_tasks(retry_correlation):
    """Tasks whose passes repeat their failures fail more often than independent passes would; how much is recovered."""
    pieces = _pieces(seed=13, n=3000, sizes=(64,), reset_per_s=1e-9)
    distribution = fit_duration(pieces)
    found = calibrate(
        distribution, _tasks(distribution.failure_rate(64 * MIB, 30.0).value, retry_correlation), 30.0, "v1.0.17"
    )
    assert found.retry_failure_correlation.low <= retry_correlation <= found.retry_failure_correlation.high
    assert (found.retry_failure_correlation.value == 0.0) == (retry_correlation == 0.0)
    assert found.expected.low <= found.failed <= found.expected.high
    assert found.n == sum(one.n for one in found.bins) == 400
    assert found.failed == sum(one.failed for one in found.bins)
    for one in found.bins:
        assert 0 <= one.predicted.low <= one.predicted.value <= one.predicted.high <= 1


def test_retry_correlation_is_measured_only_by_many_tasks():
    """Many tasks measure how much repeats; a handful that all worked measure nothing, and the caution stands."""
    pieces = _pieces(seed=13, n=3000, sizes=(64,), reset_per_s=1e-9)
    distribution = fit_duration(pieces)
    tasks = _tasks(distribution.failure_rate(64 * MIB, 30.0).value, 0.3)
    few = tasks.iloc[:6].assign(outcome="ok", size_bytes=64 * MIB)
    made = [SimpleNamespace(calibration=calibrate(distribution, rows, 30.0, "v1.0.17")) for rows in (tasks, few)]
    assert measured_retry_correlation({"task_failure": made[0]}).value == pytest.approx(0.3, abs=0.15)
    assert measured_retry_correlation({"task_failure": made[1]}) is None
    assert measured_retry_correlation({}) is None
