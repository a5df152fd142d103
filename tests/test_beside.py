"""What is computed beside a process is what the process itself would compute."""

from __future__ import annotations

import os

import pytest

from dfly_analysis import beside
from dfly_analysis.beside import Beside


@pytest.fixture
def allowed(monkeypatch):
    """Allow forks for one test."""
    monkeypatch.setattr(beside._Allowed, "now", True)
    monkeypatch.setattr(beside._Allowed, "refused", False)


@pytest.mark.usefixtures("allowed")
def test_a_value_comes_from_another_process_and_is_the_same():
    """However large it is."""
    value = Beside(lambda: (os.getpid(), list(range(100_000))))
    assert value.begun
    process, made = value.get()
    assert process != os.getpid()
    assert made == list(range(100_000))


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("fault", [lambda: 1 / 0, lambda: os._exit(3)])
def test_where_the_fork_fails_the_value_is_made_here(fault):
    """Its error is then raised where somebody sees it."""
    here = os.getpid()
    value = Beside(lambda: "made" if os.getpid() == here else fault())
    assert value.begun
    assert value.get() == "made"
    with pytest.raises(ZeroDivisionError):
        Beside(lambda: 1 / 0).get()


def test_nothing_is_begun_unless_it_was_allowed_or_where_much_is_held(monkeypatch):
    """Of a large table a fork would hold much twice; a batch has work for all processors without it."""
    assert not Beside(os.getpid).begun
    assert Beside(os.getpid).get() == os.getpid()
    monkeypatch.setattr(beside._Allowed, "now", True)
    assert not Beside(os.getpid, small=False).begun
    monkeypatch.setattr(beside._Allowed, "refused", False)
    beside.refuse()
    beside.allow()
    assert not Beside(os.getpid).begun
