"""The command lab."""

from __future__ import annotations

import os
import sys

import pytest

from cli.cases import invoke


@pytest.mark.parametrize(("user", "more"), [(1000, []), (0, ["--allow-root"])])
def test_lab_opens_jupyterlab_on_the_folder(tmp_path, monkeypatch, user, more):
    """The notebooks are copied first; then the process becomes JupyterLab, which root has to be allowed."""
    opened = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "execv", lambda path, arguments: opened.append((path, arguments)))
    assert invoke("lab", tmp_path / "mine").exit_code == 0
    assert opened == [(sys.executable, [sys.executable, "-m", "jupyterlab", *more, str(tmp_path / "mine")])]
    assert list((tmp_path / "mine").glob("*.ipynb"))


def test_lab_says_how_to_get_jupyterlab(tmp_path, monkeypatch):
    """Without it nothing is copied and the extra is named."""
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    done = invoke("lab", tmp_path / "mine")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "dfly-analysis[lab]" in done.stderr
    assert not (tmp_path / "mine").exists()
