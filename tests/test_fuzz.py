"""What fuzzing found once stays mended, and every target runs over what fuzzing begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import seeds
from tests.fuzz.run import SHARES
from tests.fuzz.targets import TARGETS, run

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
FOUND = sorted(path for path in CORPUS.rglob("*") if path.is_file())
MAX_COUNT = {"logs": 60, "sources": 42, "folder": 4, "sniffing": 60, "redaction": 60}
"""Seeds that are tried here; the fuzzer begins with all."""


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
