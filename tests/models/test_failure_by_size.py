"""Failures of tasks by size."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Fit, NotFitted
from dfly_analysis.models import (
    TaskFailureFit,
    task_failure_by_size,
)

MIB = 2**20


def _tasks(n=600, seed=3):
    source = np.random.default_rng(seed)
    size = np.exp(source.uniform(np.log(2 * MIB), np.log(40_000 * MIB), n))
    chance = 1 / (1 + np.exp(4.0 - 1.2 * np.log(size / (256 * MIB))))
    outcome = np.where(source.random(n) < chance, "failed", "ok")
    return pd.DataFrame({"size_bytes": size.astype("int64"), "outcome": outcome})


def test_task_failures_by_size():
    """Bins hold every task once, their intervals hold the truth, and the line follows the drawn one."""
    tasks = pd.concat(
        [_tasks(), pd.DataFrame({"size_bytes": [300 * MIB] * 2, "outcome": ["unknown", "died"]})], ignore_index=True
    )
    fit = task_failure_by_size(tasks)
    assert isinstance(fit, TaskFailureFit)
    assert isinstance(fit, Fit)
    assert sum(made.n for made in fit.bins) == fit.n == 601
    assert sum(made.failed for made in fit.bins) == fit.n_failed
    assert fit.n_censored == 1
    assert fit.model == "logistic"
    low, high = fit.rate(64 * MIB), fit.rate(20_000 * MIB)
    assert low.value < high.value
    truth = 1 / (1 + np.exp(4.0 - 1.2 * np.log(20_000 / 256)))
    assert high.low <= truth <= high.high


def test_tasks_without_failures_or_at_all():
    """Without failures the rate is 0 with an upper end; without tasks there is no fit."""
    fit = task_failure_by_size(_tasks().assign(outcome="ok"))
    assert fit.model == "binned"
    assert fit.rate(64 * MIB).value == 0.0 < fit.rate(64 * MIB).high < 0.02
    assert isinstance(task_failure_by_size(_tasks().iloc[:0]), NotFitted)
    with pytest.raises(TableError, match="outcome"):
        task_failure_by_size(_tasks().drop(columns="outcome"))
