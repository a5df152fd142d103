"""Pieces cancelled because another piece of their task failed, where the log has no line for them."""

from __future__ import annotations

import shutil

import pytest
from reading_cases import generated, line, loaded, reported, settings_of
from reconstruction_cases import TIMED_OUT, client, failed, planned, rebuilt, scheduler

from dfly_analysis.dataset import load


def source(dataset):
    return dataset.pieces[dataset.pieces["origin"] == "source"]


def outcomes(pieces):
    return pieces["outcome"].value_counts().to_dict()


@pytest.mark.parametrize("case", ["slow-source", "write-timeout", "resets", "mixture"])
def test_cancelled_pieces_without_any_line_are_inferred(tmp_path, case):
    """Without `delete piece metadata` the pieces in flight when the first round was lost are rebuilt, number and time alike."""
    run, _ = generated(case, "v1.5.1")
    with_lines = loaded(case, "v1.5.1")
    bare = shutil.copytree(run, tmp_path / "run")
    for log in bare.glob("*/dfdaemon/*.log"):
        log.write_text(
            "".join(
                text for text in log.read_text("utf-8").splitlines(keepends=True) if "delete piece metadata" not in text
            ),
            "utf-8",
        )
    dataset = load(bare, settings=settings_of("v1.5.1"))
    first, told = (
        source(one)[lambda frame: (frame["outcome"] == "cancelled") & (frame["retry_round"] == 1)]
        for one in (dataset, with_lines)
    )
    key = ["peer_id", "piece_number"]
    assert len(told) > 5
    assert set(map(tuple, first[key].to_numpy())) == set(map(tuple, told[key].to_numpy()))
    assert first["duration_s"].sum() == pytest.approx(told["duration_s"].sum(), rel=0.02)
    assert outcomes(source(dataset)).get("timeout") == outcomes(source(with_lines)).get("timeout")
    assert len(dataset.failed_tasks) == len(with_lines.failed_tasks)


def test_only_pieces_in_flight_are_inferred():
    """Real clients print the whole plan again; finished pieces are not called cancelled, and no more than the slots hold."""
    plan = planned(0, range(6), "downloading from local")
    pieces, _ = rebuilt(
        client(plan, failed(6, 1, TIMED_OUT), planned(6.5, range(6)), line(20, "download failed: x", level="ERROR")),
        scheduler(reported(2, 0, "2s"), reported(4, 2, "2s"), reported(6.2, 3, "2.2s")),
    )
    cancelled = pieces[pieces["outcome"] == "cancelled"].set_index("piece_number")
    assert cancelled.index.tolist() == [4, 5]
    assert cancelled["duration_s"].round(1).to_dict() == {4: 0.5, 5: 0.3}
    assert cancelled["censored"].all()


def test_pieces_that_never_had_a_slot_are_no_attempts():
    """Where the round ends before a slot was free for a piece, it was not begun."""
    pieces, _ = rebuilt(
        client(planned(0, range(9), "downloading from local"), failed(6, 0, TIMED_OUT), planned(6, range(9))),
        scheduler(reported(5, 1, "5s")),
    )
    assert sorted(pieces.loc[pieces["outcome"] == "cancelled", "piece_number"]) == [2]
