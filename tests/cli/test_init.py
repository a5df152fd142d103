"""The command init."""

from __future__ import annotations

import json
from pathlib import Path

from cli.cases import invoke


def test_init_copies_the_notebooks_and_keeps_what_is_there(tmp_path):
    """A notebook the user changed stays as it is, with a message."""
    first = invoke("init", tmp_path / "mine")
    notebooks = [Path(line) for line in first.stdout.splitlines()]
    assert first.exit_code == 0
    assert notebooks
    assert all(json.loads(path.read_text("utf-8"))["nbformat"] == 4 for path in notebooks)
    notebooks[0].write_text("changed", "utf-8")
    second = invoke("init", tmp_path / "mine")
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert notebooks[0].read_text("utf-8") == "changed"
    assert second.stderr.count("was kept") == len(notebooks)
