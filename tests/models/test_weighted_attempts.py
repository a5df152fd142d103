"""Attempts out of the engine: rows while they are few, else weighted bins."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.models import check_fit, weighted_attempts
from dfly_analysis.models.model_selection import fit_attempts
from dfly_analysis.models.weighted_attempts import (
    TASK_DURATION_METRIC,
    source_attempts,
)
from dfly_analysis.schema import RUNS
from tests.frames import dataset_of

MIB = 2**20


def test_tasks_in_logs_go_before_buckets_of_metrics():
    """A host whose tasks are in the logs is not counted again from its metrics; clients are not mixed with seeds."""
    tasks = pd.DataFrame({
        "task_id": ["a", "b", "c", "d"], "host": ["seed-0", "seed-0", "seed-0", "client-0"], "role": ["seedClient"] * 3 + ["client"],
        "size_bytes": [100 * MIB] * 4, "duration_s": [10.0, 4.0, 3.0, 1.0], "outcome": ["ok", "failed", "unknown", "ok"],
    })  # fmt: skip
    runs = RUNS.frame({
        "tool": "prometheus", "metric": TASK_DURATION_METRIC, "kind": "histogram", "host": ["seed-0", "seed-1", "client-1"], "role": ["seedClient", "seedClient", "client"],
        "size_lower_bytes": 64 * MIB, "size_upper_bytes": 128 * MIB, "lower_s": 8.192, "upper_s": 16.384, "n": [5, 7, 9],
    })  # fmt: skip
    made = weighted_attempts.load_attempts(dataset_of(tasks=tasks, runs=runs), weighted_attempts.TASKS_SQL).frame
    assert made["host"].tolist() == ["seed-0", "seed-0", "seed-1"]
    assert made["outcome"].tolist() == ["ok", "unknown", "ok"]
    assert made["weight"].tolist() == [1.0, 1.0, 7.0]


def _fleet(n=30_000, hosts=40, seed=3):
    """Attempts of tasks on hosts that differ, some cut at 6 s, with short last pieces and pieces from parents."""
    rng = np.random.default_rng(seed)
    host = rng.integers(0, hosts, n)
    task = host * 10 + rng.integers(0, 10, n)
    time = np.exp(0.5 * rng.standard_normal(n) + 0.2 * rng.standard_normal(hosts)[host] + 0.7)
    last = rng.random(n) < 0.02
    return pd.DataFrame({
        "size_bytes": np.where(last, rng.integers(1, 4 * MIB, n), 4 * MIB), "duration_s": np.minimum(time, 6.0), "timeout_s": 6.0,
        "outcome": np.where(time > 6.0, "timeout", np.where(rng.random(n) < 0.01, "reset", "ok")), "host": [f"host-{code}" for code in host],
        "task_id": [f"{code:064x}" for code in task], "origin": np.where(rng.random(n) < 0.2, "parent", "source"),
        "role": "seedClient", "started": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n), "s"),
    })  # fmt: skip


@pytest.fixture(scope="module")
def exact_and_binned():
    """The duration from the source fitted to rows, and to bins of them."""
    dataset, found = dataset_of(pieces=_fleet()), []
    for most in (weighted_attempts.MAX_EXACT_ROWS, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(weighted_attempts, "MAX_EXACT_ROWS", most)
            taken = weighted_attempts.load_attempts(dataset, weighted_attempts.PIECES_SQL)
        source = taken.select("origin", "source")
        found.append((taken, fit_attempts(source.attempts(), "piece")))
    return found


def test_bins_are_few_and_count_every_attempt(exact_and_binned):
    """Thirty thousand attempts become less than a tenth as many bins, and none is lost."""
    (rows, exact), (bins, binned) = exact_and_binned
    assert len(bins.frame) < len(rows.frame) / 5
    assert bins.frame["weight"].sum() == len(rows.frame)
    assert (binned.n, binned.n_censored, binned.window) == (exact.n, exact.n_censored, exact.window)
    assert binned.attempts.left_out == exact.attempts.left_out


def test_bins_fit_as_rows_do(exact_and_binned):
    """Estimates move by less than a ten-thousandth, intervals by no more than the noise of six hundred draws."""
    (_, exact), (_, binned) = exact_and_binned
    assert binned.model == exact.model
    assert binned.goodness["design_effect"] == pytest.approx(exact.goodness["design_effect"], rel=0.02)
    assert binned.endings["reset"].dispersion == pytest.approx(exact.endings["reset"].dispersion, rel=0.02)
    for p in (0.5, 0.9, 0.99):
        one, other = exact.quantile(4 * MIB, p), binned.quantile(4 * MIB, p)
        assert other.value == pytest.approx(one.value, rel=1e-4)
        assert np.log(other.high / other.low) == pytest.approx(np.log(one.high / one.low), rel=0.25)


def test_hosts_keep_their_counts_in_bins(exact_and_binned):
    """What each host finished and should have finished is the same."""
    exact, binned = (check_fit(fit).hosts.set_index("host").sort_index() for _, fit in exact_and_binned)
    assert binned["n"].tolist() == exact["n"].tolist()
    assert binned["expected"].to_numpy() == pytest.approx(exact["expected"].to_numpy(), rel=0.01)


def test_a_sample_of_hosts_stands_for_all(monkeypatch):
    """Of four hundred tasks a quarter still measures how much tasks and hosts scatter."""
    dataset = dataset_of(pieces=_fleet(hosts=400).query("origin == 'source'"))
    exact = fit_attempts(weighted_attempts.load_attempts(dataset, weighted_attempts.PIECES_SQL).attempts(), "piece")
    monkeypatch.setattr(weighted_attempts, "MAX_EXACT_ROWS", 1_000)
    monkeypatch.setattr(weighted_attempts, "_MAX_CLUSTERS", 100)
    sampled = weighted_attempts.load_attempts(dataset, weighted_attempts.PIECES_SQL).attempts()
    assert 60 < sampled.clusters["host"].n < 140
    fit = fit_attempts(sampled, "piece")
    assert fit.goodness["design_effect"] == pytest.approx(exact.goodness["design_effect"], rel=0.4)


def test_many_source_attempts_are_a_window_of_time(monkeypatch):
    """What depends on the order in time gets the middle of a large input, with all its hosts."""
    monkeypatch.setattr(weighted_attempts, "MAX_EXACT_ROWS", 1_000)
    monkeypatch.setattr(weighted_attempts, "MAX_WINDOW_ROWS", 600)
    pieces = _fleet(3_000)
    found = source_attempts(dataset_of(pieces=pieces))
    source = pieces[pieces["origin"] == "source"]
    begin = (len(source) - 600) // 2
    assert found["started"].tolist() == source["started"].iloc[begin : begin + 600].tolist()
