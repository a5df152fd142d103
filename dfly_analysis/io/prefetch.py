"""Things made in a thread while the one who takes them works on the last."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_LOOK_S = 0.002


class _Ended:
    """What comes behind the last thing: why there are no more."""

    def __init__(self, problem: BaseException | None = None) -> None:
        self.problem = problem


def ahead(items: Iterator[Item], most: int, name: str) -> Generator[Item]:
    """Yield what an iterator yields, made a few things ahead in a thread that starts with the first one taken.

    Parameters
    ----------
    items : iterator
        Nobody else may take from it until this one has ended or was closed.
    most : int
        How many things may wait to be taken.
    name : str
        Of the thread.

    Raises
    ------
    BaseException
        What the iterator raises, where it stood among the things.
    """
    made: queue.Queue[Item | _Ended] = queue.Queue(most)
    stop = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, stop), name=name, daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _Ended):
            yield item
        if item.problem is not None:
            raise item.problem
    finally:
        stop.set()
        while thread.is_alive():
            try:
                made.get_nowait()
            except queue.Empty:
                thread.join(_LOOK_S)


def _make(items: Iterator[Item], made: queue.Queue[Item | _Ended], stop: threading.Event) -> None:
    ended = _Ended()
    try:
        for item in items:
            if stop.is_set():
                return
            made.put(item)
            del item  # else it is held here while the next one is made
    except BaseException as problem:  # noqa: BLE001 - whatever it is belongs to the one who takes
        ended = _Ended(problem)
    made.put(ended)
