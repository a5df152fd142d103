"""A process that is told to leave undoes what it was at; one that does not listen is killed."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time

import pytest

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


PROCESS = """
import atexit, sys, threading
from dfly_analysis.leaving import run_to_the_end
class Kept:
    def __del__(self):
        print("taken apart")
kept = Kept()
def last():
    threading.main_thread().join()
    print("thread")
def run():
    atexit.register(print, "end")
    threading.Thread(target=last).start()
    print("run", end=" ")
    {how}
{before}
run_to_the_end(run)
"""


@pytest.mark.parametrize(
    ("before", "how", "said", "code"),
    [
        ("", "sys.exit(3)", ["run thread", "end"], 3),
        ("", "sys.exit()", ["run thread", "end"], 0),
        ("", "sys.exit('no')", ["run thread", "end", "taken apart"], 1),
        ("", "raise ValueError", ["run thread", "end", "taken apart"], 1),
        ("atexit.register(print, 'asked')", "sys.exit(3)", ["run thread", "end", "asked", "taken apart"], 3),
    ],
    ids=["code", "no code", "words", "fault", "asked before"],
)
def test_a_process_leaves_when_all_has_happened_that_belongs_to_its_end(before, how, said, code):
    """Threads end, handlers are called and what was printed is written, whoever asked for it; only the interpreter stays whole."""
    made = PROCESS.format(before=before, how=how)
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.returncode) == (said, code)
