"""The tutorial is true: each of its commands is run as it is written, and what it shows is what they print."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.docs.documents import first_difference, run_all, steps_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Return a folder that looks like a checkout, so that what the tutorial writes stays out of the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "reports").mkdir()
    return folder


@pytest.fixture(scope="module")
def told(checkout):
    """Return each step of the page with its exit code and what it printed."""
    steps = steps_of(PAGE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DFLY_")}
    environment |= {"COLUMNS": "100", "HOME": str(checkout), "XDG_CACHE_HOME": str(checkout / "cache")}
    return list(zip(steps, run_all(steps, checkout, environment), strict=True))


def test_every_command_of_the_tutorial_works_and_prints_what_the_page_shows(told):
    """No command fails, and no shown line differs but for what the page elides."""
    assert told
    wrong = [f"{step} ends with {code}: {lines[-1:]}" for step, (code, lines) in told if code != 0]
    wrong += [
        f"{step} does not print: {missing}\n" + "\n".join(lines)
        for step, (_, lines) in told
        if (missing := first_difference(step.shown, lines))
    ]
    assert wrong == [], "\n\n".join(wrong)


def test_the_tutorial_goes_all_the_way(told):
    """From what was read to the cause, the setting, its check, its forecast, a page and the proof that it helped; each shows something."""
    shown = {match[1] for step, _ in told if step.shown and (match := re.match(r"dfly-analysis (\S+)", step.command))}
    assert {"inspect", "diagnose", "recommend", "check-config", "whatif", "report", "compare"} <= shown


def test_the_tutorial_leaves_nothing_unsaid_about_what_is_not_run():
    """A block that is no console block is a file's content or says that it was not run."""
    text = PAGE.read_text("utf-8")
    for block in re.finditer(r"^```text\n", text, re.MULTILINE):
        before = " ".join(text[: block.start()].rstrip().rsplit("\n\n", 1)[-1].split())
        assert "not run for this page" in before, before


@pytest.mark.parametrize(("shown", "printed", "missing"), [
    ("a  1.50 s\n…\nz", "a 1.51 s\nb\nc\nz", None),
    ("a  1.50 s", "a 1.60 s", "a 1.50 s"),
    ("4 of 48", "5 of 48", "4 of 48"),
    ("set … to 3s", "set download.pieceTimeout to 3s", None),
    ("set … to 3s", "set download.pieceTimeout to 30s", "set … to 3s"),
    ("name  size\n-----  -----\nb  2", "name size\n---------- ----\n\nb 2", None),
    ("a\n…", "a", None),
    ("a", "a\nb", "(more is printed than the page shows)"),
    ("client v1.5.1", "client v1.5.2", "client v1.5.1"),
    ("a\nc", "a\nb\nc", "c"),
    ("(a) 1.0%", "(b) 1.0%", "(a) 1.0%"),
])  # fmt: skip
def test_a_page_that_shows_something_else_is_noticed(shown, printed, missing):
    """Text and whole numbers are held exactly, other figures to 2 %; only an ellipsis leaves anything out."""
    assert first_difference(shown.splitlines(), printed.splitlines()) == missing
