"""Log statements that are known by name and say nothing by themselves about a download that failed."""

import re
from functools import cache, cached_property, lru_cache
from typing import Literal

from dfly_analysis.catalog.log_events import compile_pattern
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record


@record
class LogStatement:
    """Statements at warning or error that are alike; the error texts in them are matched by signatures."""

    id: str
    title: str
    tells: Literal["its error", "nothing"]
    """``its error``: the step that failed, with an error whose own text tells; ``nothing``: no effect on a preheat."""
    component: Literal["client", "services"]  # ``services`` are manager and scheduler
    pattern: str  # matched at the beginning of the message
    samples: tuple[str, ...]

    def __post_init__(self) -> None:
        pattern = compile_pattern(self.pattern)
        for place, text in enumerate(self.samples):
            if not pattern.match(text):
                raise EntryError(f"the sample {text[:80]!r} does not match; change it or `pattern`", "samples", place)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the pattern, compiled at first use."""
        return compile_pattern(self.pattern)


@cache
def load_log_statements() -> tuple[LogStatement, ...]:
    """Return all statements in the order of their files."""
    return load_entries(LogStatement, "log_statements")


@lru_cache(maxsize=1_024)
def statement_of(message: str) -> LogStatement | None:
    """Return the first statement that a message (without ids at its end) is, or None."""
    return next((one for one in load_log_statements() if one.regex.match(message)), None)
