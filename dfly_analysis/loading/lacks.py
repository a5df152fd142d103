"""The limits that shape attempts, and what the input does not hold."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.attempts import Limits
from dfly_analysis.knowledge.fact import siblings_cancelled
from dfly_analysis.settings import Settings


def limits_of(settings: Settings) -> Limits:
    """Return the limits that shape attempts, from the settings in force."""
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
    return Limits(timeout_s, in_flight, lambda _role, _host: cancelled, write_timeout_s)


def what_lacks(events: pd.DataFrame, pieces: pd.DataFrame, tasks: pd.DataFrame) -> tuple[str, ...]:
    """Say what the input does not hold and what that costs, a sentence each."""
    components = set(events["component"].dropna())
    said = []
    if "client" not in components and len(events):
        said.append(
            "No client log: failed pieces, their reasons and restarts are not seen; outcomes come from the scheduler alone."
        )
    if "scheduler" not in components and len(events):
        said.append(
            "No scheduler log: lengths and costs of pieces are known only where the clients print them (info level up to v1.4.0)."
        )
    source = pieces[pieces["origin"] == "source"]
    if len(tasks) and not (source["outcome"] == "ok").any():
        said.append(
            "No finished piece from the source is seen: the law of a piece's time cannot be fitted; add the scheduler's core.log."
        )
    reported = int((source["outcome"] == "ok").sum())
    whole = tasks[(tasks["outcome"] == "ok") & (tasks["origin"] == "source") & tasks["n_pieces"].notna()]
    expected = int(whole["n_pieces"].sum())
    seen = int(source[(source["outcome"] == "ok") & source["peer_id"].isin(whole["peer_id"])].shape[0])
    if expected and seen < 0.98 * expected:
        said.append(
            f"{expected - seen} of {expected} pieces of tasks that went well at the source left no record (direct passes are not reported); {reported} are seen."
        )
    unknown = int((tasks["outcome"] == "unknown").sum())
    if unknown:
        said.append(f"{unknown} tasks have no end in these logs: they ran on, or the log was cut.")
    return tuple(said)
