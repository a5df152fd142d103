"""What fuzzing found once stays mended, and every target runs over what fuzzing begins with."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import read, zap

from tests.fuzz import seeds
from tests.fuzz.composed import TIMES
from tests.fuzz.mutations import mutated
from tests.fuzz.run import SHARES
from tests.fuzz.targets import TARGETS, run

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
FOUND = sorted(path for path in CORPUS.rglob("*") if path.is_file())
MAX_COUNT = {"logs": 60, "sources": 42, "folder": 4, "sniffing": 60, "redaction": 60, "fragments": 8, "diagnosis": 6}
"""Seeds that are tried here; the fuzzer begins with all."""
CHANGED = {"logs": 120, "folder": 10, "diagnosis": 10, "fragments": 10}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path):
    """A case is in the folder of its target."""
    run(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_targets_hold_on_what_fuzzing_begins_with(target, tmp_path):
    """Evenly chosen seeds: a target that breaks on these would find nothing else."""
    seeds.write(target, tmp_path)
    listed = sorted(tmp_path.iterdir())
    assert listed
    for path in listed[:: max(1, len(listed) // MAX_COUNT.get(target, 20))]:
        run(target, path.read_bytes())


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_changed_samples_are_read_or_refused(target):
    """One bad line costs itself, and every way of reading gives the same; `make fuzz` tries others for an hour."""

    @given(st.integers(0, 2**32))
    @settings(max_examples=examples(CHANGED.get(target, 60)))
    def read(seed):
        run(target, mutated(target, random.Random(seed)))

    read()


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_an_odd_time_costs_at_most_its_line(time, tz):
    """Of zap and of tracing; the records around it keep their times and the file its span."""
    for line in (f'{{"level":"info","ts":"{time}","caller":"a/b.go:1","msg":"x"}}', f"{time}  INFO a/b.rs:1: x"):
        first, last = (zap(0, "x").replace("2026-05-02 10:00", f"2025-11-02 01:{minute}") for minute in (10, 50))
        part = read(f"{first}\n{line}\n{last}", tz=tz)
        counted = part.coverage
        assert counted["parsed"] >= 2
        assert counted["parsed"] + counted["continuation"] + counted["rejected"] == counted["lines"] == 3
        assert part.events["time"].iloc[[0, -1]].notna().all()
        assert counted["first"] is not None


def test_an_hour_shown_twice_is_the_first_of_both():
    """A whole file of that hour has a span, as pandas and Python choose."""
    part = read('{"level":"info","ts":"2025-11-02 01:30:00.000","caller":"a/b.go:1","msg":"x"}', tz="America/New_York")
    assert part.events["time"].iloc[0] == pd.Timestamp("2025-11-02T05:30:00Z")


def test_an_event_that_only_begins_like_one_is_dropped():
    """Where only relevant records are kept, the native reader drops what the Python reader drops."""
    lines = [zap(1, "Processed task task_1. Odd = {}"), zap(2, "boom", level="error")]
    run("logs", "\n".join([*lines, ""]).encode())


def test_a_target_that_breaks_is_seen(monkeypatch):
    """An error of the package is an answer; anything else goes up."""

    def broken(_data):
        raise IndexError

    monkeypatch.setitem(TARGETS, "sniffing", broken)
    with pytest.raises(IndexError):
        run("sniffing", b"")


def test_every_target_has_its_share_of_the_time():
    """And the shares are percents; `core` is the compiled reader under clang's sanitizers."""
    assert set(SHARES) == {"core", *TARGETS}
    assert sum(SHARES.values()) == 100
    assert {path.parent.name for path in FOUND} <= set(TARGETS)
