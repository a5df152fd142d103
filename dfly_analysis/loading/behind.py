"""Lets calls run one after another in a thread of their own, while the caller goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Given = TypeVar("Given")
_MOST_WAITING = 2


class Behind(Generic[Given]):
    """Does something with each thing it is given, in their order; a context that ends when all of it is done.

    Parameters
    ----------
    do : callable
        Called in the thread. What it raises is raised by the next call, or at the end.
    name : str
        Of the thread.
    """

    def __init__(self, do: Callable[[Given], object], name: str) -> None:
        self._do = do
        self._thread = ThreadPoolExecutor(1, name)
        self._waiting: deque[Future[object]] = deque()

    def __call__(self, given: Given) -> None:
        """Hand over one thing; waits where too many wait already."""
        while len(self._waiting) >= _MOST_WAITING or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._do, given))

    def wait(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
