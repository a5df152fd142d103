"""Every fit of a dataset, by name."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import (
    DurationFit,
    TaskFailureFit,
    fit_all,
)
from dfly_analysis.models.weighted_attempts import TASK_DURATION_METRIC
from dfly_analysis.schema import PIECES, RUNS, TASKS
from tests.frames import dataset_of

MIB = 2**20


def _pieces(seed=1, n=1500, sizes=(4, 16, 64), limit=30.0, reset_per_s=0.003, spread=0.5):
    source = np.random.default_rng(seed)
    size = source.choice(np.array(sizes) * MIB, n)
    duration = size / (3.0 * MIB) * np.exp(spread * source.standard_normal(n))
    reset = source.exponential(1 / reset_per_s, n)
    seen = np.minimum(np.minimum(duration, reset), limit)
    outcome = np.where(duration <= seen, "ok", np.where(reset < limit, "reset", "timeout"))
    return pd.DataFrame({"size_bytes": size, "duration_s": seen, "outcome": outcome, "timeout_s": limit})


def _tasks(n=600, seed=3):
    source = np.random.default_rng(seed)
    size = np.exp(source.uniform(np.log(2 * MIB), np.log(40_000 * MIB), n))
    chance = 1 / (1 + np.exp(4.0 - 1.2 * np.log(size / (256 * MIB))))
    outcome = np.where(source.random(n) < chance, "failed", "ok")
    return pd.DataFrame({"size_bytes": size.astype("int64"), "outcome": outcome})


def test_fit_all_names_and_splits():
    """Pieces are split by where they come from; what there are no rows for is refused by name."""
    pieces = _pieces(n=700).assign(origin="source", role="seedClient")
    made = fit_all(dataset_of(pieces=pieces, tasks=_tasks()))
    assert isinstance(made["piece_from_source"], DurationFit)
    assert isinstance(made["piece_from_parent"], NotFitted)
    assert isinstance(made["task_failure"], TaskFailureFit)
    roles = pieces.assign(role=np.where(np.arange(700) < 300, "client", "seedClient"))
    split = fit_all(dataset_of(pieces=roles, tasks=_tasks()))
    assert {"piece_from_source_client", "piece_from_source_seedClient"} <= set(split)


def test_fit_all_takes_the_empty_tables():
    """Empty tables of the schema give refusals, never an exception."""
    made = fit_all(dataset_of(pieces=PIECES.frame(), tasks=TASKS.frame()))
    assert set(made) >= {"piece_from_source", "piece_from_parent", "task_failure"}
    assert all(isinstance(fit, NotFitted) for fit in made.values())


def test_logs_and_metrics_of_tasks_make_one_fit():
    """Whole tasks of one seed from its logs and of another from its buckets become one fit of all of them."""
    source = np.random.default_rng(14)
    size = source.choice([64, 128, 512], 300) * MIB
    duration = size / (10 * MIB) * np.exp(0.3 * source.standard_normal(300))
    tasks = pd.DataFrame({
        "size_bytes": size[:150], "duration_s": duration[:150], "outcome": "ok", "host": "seed-0", "role": "seedClient",
        "task_id": [f"task-{number}" for number in range(150)],
    })  # fmt: skip
    low = 2.0 ** np.floor(np.log2(duration[150:]))
    runs = RUNS.frame({
        "tool": "prometheus", "metric": TASK_DURATION_METRIC, "kind": "histogram", "host": "seed-1", "role": "seedClient", "size_lower_bytes": size[150:] // 2 + 1,
        "size_upper_bytes": size[150:] * 2, "lower_s": low, "upper_s": 2 * low, "n": 1,
    })  # fmt: skip
    pieces = _pieces(n=60).assign(origin="source", role="seedClient")
    fit = fit_all(dataset_of(pieces=pieces, tasks=tasks, runs=runs))["task_duration"]
    assert fit.n == 300
    assert fit.quantile(128 * MIB, 0.5).value == pytest.approx(12.8, rel=0.15)
