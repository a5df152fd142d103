"""What is computed beside a process is what the process itself would compute."""

from __future__ import annotations

import os
import threading

import pytest

from dfly_analysis import beside
from dfly_analysis.beside import Beside, EachBeside


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


@pytest.mark.usefixtures("allowed")
def test_values_come_one_after_another_from_one_other_process(tmp_path):
    """Each stays in a file until it is asked for; what is not asked for any more is not waited for."""
    with EachBeside(lambda number: (os.getpid(), number), [1, 3, 5], tmp_path) as values:
        assert values.begun
        process, number = values.get(1)
        assert process != os.getpid()
        assert number == 1
        assert values.get(3) == (process, 3)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.usefixtures("allowed")
def test_few_values_are_left_at_a_time(tmp_path):
    """The one that is being made, which is none yet or a part, and at most two before it."""
    numbers = range(1, 40, 2)
    with EachBeside(lambda _: len(list(tmp_path.iterdir())), numbers, tmp_path) as values:
        assert values.begun
        left = [values.get(number) for number in numbers]
    assert max(left) <= 3
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("fault", [lambda: 1 / 0, lambda: os._exit(3)])
def test_values_that_the_fork_does_not_give_are_made_here(tmp_path, fault):
    """From the first one on at which it failed."""
    here = os.getpid()
    with EachBeside(
        lambda number: number if number < 2 or os.getpid() == here else fault(), [1, 2, 3], tmp_path
    ) as values:
        assert [values.get(number) for number in (1, 2, 3)] == [1, 2, 3]
    with EachBeside(lambda number: 1 / 0, [1], tmp_path) as values, pytest.raises(ZeroDivisionError):
        values.get(1)


def test_a_process_with_threads_is_not_allowed_to_fork(monkeypatch):
    """They may be somebody else's, with locks that nobody in the fork would open."""
    monkeypatch.setattr(beside._Allowed, "refused", False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for threads in (1, 2):
        monkeypatch.setattr(threading, "active_count", lambda threads=threads: threads)
        with beside.allowed():
            assert beside._Allowed.now == (threads == 1)
        assert not beside._Allowed.now
