"""Fixtures of the tests of the commands."""

from __future__ import annotations

import pytest
from planted import write_planted

from cli.cases import LOG


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a planted run whose slow registry fails layers."""
    folder = tmp_path_factory.mktemp("planted")
    write_planted(folder, "slow-source", "v1.5.1")
    return folder / "run"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Print to a terminal of 100 columns whatever the tests run in."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def fitted_once(monkeypatch):
    """Let a test that asks for one answer in several formats fit the laws once."""
    from dfly_analysis import models

    fit_all, known = models.fit_all, []

    def once(*given, **more):
        if not known:
            known.append(fit_all(*given, **more))
        return known[0]

    monkeypatch.setattr(models, "fit_all", once)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder of wrong files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
    for name, text in {
        "empty": "",
        "prose": "hello world\n",
        "d.log": LOG,
        "x.json": '{"a": 1}',
        "broken": "a: [\n",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path
