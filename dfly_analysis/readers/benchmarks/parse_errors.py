"""Says which lines of a benchmark file could not be read, without flooding whoever listens."""

from __future__ import annotations

from collections.abc import Callable

from dfly_analysis.errors import SourceError

OnProblem = Callable[[SourceError], None]
Reject = Callable[[int, str, str], None]
"""Called with the line (0 for the whole file), what is wrong and the way out."""
_MAX_SAID = 20


class ParseErrors:
    """Counts what could not be read of one file and tells the first of it.

    Parameters
    ----------
    address : str
        The file.
    on_problem : callable or None
        Told of the first 20 lines, and once how many more there were.
    """

    def __init__(self, address: str, on_problem: OnProblem | None) -> None:
        self.address = address
        self.on_problem = on_problem
        self.count = 0

    def __call__(self, line: int, message: str, hint: str) -> None:
        """Take note of one line."""
        self.count += 1
        if self.on_problem and self.count <= _MAX_SAID:
            where = f"{self.address}:{line}" if line else self.address
            self.on_problem(SourceError(message, where=where, hint=hint))

    def finish(self) -> None:
        """Say how many lines more were passed over."""
        if self.on_problem and self.count > _MAX_SAID:
            rest = self.count - _MAX_SAID
            self.on_problem(
                SourceError(f"{rest} more rows could not be read", where=self.address, hint="mend the first ones")
            )
