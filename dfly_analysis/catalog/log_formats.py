"""Formats of log lines: how a record begins, where its time zone comes from, and samples with the fields they give."""

import re
from functools import cache, cached_property, partial
from typing import Literal, get_args

from dfly_analysis.catalog.log_events import LogSample, compile_pattern
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record

Grammar = Literal["compact", "full", "pretty", "json", "console", "gin", "redirect", "panic"]
GRAMMARS: tuple[str, ...] = get_args(Grammar)
_FLAGS = re.DOTALL | re.VERBOSE


@record
class LogFormat:
    """One format of log lines."""

    id: str
    title: str
    component: Literal["client", "scheduler", "manager"]  # the Go services share formats
    grammar: Grammar  # which way the fields of a record are taken out, one of `GRAMMARS`
    zone: Literal["in text", "given", "none"]
    """Whether the time carries its zone, or the user must give it; none where the line has no time."""
    first: str  # characters a record can begin with, colours taken off
    pattern: str  # verbose pattern of the first line of a record
    samples: tuple[LogSample, ...]

    def __post_init__(self) -> None:
        head = compile_pattern(self.pattern, flags=_FLAGS)
        for place, (text, _) in enumerate(self.samples):
            line = text.split("\n")[0]
            if line[:1] not in self.first or not head.match(line):
                reason = f"the sample starts no record of this format: {line[:80]!r}; change it, `first` or `pattern`"
                raise EntryError(reason, "samples", place)

    @cached_property
    def head(self) -> re.Pattern[str]:
        """Return the pattern, compiled at first use: a log begins like few of all formats."""
        return compile_pattern(self.pattern, flags=_FLAGS)


load_formats = cache(partial(load_entries, LogFormat, "log_formats"))
"""All formats in the order in which a reader tries them."""
