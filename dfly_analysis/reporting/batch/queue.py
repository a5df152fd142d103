"""Which report of a batch is made next, so that a process makes those of one input after one another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Generic, TypeVar

from dfly_analysis.api import OF_THE_ANSWER
from dfly_analysis.reporting.batch.spec import RunSpec

W = TypeVar("W")


class Queue(Generic[W]):
    """Reports that wait to be made by workers.

    Parameters
    ----------
    specs : sequence of RunSpec
        In the order wanted.
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        self._waiting = list(specs)
        self._last: dict[W, str] = {}

    def __bool__(self) -> bool:
        """Return whether a report waits."""
        return bool(self._waiting)

    def next(self, worker: W) -> RunSpec:
        """Take the next report for a worker: of the input it read last, else of one that no other has read last, else any."""
        own, others = self._last.get(worker), set(self._last.values())
        inputs = [_input_of(spec) for spec in self._waiting]
        same = (place for place, name in enumerate(inputs) if name == own)
        new = (place for place, name in enumerate(inputs) if name not in others)
        place = next(same, next(new, 0))
        self._last[worker] = inputs[place]
        return self._waiting.pop(place)


def _input_of(spec: RunSpec) -> str:
    """Return what names the input of a report: all that it is asked but what changes its answer alone."""
    read = {name: value for name, value in spec.parameters.items() if name not in OF_THE_ANSWER}
    return json.dumps([spec.notebook, read], sort_keys=True)
