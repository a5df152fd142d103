"""A process that is told to leave undoes what it was at; one that does not listen is killed."""

from __future__ import annotations

import multiprocessing
import signal
import time

from dfly_analysis import leaving


def told(listens, marker, ready):
    if listens:
        leaving.leave_when_told()
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        ready.set()
        while True:
            time.sleep(0.01)
    finally:
        marker.write_text("undone", "utf-8")


def ended(listens, marker):
    """Start a process, end it, and return its exit code."""
    fork = multiprocessing.get_context("fork")
    ready = fork.Event()
    process = fork.Process(target=told, args=(listens, marker, ready))
    process.start()
    assert ready.wait(30)
    leaving.end(process)
    leaving.end(process)  # no error where it has ended
    return process.exitcode


def test_what_was_half_done_is_undone_first(tmp_path):
    """The process leaves by itself, as SIGTERM lets it, with the exit code of shells."""
    assert ended(listens=True, marker=tmp_path / "marker") == 128 + signal.SIGTERM
    assert (tmp_path / "marker").exists()


def test_a_process_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    """After a while; then nothing is undone."""
    monkeypatch.setattr(leaving, "_PATIENCE_S", 0.1)
    assert ended(listens=False, marker=tmp_path / "marker") == -signal.SIGKILL
    assert not (tmp_path / "marker").exists()
