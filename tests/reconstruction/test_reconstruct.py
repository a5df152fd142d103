"""Pieces and tasks agree with what was planted, whatever the order and the parts of the records."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from reading_cases import generated, line, loaded, read, settings_of, write_tree
from reconstruction_cases import connect, reconstructed, timeouts, to_arrow

from dfly_analysis.dataset import effective_timeouts, load
from dfly_analysis.reconstruction import EffectiveTimeouts, problem_peers, reconstruct
from dfly_analysis.schema import PIECES, TASKS
from tests.synthetic import CLIENTS

FAILING = ["slow-source", "resets", "mixture", "truncated", "stalls", "write-timeout"]
RUNS = [(case, client) for client in CLIENTS for case in FAILING if (case, client) != ("write-timeout", "v0.1.118")]


def source(dataset):
    return dataset.pieces[dataset.pieces["origin"] == "source"]


def outcomes(pieces):
    return pieces["outcome"].value_counts().to_dict()


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_failed_and_cancelled_pieces_are_those_of_the_truth(case, version):
    """Cut, reset and cancelled attempts at the source are counted as planted, for every era and kind of failure."""
    _, truth = generated(case, version)
    pieces = source(loaded(case, version))
    got = outcomes(pieces)
    requests = truth.requests_at_origin
    assert truth.pieces_failed > 3
    assert got.get("timeout", 0) == truth.pieces_cut
    assert got.get("reset", 0) == requests.get("reset", 0) + requests.get("truncated", 0)
    assert got.get("cancelled", 0) == truth.pieces_cancelled
    assert "unknown" not in got
    seen_by_its_client = version != "v1.5.1"  # later clients log no start and no finish
    assert (got["ok"] == requests["sent"]) if seen_by_its_client else (0 < got["ok"] < requests["sent"])
    assert not pieces[pieces["outcome"] == "ok"].duplicated(["peer_id", "piece_number"]).any()
    assert pieces["censored"].equals(pieces["outcome"] != "ok")


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_a_cut_piece_ran_as_long_as_its_limit(case, version):
    """Of the two clocks over a body the shorter one is the limit in force, and cut pieces ran just as long."""
    _, truth = generated(case, version)
    pieces = source(loaded(case, version))
    cut = pieces[pieces["outcome"] == "timeout"]
    limits = [
        truth.seed_settings["pieceTimeout"],
        *([truth.seed_settings["writePieceTimeout"]] if version != "v0.1.118" else []),
    ]
    shortest = min(float(limit.removesuffix("s")) for limit in limits)
    assert len(cut) == truth.pieces_cut
    assert cut["timeout_s"].eq(shortest).all()
    assert (cut["duration_s"] - shortest).abs().le(0.1).all()
    rest = pieces[pieces["duration_s"].notna() & (pieces["outcome"] != "timeout")]
    assert (rest["duration_s"] >= 0).all()
    assert (rest["duration_s"] <= shortest + 0.1).all()


@pytest.mark.parametrize("sample", ["article_sample", "slow_sample"])
def test_the_real_runs_are_rebuilt(sample, request):
    """On logs of the real clients nothing is doubled, cut pieces ran six seconds, and every failed layer is there."""
    truth = request.getfixturevalue(sample.replace("sample", "truth"))
    dataset = load(request.getfixturevalue(sample), settings=settings_of(truth["client"]))
    pieces = source(dataset)
    ok = pieces[pieces["outcome"] == "ok"]
    assert not ok.duplicated(["peer_id", "piece_number"]).any()
    assert len(ok) <= truth["requests_at_origin"]["sent"]
    cut = pieces[pieces["outcome"] == "timeout"]
    assert (cut["duration_s"] - 6).abs().lt(0.1).all()
    assert len(cut) >= truth["requests_at_origin"]["cut at the limit"]
    cancelled = int((pieces["outcome"] == "cancelled").sum())
    assert cancelled == 0 if truth["client"] == "v0.1.118" else 75 < cancelled < 100
    assert len(dataset.failed_tasks) == truth["tasks_failed"]
    logs = dataset.coverage[dataset.coverage["kind"] == "log"]
    assert logs["rejected"].sum() == 0
    assert effective_timeouts(dataset.settings).shortest_s("seedClient", "seed-client-0") == 6


def test_an_empty_input_is_two_empty_tables(tmp_path):
    """A log without any task gives frames with their columns."""
    dataset = load(write_tree(tmp_path / "in", {"a.log": line(1, "hello", ids="", spans="")}))
    assert dataset.pieces.empty
    assert dataset.tasks.empty
    assert {"piece_number", "duration_s", "outcome"} <= set(dataset.pieces.columns)


def records_of_run(case, version):
    """Return the records of a generated run."""
    run, _ = generated(case, version)
    logs = sorted(run.rglob("*.log"))
    frames = [read(path.read_text("utf-8"), str(path.relative_to(run))).events for path in logs]
    return to_arrow(pd.concat(frames, ignore_index=True))


def assert_same(got, wanted):
    for left, right in zip(got, wanted, strict=True):
        pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case in ("mixture", "killed") for version in CLIENTS]
)
def test_order_and_parts_of_the_records_change_nothing(case, version):
    """However they are shuffled and spread over relations, and in however many batches problems are looked at."""
    records = records_of_run(case, version)
    settings = timeouts(360.0, in_flight=8, cancelled=version != "v0.1.118")
    whole = reconstructed(records, settings=settings)
    assert len(whole[0]) > 100
    for seed in (1, 2):
        order = np.random.default_rng(seed).permutation(len(records))
        shuffled = records.take(order)
        third = len(records) // 3
        parts = (shuffled.slice(0, third), shuffled.slice(third, third), shuffled.slice(2 * third))
        with mock.patch.object(problem_peers, "RECORDS_AT_A_TIME", 40 * seed):
            assert_same(reconstructed(*parts, settings=settings), whole)


def test_nothing_but_the_two_tables_is_left():
    """Temporary tables go, also where a setting cannot be had."""
    records = records_of_run("healthy", "v1.5.1")
    with connect(records) as connection:
        reconstruct(connection, timeouts())
        with pytest.raises(ZeroDivisionError):
            reconstruct(connection, EffectiveTimeouts(lambda _role, _host: 1 / 0))
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, '_')"
        ).fetchall()
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY 1").fetchall()
    assert (names, tables) == ([], [("pieces",), ("tasks",)])


def test_the_tables_have_the_columns_of_the_schema():
    """In their order, with times of the type that records have."""
    with connect(records_of_run("slow-source", "v1.5.1")) as connection:
        reconstruct(connection, timeouts())
        for table in (PIECES, TASKS):
            found = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})").fetchall()
            assert tuple(name for name, _ in found) == table.names
            assert dict(found)["started"] == "TIMESTAMPTZ_NS"
