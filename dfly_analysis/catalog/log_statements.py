"""Log statements that are known by name and say nothing by themselves about a download that failed."""

from functools import cache, lru_cache, partial
from typing import Literal

from dfly_analysis.catalog.log_events import Patterned, check_samples, compile_pattern
from dfly_analysis.catalog.yaml_loader import load_entries, record


@record
class LogStatement(Patterned):
    """Statements at warning or error that are alike; the error texts in them are matched by signatures."""

    id: str
    title: str
    tells: Literal["its error", "nothing"]
    """``its error``: the step that failed, with an error whose own text tells; ``nothing``: no effect on a preheat."""
    component: Literal["client", "services"]  # ``services`` are manager and scheduler
    pattern: str  # matched at the beginning of the message
    samples: tuple[str, ...]

    def __post_init__(self) -> None:
        check_samples(compile_pattern(self.pattern), self.samples)


load_log_statements = cache(partial(load_entries, LogStatement, "log_statements"))
"""All statements in the order of their files."""


@lru_cache(maxsize=1_024)
def statement_of(message: str) -> LogStatement | None:
    """Return the first statement that a message (without ids at its end) is, or None."""
    return next((one for one in load_log_statements() if one.regex.match(message)), None)
