"""Faults of releases that are known and mended, as data: between which releases, and how they show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import read_folder
from dfly_analysis.catalog.releases import parse_version


@dataclass(frozen=True)
class Fault:
    """A fault of some releases.

    Attributes
    ----------
    id, title : str
    since, until, mended : str
        First and last release that have it, and the first without.
    signatures : tuple of str
        One of them stands in the words of a task that it failed.
    longer_than_s : float
        Only tasks that ran longer show it, seconds.
    references : tuple of str
    """

    id: str
    title: str
    since: str
    until: str
    mended: str
    signatures: tuple[str, ...]
    longer_than_s: float
    references: tuple[str, ...]

    def concerns(self, release: str) -> bool:
        """Return whether a release has it."""
        return parse_version(self.since) <= parse_version(release) <= parse_version(self.until)


@cache
def load_faults() -> tuple[Fault, ...]:
    """Return all known faults in the order of their files.

    Raises
    ------
    KnowledgeError
        Naming the file and entry that is wrong.
    """
    return tuple(_fault(entry, address) for address, content in read_folder("known_bugs") for entry in content)


def _fault(entry: Any, address: str) -> Fault:
    try:
        return Fault(
            entry["id"], entry["title"], entry["since"], entry["until"], entry["mended"], tuple(entry["signatures"]),
            float(entry.get("longer_than_s", 0.0)), tuple(entry.get("references", ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as problem:
        raise KnowledgeError(f"cannot be used: {problem}", where=f"{address} {entry}"[:200]) from problem
