"""What the readers of benchmarks share: reports of lines that could not be read, and times."""

from collections.abc import Callable
from datetime import UTC, datetime

from dfly_analysis.errors import SourceError

OnProblem = Callable[[SourceError], None]
Reject = Callable[[int, str, str], None]  # called with the line (0 for the whole file), what is wrong and the way out
MAX_REPORTS = 20
_YEARS = range(1970, 2201)  # what a table's nanoseconds hold, and nothing measured is outside it


class ParseErrors:
    """Counts what could not be read of one file and tells the first of it."""

    def __init__(self, address: str, on_problem: OnProblem | None) -> None:
        self.address, self.on_problem, self.count = address, on_problem, 0

    def __call__(self, line: int, message: str, hint: str) -> None:
        self.count += 1
        if self.on_problem and self.count <= MAX_REPORTS:
            where = f"{self.address}:{line}" if line else self.address
            self.on_problem(SourceError(message, where=where, hint=hint))

    def finish(self) -> None:
        if self.on_problem and self.count > MAX_REPORTS:
            message = f"{self.count - MAX_REPORTS} more rows could not be read"
            self.on_problem(SourceError(message, where=self.address, hint="correct the first ones"))


def parse_timestamp(text: object) -> datetime | None:
    """Read an ISO time; without a zone it is UTC."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as problem:
        raise ValueError(f"{text!r} is not a time") from problem
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) if time.year in _YEARS else None
