"""Numbers and names of errors that people look up: Dragonfly v1 codes, gRPC, HTTP, the operating system's."""

from collections.abc import Mapping
from functools import cache

from dfly_analysis.catalog.yaml_loader import load_entries, record


@record
class ErrorCode:
    """One error, by any of its numbers and names."""

    codes: tuple[str, ...]
    family: str
    name: str
    meaning: str
    remedy: str = ""
    finding: str | None = None  # finding that explains it further


@cache
def error_codes() -> Mapping[str, ErrorCode]:
    """Return the errors by number and name, lower case."""
    entries = load_entries(ErrorCode, "rules/error_codes")
    return {text.lower(): entry for entry in entries for text in (*entry.codes, entry.name)}
