"""Texts that repeat as numbers, and the numbers that stand for what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

NumberArray: TypeAlias = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
FlagArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Array: TypeAlias = np.ndarray[Any, Any]
Column: TypeAlias = "pd.Series[Any]"

NO_TIME = np.iinfo(np.int64).min  # how numpy stores NaT
NONE = -1
LAST = np.iinfo(np.int64).max
_FEW = 6


def picked(array: Array, rows: NumberArray | FlagArray | slice) -> Array:
    """Return some elements of an array: the same as to index it, in a third of the time."""
    if isinstance(rows, slice):
        return array[rows]
    return array.compress(rows) if rows.dtype == np.bool_ else array.take(rows)


@dataclass(frozen=True)
class Words:
    """A column of texts as numbers.

    Attributes
    ----------
    codes : numpy.ndarray of int
        Places in `words`, one a record; -1 where the text is missing.
    words : numpy.ndarray of str
        Each text once.
    """

    codes: NumberArray
    words: np.ndarray[Any, Any]

    @classmethod
    def of(cls, texts: Column) -> Words:
        """Read a column of texts or of categories; what repeats already is not looked at again."""
        import pandas as pd

        if isinstance(texts.dtype, pd.CategoricalDtype):
            return cls(np.asarray(texts.cat.codes), np.asarray(texts.cat.categories, dtype=object))
        codes, words = pd.factorize(texts)
        return cls(codes, np.asarray(words, dtype=object))

    @classmethod
    def read(cls, texts: Iterable[str | None]) -> Words:
        """Read texts one by one."""
        places: dict[str | None, int] = {}
        codes = [NONE if text is None else places.setdefault(text, len(places)) for text in texts]
        return cls(np.array(codes, dtype=np.int32), np.array([*places, None], dtype=object)[:-1])

    def among(self, chosen: Collection[str]) -> FlagArray:
        """Return for each record whether its text is one of those."""
        known: FlagArray = np.array([word in chosen for word in self.words] + [False])  # the last is the place of -1
        places = np.flatnonzero(known)
        if len(places) > _FEW:
            return known.take(self.codes)
        among = np.zeros(len(self.codes), dtype=bool)
        for place in places:  # to compare all with one number takes a tenth of the time of looking all up
            among |= self.codes == place
        return among

    def take(self, rows: NumberArray | FlagArray | slice) -> Words:
        """Return the column of some records."""
        return self.at(picked(self.codes, rows))

    def at(self, codes: NumberArray) -> Words:
        """Return another column of the same words."""
        return Words(codes, self.words)

    def texts(self, rows: NumberArray | FlagArray | slice = slice(None)) -> list[Any]:
        """Return the texts of some records, None where missing."""
        words = np.array([*self.words, None], dtype=object)
        texts: list[Any] = words.take(picked(self.codes, rows)).tolist()
        return texts

    def text(self, code: int) -> Any:
        """Return the text of a number, None for -1."""
        return None if code == NONE else self.words[code]

    @cached_property
    def place(self) -> dict[Any, int]:
        """The place of each text in `words`."""
        return {word: at for at, word in enumerate(self.words)}

    @cached_property
    def rank(self) -> NumberArray:
        """The place of each text of `words` in the order of texts."""
        rank = np.empty(len(self.words) + 1, dtype=np.int64)
        rank[np.argsort(self.words, kind="stable")] = np.arange(len(self.words))
        rank[-1] = len(self.words)
        return rank
