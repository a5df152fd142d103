"""Pieces with trouble, record after record."""

from __future__ import annotations

import pytest
from reconstruction_cases import client, deleted, failed, finished, planned, rebuilt, started


def test_the_lines_of_one_failure_are_one_failed_piece():
    """Write error, piece error and dropped record are one attempt with the time it had run."""
    pieces, _ = rebuilt(client(started(1, 0), failed(7, 0), deleted(7.0002, 0)))
    assert pieces[["outcome", "duration_s", "attempt"]].to_numpy().tolist() == [
        ["timeout", pytest.approx(6.0, abs=0.001), 1]
    ]


def test_a_body_cut_early_is_a_reset_at_the_timeout_a_timeout():
    """The same words mean different things by the time the piece had run; without a limit nothing is guessed."""
    log = client(started(1, 0), failed(3, 0), started(4, 1), failed(10, 1))
    assert rebuilt(log)[0]["outcome"].tolist() == ["reset", "timeout"]
    assert rebuilt(log, timeout_s=None)[0]["outcome"].tolist() == ["unknown", "unknown"]


def test_a_second_failure_is_an_attempt_of_its_own():
    """Dropped records are matched to failures one by one, even where the next round fails at once."""
    log = client(
        started(1, 0),
        failed(2, 0),
        deleted(2.001, 0),
        planned(2.01, [0]),
        started(2.02, 0),
        failed(2.5, 0),
        deleted(2.501, 0),
    )
    pieces, _ = rebuilt(log)
    assert pieces[["attempt", "retry_round", "outcome"]].to_numpy().tolist() == [[1, 1, "reset"], [2, 2, "reset"]]


def test_a_cancelled_piece_is_counted_once():
    """Its record's line ends the attempt that began; the plan after it adds nothing."""
    pieces, _ = rebuilt(
        client(
            started(1, 0),
            started(2, 1),
            failed(7, 0),
            deleted(7.001, 0),
            deleted(7.1, 1),
            planned(7.2, [0, 1]),
            started(7.3, 0),
            started(7.3, 1),
        )
    )
    rows = pieces[["piece_number", "outcome"]].to_numpy().tolist()
    assert rows == [[0, "timeout"], [0, "unknown"], [1, "cancelled"], [1, "unknown"]]
    assert pieces["duration_s"][2] == pytest.approx(5.1)


def test_old_clients_cancel_nothing():
    """Nothing is cancelled; a piece of the next pass waits for the one under way and is no request of its own."""
    log = client(
        started(1, 0),
        started(1, 1),
        failed(7, 0),
        planned(7.1, [0, 1], "downloading from scheduler"),
        started(7.2, 1),
        finished(9, 1),
        finished(9.001, 1),
    )
    pieces, _ = rebuilt(log, cancelled=False)
    assert pieces[["piece_number", "origin", "outcome"]].to_numpy().tolist() == [
        [0, "source", "timeout"],
        [1, "source", "ok"],
        [1, "local", "ok"],
    ]


def test_who_waited_for_a_request_that_failed_asks_itself():
    """From then on it is an attempt at the source, begun when the other failed."""
    log = client(started(1, 0), planned(2, [0]), started(2.1, 0), failed(7, 0), finished(9, 0))
    pieces, _ = rebuilt(log, cancelled=False)
    assert pieces[["origin", "outcome", "duration_s"]].to_numpy().tolist() == [
        ["source", "timeout", pytest.approx(6.0)],
        ["source", "ok", pytest.approx(2.0)],
    ]
