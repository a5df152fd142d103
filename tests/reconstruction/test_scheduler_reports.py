"""Pieces as the scheduler was told of them, beside the client's own log or without it."""

from __future__ import annotations

import re
import shutil

import pytest
from reading_cases import generated, loaded, reported, settings_of
from reconstruction_cases import client, finished, rebuilt, scheduler, started

from dfly_analysis.dataset import load
from tests.synthetic import CLIENTS

FAILING = ["slow-source", "resets", "mixture", "truncated", "stalls", "write-timeout"]
RUNS = [(case, client) for client in CLIENTS for case in FAILING if (case, client) != ("write-timeout", "v0.1.118")]


def source(dataset):
    return dataset.pieces[dataset.pieces["origin"] == "source"]


def outcomes(pieces):
    return pieces["outcome"].value_counts().to_dict()


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case, version in RUNS if case in ("slow-source", "mixture")]
)
def test_client_logs_alone_tell_the_same_failures(tmp_path, case, version):
    """Without the scheduler the failed and cancelled pieces are the same; where survivors are unseen the rows say so."""
    run, truth = generated(case, version)
    alone = load(
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("scheduler-0")),
        settings=settings_of(version),
    )
    pieces, whole = source(alone), source(loaded(case, version))
    assert {name: count for name, count in outcomes(pieces).items() if name != "ok"} == {
        name: count for name, count in outcomes(whole).items() if name != "ok"
    }
    assert len(alone.failed_tasks) == truth.tasks_failed
    if version == "v1.5.1":
        assert pieces["successes_not_logged"].all()
        assert (pieces.loc[pieces["outcome"] == "timeout", "duration_s"] - 6).abs().lt(0.1).all()
    else:
        assert outcomes(pieces) == outcomes(whole)
        assert not pieces["successes_not_logged"].any()


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case, version in RUNS if case in ("slow-source", "mixture")]
)
def test_the_scheduler_alone_gives_finished_pieces(tmp_path, case, version):
    """Every piece it was told of is one row with length and cost; nothing is invented."""
    run, truth = generated(case, version)
    alone = load(
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("seed-client-*", "client-*")),
        settings=settings_of(version),
    )
    pieces = source(alone)
    told = len(
        re.findall(
            r"receive DownloadPieceBackToSourceFinishedRequest",
            (run / "scheduler-0/scheduler/core.log").read_text("utf-8"),
        )
    )
    assert set(pieces["outcome"]) == {"ok"}
    assert len(pieces) == told > 20
    assert pieces["duration_s"].gt(0).all()
    assert pieces["size_bytes"].gt(0).all()
    assert len(alone.failed_tasks) == truth.tasks_failed


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_both_logs_together_double_nothing(case, version):
    """A piece that client and scheduler saw is one row, with the client's times and the scheduler's size."""
    pieces = loaded(case, version).pieces
    finished_rows = pieces[(pieces["outcome"] == "ok") & (pieces["origin"] != "local")]
    assert not finished_rows.duplicated(["peer_id", "piece_number", "retry_round"]).any()
    assert not pieces.duplicated(["peer_id", "piece_number", "attempt"]).any()
    assert finished_rows["size_bytes"].notna().all()


def test_the_same_report_twice_is_one_piece():
    """The scheduler may print a piece again; a piece both saw keeps the client's times."""
    reports = scheduler(reported(3, 0, "9s"), reported(3.1, 0, "9s"), reported(5, 1, "1500ms"))
    pieces, _ = rebuilt(client(started(1, 0), finished(3, 0)), reports)
    assert pieces[["piece_number", "duration_s", "size_bytes"]].to_numpy().tolist() == [
        [0, 2.0, 4194304],
        [1, 1.5, 4194304],
    ]
