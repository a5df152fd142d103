"""What a release changes for large preheats that no default shows."""

from __future__ import annotations

from functools import cache

from dfly_analysis.catalog.releases import Line, parse_version
from dfly_analysis.catalog.yaml_loader import load_entries, record


@record
class ReleaseChange:
    """A change of meaning or behaviour, from a release on."""

    line: Line
    release: str
    key: str
    text: str
    source: str


@cache
def load_release_changes() -> tuple[ReleaseChange, ...]:
    """Return all changes, oldest first."""
    return load_entries(ReleaseChange, "rules/release_changes")


def changes_after(line: Line, older: str, newer: str) -> tuple[ReleaseChange, ...]:
    """Return the changes of a line after one release up to another, that one included."""
    low, high = parse_version(older).release, parse_version(newer).release
    return tuple(
        one for one in load_release_changes() if one.line == line and low < parse_version(one.release).release <= high
    )
