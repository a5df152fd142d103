"""Prometheus' histograms of piece durations, joined with the log rows of the same hosts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.dataset import Dataset
from dfly_analysis.models.distributions import all_distributions
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import fit_attempts
from dfly_analysis.models.piece_histograms import PIECE_DURATION_METRIC, histogram_attempts
from dfly_analysis.models.weighted_attempts import PIECES_SQL, load_attempts
from dfly_analysis.schema import PIECES, RUNS
from tests.frames import dataset_of

PIECE, TIMEOUT_S, BEGAN = 4 << 20, 6.0, pd.Timestamp("2026-05-02T10:00:00Z")
BOUNDS_S = np.array([0.0, *2.0 ** np.arange(24) * 1e-3])
NO_PIECES = PIECES.frame({})


def attempts_of_a_run(n: int = 1_500, seed: int = 1) -> pd.DataFrame:
    """Attempts at whole and last pieces on two seeds; those that wait long are cut at the timeout, some are cancelled before."""
    rng = np.random.default_rng(seed)
    size = np.where(rng.random(n) < 0.02, rng.integers(1, PIECE, n), PIECE)
    takes = 2.6 * size / PIECE * np.exp(0.5 * rng.standard_normal(n))
    cancelled = rng.exponential(40.0, n)
    ends = np.minimum(np.minimum(takes, TIMEOUT_S), cancelled)
    outcome = np.where(ends == takes, "ok", np.where(ends == TIMEOUT_S, "timeout", "cancelled"))
    return pd.DataFrame({
        "host": rng.choice(["seed-0", "seed-1"], n), "role": "seedClient", "origin": "source", "task_id": [f"task-{one}" for one in rng.integers(0, 40, n)],
        "size_bytes": size, "duration_s": ends, "outcome": outcome, "timeout_s": TIMEOUT_S, "started": BEGAN, "ended": BEGAN + pd.to_timedelta(ends, "s"),
        "successes_not_logged": False,
    })  # fmt: skip


def metrics_of(attempts: pd.DataFrame, lost_passes: int | None = None) -> pd.DataFrame:
    """What the hosts of attempts and their scheduler export: durations of finished pieces, their bytes, and all requests."""
    rows = []
    for host, own in attempts.groupby("host"):
        done = own[own["outcome"] == "ok"]
        common = {"tool": "prometheus", "host": host, "role": "seedClient", "started": BEGAN}
        counts = np.histogram(done["duration_s"], BOUNDS_S)[0]
        rows += [
            {**common, "metric": PIECE_DURATION_METRIC, "kind": "histogram", "label": "type=BACK_TO_SOURCE", "n": n, "lower_s": low, "upper_s": high}
            for n, low, high in zip(counts, BOUNDS_S[:-1], BOUNDS_S[1:], strict=True) if n
        ]  # fmt: skip
        total = int(done["size_bytes"].sum())
        rows.append(
            {
                **common,
                "metric": "dragonfly_client_download_traffic",
                "kind": "counter",
                "n": total,
                "bytes_from_source": total,
            }
        )
        rows.append({**common, "metric": "dragonfly_client_backend_request_total", "kind": "counter", "label": "method=GET scheme=http", "n": len(own)})  # fmt: skip
    if lost_passes is not None:
        rows.append({
            "tool": "prometheus", "host": "scheduler-0", "role": "scheduler", "metric": "dragonfly_scheduler_download_piece_finished_total",
            "kind": "counter", "label": "host_type=super traffic_type=BACK_TO_SOURCE", "failures": lost_passes,
        })  # fmt: skip
    return RUNS.frame(pd.DataFrame(rows).to_dict("series"))


def fit(dataset: Dataset) -> DurationFit:
    """The log-normal distribution of pieces from the source, by logs and metrics together."""
    rows = load_attempts(dataset, PIECES_SQL).with_rows(histogram_attempts(dataset)).select("origin", "source")
    found = fit_attempts(rows.attempts(), "piece", [all_distributions()["lognormal"]])
    assert isinstance(found, DurationFit)
    return found


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50), st.floats(0.0, 1.0))
def test_each_attempt_counts_once_however_much_is_logged(seed, share):
    run = attempts_of_a_run(300, seed)
    logged = run[np.random.default_rng(seed).random(len(run)) < share]
    found = histogram_attempts(dataset_of(pieces=logged, runs=metrics_of(run)))
    missing, last_pieces = len(run) - len(logged), 0.08 * len(run)
    assert missing - last_pieces <= found["weight"].sum() <= missing + 1e-6


@pytest.fixture(scope="module")
def three_inputs():
    """The fits of one run: from a log without the second passes, from metrics, and from both."""
    run = attempts_of_a_run()
    metrics, logged = metrics_of(run, lost_passes=20), run[(run["outcome"] != "ok") | (run.index % 8 != 0)]
    return {
        "logs": fit(dataset_of(pieces=logged)), "metrics": fit(dataset_of(pieces=NO_PIECES, runs=metrics)),
        "both": fit(dataset_of(pieces=logged, runs=metrics)),
    }  # fmt: skip


@pytest.mark.parametrize(("p", "true_s"), [(0.99, 8.32), (0.999, 12.19)])
def test_logs_metrics_and_both_find_the_quantiles(three_inputs, p, true_s):
    for name, found in three_inputs.items():
        answer = found.quantile(PIECE, p)
        assert answer.value == pytest.approx(true_s, rel=0.2), name
        assert answer.low <= true_s <= answer.high, name


@pytest.mark.parametrize("p", [0.5, 0.99, 0.999])
def test_metrics_beside_logs_narrow_the_interval(three_inputs, p):
    width = {name: (answer := found.quantile(PIECE, p)).high - answer.low for name, found in three_inputs.items()}
    assert width["both"] < min(width["logs"], width["metrics"])


def test_failures_of_a_round_enter_with_its_finished_pieces():
    """A client that logs only failures is fitted once its metrics count what finished."""
    run = attempts_of_a_run()
    failures = run[run["outcome"] != "ok"].assign(successes_not_logged=True)
    assert load_attempts(dataset_of(pieces=failures), PIECES_SQL).attempts().n == 0
    found = fit(dataset_of(pieces=failures, runs=metrics_of(run)))
    assert found.n_censored == pytest.approx(len(failures), abs=3)  # but last pieces
    assert found.quantile(PIECE, 0.999).value == pytest.approx(12.19, rel=0.2)


def test_hosts_under_other_names_are_not_counted_again():
    run = attempts_of_a_run(200)
    assert histogram_attempts(dataset_of(pieces=run.assign(host="node-7"), runs=metrics_of(run))).empty


def test_a_server_and_a_dump_of_one_host_count_once():
    run = attempts_of_a_run(200)
    dump = metrics_of(run)
    server = dump.assign(ended=BEGAN + pd.Timedelta("1h"))
    alone, together = (
        histogram_attempts(dataset_of(pieces=NO_PIECES, runs=RUNS.frame(runs.to_dict("series"))))
        for runs in (dump, pd.concat([dump, server], ignore_index=True))
    )
    assert together["weight"].sum() == pytest.approx(alone["weight"].sum())


def test_an_unknown_timeout_leaves_the_last_bucket_open():
    """Pieces of the last bucket may have been the fastest of those that a timeout did not cut."""
    run = attempts_of_a_run()
    found = fit(dataset_of(pieces=NO_PIECES, runs=metrics_of(run, lost_passes=20)))
    assert found.quantile(PIECE, 0.999).high > 12.19


def test_nothing_timed_out_far_beyond_all_buckets():
    """Requests that did not finish under a timeout of minutes ended by something else."""
    run = attempts_of_a_run(400)
    settled = run.groupby("host").head(1).assign(timeout_s=360.0)
    found = histogram_attempts(dataset_of(pieces=settled, runs=metrics_of(run, lost_passes=20)))
    assert not found["outcome"].eq("timeout").any()


def test_pieces_from_parents_are_attempts_of_their_own():
    run = attempts_of_a_run(200)
    metrics = metrics_of(run[run["outcome"] == "ok"])
    metrics["label"] = metrics["label"].str.replace("BACK_TO_SOURCE", "REMOTE_PEER")
    metrics = metrics.rename(
        columns={"bytes_from_source": "bytes_from_parent", "bytes_from_parent": "bytes_from_source"}
    )
    found = histogram_attempts(dataset_of(pieces=NO_PIECES, runs=RUNS.frame(metrics.to_dict("series"))))
    assert set(found["origin"]) == {"parent"}
    assert set(found["outcome"]) == {"ok"}
