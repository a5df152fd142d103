"""Blocks of whole lines: what every reader of a log, wrapped or plain, compiled or not, is fed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BLOCK_BYTES = 8 << 20


@dataclass(frozen=True)
class LineBlock:
    r"""Whole lines of one writer, in the order they were written.

    Attributes
    ----------
    data : bytes
        Lines as the program wrote them (wrapper, colours and carriage returns taken off), each ended by ``\n``.
    first_line : int
        Number in the file, from 1, of the first line.
    line_numbers : array of int64 or None
        Number in the file of each line where they do not follow one another.
    writer : str
        Pod, container or host that the wrapper names, empty where the file is one writer's.
    own_lines : int
        Lines of the file that are the wrapper's own words and carry nothing of the program (notices), up to here.
    """

    data: bytes
    first_line: int = 1
    line_numbers: npt.NDArray[np.int64] | None = None
    writer: str = ""
    own_lines: int = 0
