"""One cause for each failed task."""

from __future__ import annotations

import pandas as pd
import pytest
from reading_cases import PEER, line, zap
from reconstruction_cases import (
    TIMED_OUT,
    began,
    client,
    failed,
    rebuilt,
    reconstructed,
    records_of,
    restarted,
    scheduler,
    started,
)

HOST = "seed-client-0"
OTHER_HOST = "other/dfdaemon/dfdaemon.log"


def cause(tasks):
    (row,) = tasks[["cause", "confidence"]].to_numpy().tolist()
    return tuple(row)


def test_the_text_of_a_failure_goes_before_its_pieces():
    """What the client says in the end is surer than how the pieces ended."""
    log = client(
        began(0),
        started(1, 0),
        failed(7, 0),
        line(8, "download failed: No space left on device (os error 28)", level="ERROR"),
    )
    assert cause(rebuilt(log)[1]) == ("disk_full", "high")


def test_without_a_text_the_pieces_of_the_last_round_decide():
    """The most frequent ending is taken."""
    log = client(began(0), started(1, 0), failed(7, 0), started(7.5, 1), failed(8, 1), started(9, 2), failed(15, 2),
                 line(16, "download failed: gave up", level="ERROR"))  # fmt: skip
    assert cause(rebuilt(log)[1]) == ("timeout_too_short", "medium")


def test_a_failure_without_any_sign_is_unknown():
    """And what is unknown on one host takes the cause that the same task has on another."""
    log = client(began(0), line(2, "download failed: gave up", level="ERROR"))
    assert cause(rebuilt(log)[1]) == ("unknown", "low")
    peer = PEER.replace("1111", "9999")
    other = client(
        began(0).replace(PEER, peer),
        line(3, f"download failed: {TIMED_OUT}", level="ERROR").replace(PEER, peer),
        address=OTHER_HOST,
    )
    tasks = rebuilt(log, other)[1].set_index("peer_id")
    assert tasks.loc[PEER, ["cause", "confidence"]].tolist() == ["timeout_too_short", "medium"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(4.0, ("disk_full", "high")), (-60.0, ("disk_full", "medium")), (None, ("disk_full", "medium"))],
)
def test_a_termination_gives_the_cause_of_a_dead_task(second, expected):
    """The one between the last record and the next start; else the host's last one, less surely."""
    records = records_of(client(began(0), started(1, 0), restarted(5)))
    time = None if second is None else pd.Timestamp("2026-05-02T10:00:00Z").value + int(second * 1e9)
    _, tasks = reconstructed(records, terminations={HOST: ((time, "disk_full", "high"),)})
    assert tasks["outcome"].tolist() == ["died"]
    assert cause(tasks) == expected


def test_a_termination_ends_a_task_without_a_restart():
    """The log just stops; Kubernetes says that the process was terminated."""
    records = records_of(client(began(0), started(1, 0)))
    time = pd.Timestamp("2026-05-02T10:00:04Z").value
    _, tasks = reconstructed(records, terminations={HOST: ((time, "storage_io", "high"),)})
    assert tasks[["outcome", "cause"]].to_numpy().tolist() == [["died", "storage_io"]]


def test_what_the_scheduler_was_told_names_a_cause():
    """Its text names the cause of the failed task."""
    report = zap(7, "receive DownloadPeerBackToSourceFailedRequest, description: No space left on device (os error 28)")
    log = client(began(0), line(8, "download failed: gave up", level="ERROR"))
    assert cause(rebuilt(log, scheduler(report))[1]) == ("disk_full", "high")
