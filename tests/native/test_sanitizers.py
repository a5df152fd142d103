"""The native library runs clean under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess

import pytest

from tests.fuzz import sanitize


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Share what is built."""
    return tmp_path_factory.mktemp("sanitize")


def test_the_fuzzing_corpus_is_read_without_a_finding(folder):
    """Each input whole, cut short and changed, by both grammars, in memory that ends where its caller's does."""
    done = sanitize.replay_corpus(folder)
    assert done.returncode == 0, done.stderr[-4000:]
    assert int(done.stdout.split()[0]) > 100


def test_calls_from_python_are_made_without_a_finding(folder):
    """Every exported function, over numpy's and Arrow's memory."""
    done = sanitize.run_calls(folder)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "[100%]" in done.stdout


def test_an_overrun_would_be_found(folder):
    """The sanitizers are at work: one byte too far ends the program."""
    done = subprocess.run([sanitize.build_replay(folder), "--overrun"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
