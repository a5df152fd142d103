"""Benchmarks: aggregates, quantiles, buckets and failures are taken for what they are."""

from __future__ import annotations

import numpy as np
import pytest

import dfly_analysis as dfly
from dfly_analysis.models import fit_benchmark, fit_storage
from dfly_analysis.models.benchmark_aggregates import RANGE, read_summaries
from dfly_analysis.models.benchmarks import fit_benchmarks
from dfly_analysis.schema import RUNS
from tests.frames import dataset_of

SIZES = (1e3, 1e6, 1e8, 1e9, 1e10)
OVERHEAD_S, THROUGHPUT_BPS, SPREAD = 0.5, 2e8, 0.3


def times(rng, size: float, n: int) -> np.ndarray:
    return (OVERHEAD_S + size / THROUGHPUT_BPS) * np.exp(SPREAD * rng.standard_normal(n))


def aggregate(size: float, seen: np.ndarray, **more) -> dict:
    return {
        "tool": "dfbench", "kind": "aggregate", "size_bytes": int(size), "n": len(seen), "min_s": seen.min(), "mean_s": seen.mean(),
        "max_s": seen.max(), **more,
    }  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_overhead_and_throughput_come_back_from_aggregates(n):
    """From least, mean and greatest alone; over twelve runs the 95 % intervals hold the truth at least ten times."""
    held = np.zeros(2)
    for seed in range(12):
        rng = np.random.default_rng([n, seed])
        found = fit_benchmark(RUNS.frame([aggregate(size, times(rng, size, n)) for size in SIZES]))
        held += [p.low <= truth <= p.high for p, truth in zip(found.params, (OVERHEAD_S, THROUGHPUT_BPS), strict=False)]
        assert found.time(1e9).low <= found.time(1e9).value <= found.time(1e9).high
    assert (held >= 10).all()


def test_samples_aggregates_and_buckets_agree():
    """One set of downloads told in three ways gives nearly one answer."""
    rng = np.random.default_rng(8)
    seen = {size: times(rng, size, 40) for size in SIZES}
    samples = [
        {"tool": "csv", "kind": "sample", "size_bytes": int(size), "duration_s": time, "outcome": "ok"}
        for size, all_times in seen.items()
        for time in all_times
    ]
    edges = np.append(np.geomspace(0.1, 200.0, 60), np.inf)
    buckets = [
        {"tool": "csv", "kind": "histogram", "size_bytes": int(size), "n": int(count), "lower_s": low, "upper_s": high}
        for size, all_times in seen.items()
        for low, high, count in zip(np.append(0.0, edges[:-1]), edges, np.histogram(all_times, np.append(0.0, edges))[0], strict=True)
        if count
    ]  # fmt: skip
    rows = (samples, [aggregate(size, one) for size, one in seen.items()], buckets)
    made = [fit_benchmark(RUNS.frame(one)) for one in rows]
    for index, truth in ((0, OVERHEAD_S), (1, THROUGHPUT_BPS)):
        assert [one.params[index].value for one in made] == pytest.approx([truth] * 3, rel=0.15)


def test_downloads_that_were_cut_count_as_lower_bounds():
    """Left out, they make the source look faster than it is."""
    rng = np.random.default_rng(2)
    rows = []
    for size in (1e8, 1e9, 4e9):
        for time in times(rng, size, 60):
            limit = 1.1 * (OVERHEAD_S + size / THROUGHPUT_BPS)
            cut = time > limit
            rows.append(
                {"tool": "csv", "kind": "sample", "size_bytes": int(size), "duration_s": min(time, limit), "timeout_s": limit,
                 "outcome": "timeout" if cut else "ok"}
            )  # fmt: skip
    whole = fit_benchmark(RUNS.frame(rows))
    survivors = fit_benchmark(RUNS.frame([row for row in rows if row["outcome"] == "ok"]))
    assert whole.n_censored > 40
    assert whole.goodness["lower_bounds"] == whole.n_censored
    assert whole.params[1].value < 0.95 * survivors.params[1].value
    assert whole.params[1].low <= THROUGHPUT_BPS <= whole.params[1].high
    assert whole.failure_rate.value == pytest.approx(whole.n_censored / 180)


def test_survivors_are_named_as_such(root):
    """dfbench hides its failures: the fit says so, and knows no failure rate."""
    dataset = dfly.load([root / "data" / "samples" / "dfbench-readme.txt"])
    found = fit_benchmarks(dataset)["benchmark_dfbench"]
    assert found.failure_rate is None
    assert any("successful downloads only" in note for note in found.notes)
    assert found.params[0].value == pytest.approx(0.76, rel=0.1)
    assert found.time(10 * 2**30).low < 38.8 < found.time(10 * 2**30).high


def test_failures_without_a_time_count_without_being_times():
    """They enter the failure rate and a note, not the likelihood."""
    rng = np.random.default_rng(5)
    rows = [aggregate(size, times(rng, size, 10), tool="vegeta", failures=2) for size in SIZES]
    found = fit_benchmark(RUNS.frame(rows))
    assert found.n_censored == 10
    assert found.goodness["lower_bounds"] == 0
    assert any("no duration" in note for note in found.notes)


def test_buckets_go_before_the_aggregate_of_the_same_file():
    """vegeta prints both of the same requests; they count once."""
    report = {"tool": "vegeta", "kind": "aggregate", "size_bytes": 1000, "n": 30, "min_s": 0.1, "mean_s": 0.2, "max_s": 0.5,
              "log_path": "a", "failures": 0}  # fmt: skip
    bucket = {"tool": "vegeta", "kind": "histogram", "n": 30, "lower_s": 0.1, "upper_s": 0.5, "log_path": "a"}
    found = read_summaries(RUNS.frame([report, bucket]))
    assert (found.n, found.statements.kind.tolist(), found.statements.size_bytes.tolist()) == (30, [RANGE], [1000.0])


def test_one_size_or_nothing_gives_a_reason():
    """Overhead and throughput cannot be told apart from one size."""
    rows = [aggregate(1e6, np.array([1.0, 1.2, 1.5])) for _ in range(3)]
    assert "one size" in fit_benchmark(RUNS.frame(rows)).reason
    assert isinstance(fit_benchmark(RUNS.frame()), dfly.NotFitted)
    assert set(fit_benchmarks(dataset_of())) == {"benchmark"}


def test_storage_speed_comes_from_writes_that_say_so():
    """Three writes give a speed; without any, what came down is named as its least."""
    rows = [
        {"tool": "csv", "kind": "sample", "label": "write", "size_bytes": 2**30, "duration_s": time}
        for time in (2.0, 2.1, 1.9)
    ]
    found = fit_storage(RUNS.frame(rows))
    assert found.speed_bps.low < 2**30 / 2.0 < found.speed_bps.high
    assert "at least 50 MB/s" in fit_storage(RUNS.frame(), 50e6).reason
