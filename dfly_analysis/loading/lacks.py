"""The limits that shape attempts, and what the input does not hold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.attempts import Limits, Made
    from dfly_analysis.config import Settings

_MOST_SHARE = 0.98
"""Of the pieces expected; where fewer are seen it is worth a word."""


def limits_of(settings: Settings) -> Limits:
    """Return the limits that shape attempts, from the settings in force."""
    from dfly_analysis.attempts import Limits
    from dfly_analysis.catalog.piece_length_rules import siblings_cancelled

    client = settings.versions.get("client") or settings.versions.get("seedClient")

    def timeout_s(role: str, host: str) -> float | None:
        return settings.get("download.pieceTimeout", role, host).seconds if role in ("client", "seedClient") else None

    def write_timeout_s(role: str, host: str) -> float | None:
        return (
            settings.get("storage.writePieceTimeout", role, host).seconds if role in ("client", "seedClient") else None
        )

    def in_flight(role: str, host: str) -> int | None:
        number = (
            settings.get("download.concurrentPieceCount", role, host).number
            if role in ("client", "seedClient")
            else None
        )
        return int(number) if number else None

    cancelled = siblings_cancelled(client)
    return Limits(cache(timeout_s), cache(in_flight), lambda _role, _host: cancelled, cache(write_timeout_s))


@dataclass(frozen=True)
class Seen:
    """Counts that tell what an input lacks; those of several buckets of tasks add up.

    Attributes
    ----------
    tasks, unknown : int
        Tasks, and those without an end.
    reported : int
        Finished pieces from the source.
    expected, found : int
        Pieces of tasks that went well at the source, and those of them that are reported.
    """

    tasks: int = 0
    unknown: int = 0
    reported: int = 0
    expected: int = 0
    found: int = 0

    @classmethod
    def of(cls, pieces: pd.DataFrame, tasks: pd.DataFrame) -> Seen:
        """Count."""
        finished = pieces.loc[(pieces["origin"] == "source") & (pieces["outcome"] == "ok"), "peer_id"]
        whole = tasks[(tasks["outcome"] == "ok") & (tasks["origin"] == "source") & tasks["n_pieces"].notna()]
        return cls(
            len(tasks),
            int((tasks["outcome"] == "unknown").sum()),
            len(finished),
            int(whole["n_pieces"].sum()),
            int(finished.isin(whole["peer_id"]).sum()),
        )

    @classmethod
    def of_made(cls, pieces: Made, tasks: Made) -> Seen:
        """Count in tables that are put together and not written out."""
        ok, own = {"ok"}, {"source"}
        finished = pieces.among("origin", own) & pieces.among("outcome", ok)
        known: Any = tasks.columns["n_pieces"]
        whole = tasks.among("outcome", ok) & tasks.among("origin", own) & ~known.missing
        found = finished & pieces.among("peer_id", {text for text in tasks.texts("peer_id", whole) if text is not None})
        return cls(
            tasks.size,
            int(tasks.among("outcome", {"unknown"}).sum()),
            int(finished.sum()),
            int(known.numbers[whole].sum()),
            int(found.sum()),
        )

    def __add__(self, other: Seen) -> Seen:
        """Add the counts of another bucket."""
        return Seen(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


def what_lacks(components: Collection[str], seen: Seen) -> tuple[str, ...]:
    """Say what the input does not hold and what that costs, a sentence each.

    Parameters
    ----------
    components : collection of str
        Those whose logs are there; empty where there is no log.
    seen : Seen
    """
    said = []
    if components and "client" not in components:
        said.append(
            "No client log: failed pieces, their reasons and restarts are not seen; outcomes come from the scheduler alone."
        )
    if components and "scheduler" not in components:
        said.append(
            "No scheduler log: lengths and costs of pieces are known only where the clients print them (info level up to v1.4.0)."
        )
    if seen.tasks and not seen.reported:
        said.append(
            "No finished piece from the source is seen: the law of a piece's time cannot be fitted; add the scheduler's core.log."
        )
    if seen.expected and seen.found < _MOST_SHARE * seen.expected:
        said.append(
            f"{seen.expected - seen.found} of {seen.expected} pieces of tasks that went well at the source left no record (direct passes are not reported); {seen.reported} are seen."
        )
    if seen.unknown:
        said.append(f"{seen.unknown} tasks have no end in these logs: they ran on, or the log was cut.")
    return tuple(said)
