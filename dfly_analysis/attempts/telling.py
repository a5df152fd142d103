"""Records that attempts are rebuilt from, as a reader of much puts them aside: numbers for all, texts for the few that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from dfly_analysis.attempts.words import NumberArray, Words


@dataclass(frozen=True)
class Telling:
    """Records that `needed_rows` names and that speak of a peer or a task.

    Attributes
    ----------
    size : int
        How many.
    words : mapping of str to Words
        Columns of texts that repeat, by their names in `dfly_analysis.schema.EVENTS`.
    numbers : mapping of str to numpy.ndarray of int
        Columns of numbers; -1 where missing. Times are nanoseconds since 1970, `NO_TIME` where missing.
    cost_s : numpy.ndarray of float
        What each piece cost, seconds; ``nan`` where no record says so.
    few : mapping of str to (numpy.ndarray of int, Words)
        Columns that few records have: the places of those that do, rising, and what they have.
    """

    size: int
    words: Mapping[str, Words]
    numbers: Mapping[str, NumberArray]
    cost_s: np.ndarray[Any, np.dtype[np.float64]]
    few: Mapping[str, tuple[NumberArray, Words]]

    def __len__(self) -> int:
        return self.size
