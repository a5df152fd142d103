"""Starts and ends of ordinary pieces, paired in SQL."""

from __future__ import annotations

from unittest import mock

import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import PEER, line
from reconstruction_cases import (
    client,
    deleted,
    failed,
    finished,
    planned,
    rebuilt,
    reconstructed,
    records,
    restarted,
    started,
)

from dfly_analysis import sql_scripts
from dfly_analysis.dataset import load
from dfly_analysis.reconstruction import problem_peers
from dfly_analysis.reconstruction.piece_state_machine import read_pieces


def test_start_and_finish_are_one_piece():
    """Their distance is its time; a start without an end stays open."""
    pieces, _ = rebuilt(client(started(1, 0), started(1.5, 1), finished(3, 0)))
    first, second = pieces.to_dict("records")
    assert (first["outcome"], first["duration_s"], first["censored"]) == ("ok", 2.0, False)
    assert (second["outcome"], second["censored"]) == ("unknown", True)
    assert pd.isna(second["ended"])


def test_a_restart_ends_requests_across_rotated_files():
    """The process start in the newer file ends the older file's requests: the next peer asks itself, whichever file comes first."""
    other = PEER.replace("1111", "9999")
    old = client(
        line(0, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        started(1, 0),
        address="seed-client-0/dfdaemon/dfdaemon.log.1",
    )
    new = client(
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        started(6, 0).replace(PEER, other), finished(8, 0).replace(PEER, other),
    )  # fmt: skip
    rows = {True: rebuilt(old, new)[0], False: rebuilt(new, old)[0]}
    for pieces in rows.values():
        done = pieces[pieces["peer_id"] == other].iloc[0]
        assert (done["origin"], done["outcome"], done["duration_s"]) == ("source", "ok", 2.0)
    same_process = client(started(6, 0).replace(PEER, other), finished(8, 0).replace(PEER, other))
    waited = rebuilt(old, same_process)[0]
    assert waited.loc[waited["peer_id"] == other, "origin"].tolist() == ["local"]


OTHER_PEER = PEER.replace("1111", "9999")
STEPS = st.tuples(
    st.sampled_from([started, started, finished, finished, failed, deleted, planned, None]),
    st.integers(0, 2),
    st.sampled_from([PEER, PEER, PEER, OTHER_PEER]),
    st.sampled_from([0.0, 0.5, 3.0, 6.0]),
)


def written(steps):
    """Write a client's log of such steps, one after another; None is a restart."""
    lines, second = [], 1.0
    for step, number, peer, wait_s in steps:
        second += wait_s
        if step is None:
            lines.append(restarted(second))
        else:
            told = step(second, range(number + 1) if step is planned else number)
            lines.append(told.replace(PEER, peer))
    return client(*lines)


def none_ordinary(package, name, read_script=sql_scripts.read_script):
    """Return a script in which every piece goes to the state machine."""
    return read_script(package, name).replace("logs_starts AND in_one_place", "false")


@given(st.lists(STEPS, min_size=1, max_size=25), st.booleans())
@settings(max_examples=examples(30), deadline=None)
def test_pairing_in_sql_gives_what_the_state_machine_gives(steps, cancelled):
    """Whatever happens to other pieces, rounds, processes and other peers."""
    log = written(steps)
    paired = rebuilt(log, cancelled=cancelled)
    with mock.patch.object(sql_scripts, "read_script", none_ordinary):
        for left, right in zip(paired, rebuilt(log, cancelled=cancelled), strict=True):
            pd.testing.assert_frame_equal(left, right)


def test_the_state_machine_sees_few_records(article_sample):
    """Of a run with many failures less than a tenth of the records of pieces."""
    taken = []

    def counted(records):
        listed = list(records)
        taken.append(len(listed))
        return read_pieces(listed)

    with mock.patch.object(problem_peers, "read_pieces", counted):
        pieces = load(article_sample).pieces
    assert 0 < sum(taken) < 0.2 * len(pieces)


def test_two_rounds_of_an_old_client_pair_in_order():
    """The second start waits for the first request; each end closes the oldest start, and nothing reaches the state machine."""
    log = client(
        planned(0.5, [0], "downloading from local"), started(1, 0), planned(2, [0]), started(3, 0), finished(4, 0), finished(5, 0)
    )  # fmt: skip
    with mock.patch.object(problem_peers, "read_pieces", side_effect=AssertionError):
        pieces, _ = rebuilt(log, cancelled=False)
    assert pieces[["origin", "duration_s", "retry_round"]].to_numpy().tolist() == [
        ["source", 3.0, 1],
        ["local", 2.0, 2],
    ]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [("0, 1, 2", 3), ("2,1", 3), ("0, 1, 40", 41), ("7", 8), ("0, x, 3", 4), ("x", None), ("", None)],
)
def test_a_plan_counts_the_pieces_of_a_task(plan, expected):
    """As many as its highest number says, whatever stands between."""
    event = {
        "component": "client",
        "role": "client",
        "host": "h",
        "task_id": "t",
        "peer_id": "p",
        "level": "INFO",
        "log_path": "h/a.log",
    }
    time = pd.Timestamp("2026-05-02T10:00:00Z")
    listed = [
        {**event, "event_id": "task_started", "time": time, "log_line": 1},
        {**event, "event_id": "pieces_planned", "pieces": plan, "time": time, "log_line": 2},
    ]
    (found,) = reconstructed(records(listed))[1]["n_pieces"]
    assert pd.isna(found) if expected is None else found == expected
