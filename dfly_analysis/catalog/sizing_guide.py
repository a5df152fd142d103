"""What a component should have: by the project's guide, by the article, and what its pieces in flight hold in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dfly_analysis.catalog.yaml_loader import read_file
from dfly_analysis.catalog.releases import releases, require_known, within
from dfly_analysis.units import parse_rate, parse_size


class Sizing(NamedTuple):
    """Documented size of one replica.

    Attributes
    ----------
    peers : int
        Up to so many.
    cpu : float
        Cores.
    memory_bytes, disk_bytes : int
    replicas : int or None
    """

    peers: int
    cpu: float
    memory_bytes: int
    disk_bytes: int
    replicas: int | None


def documented_sizing(role: str, peers: int = 1) -> Sizing | None:
    """Return what the guide says for a role, or None where it says nothing of it.

    Parameters
    ----------
    role : {"client", "seedClient", "scheduler", "manager"}
    peers : int
        The row for at least so many counts; the largest where there are more.
    """
    rows = read_file("rules", "sizing_guide")["cluster"]
    row = next((one for one in rows if one["peers"] >= peers), rows[-1])
    said = row.get(role)
    if said is None:
        return None
    return Sizing(
        row["peers"], float(said["cpu"]), parse_size(said["memory"]), parse_size(said["disk"]), said.get("replicas")
    )


def sizing_source() -> str:
    """Return where the documented sizes come from."""
    return str(read_file("rules", "sizing_guide")["source"])


class Shares(NamedTuple):
    """Requests and limits of one container.

    Attributes
    ----------
    request_cpu, limit_cpu : float
        Cores.
    request_memory_bytes, limit_memory_bytes : int
    """

    request_cpu: float
    request_memory_bytes: int
    limit_cpu: float
    limit_memory_bytes: int


def article_shares(role: str) -> Shares:
    """Return requests and limits as the article gives them for large images.

    Parameters
    ----------
    role : {"client", "seedClient"}
    """
    said = read_file("rules", "sizing_guide")["article"][role]
    asked, most = said["requests"], said["limits"]
    return Shares(
        float(asked["cpu"]), parse_size(asked["memory"]), float(most["cpu"]), parse_size(most["memory"])
    )  # fmt: skip


def article_from_bytes() -> int:
    """Return the size of an image from which on the article's figures hold."""
    return parse_size(read_file("rules", "sizing_guide")["article"]["images_from"])


def held_in_memory_bytes(origin: str, piece_bytes: int, write_buffer_bytes: int | None, version: str | None) -> int:
    """Return how many bytes one piece in flight holds in memory.

    Parameters
    ----------
    origin : {"source", "parent"}
        Where it comes from.
    piece_bytes : int
    write_buffer_bytes : int or None
        ``storage.writeBufferSize``; the largest usual one where it is not known.
    version : str or None
        Release of the client; the newest where it is not known.
    """
    content = read_file("rules", "sizing_guide")
    known = require_known("client", version or releases("client")[-1])
    rule = next(one for one in content["memory"] if within(known, one["since"], one["until"]))
    if rule[f"from_{origin}"] == "piece":
        return piece_bytes
    buffer = write_buffer_bytes or parse_size(content["usual_write_buffer"])
    return min(piece_bytes, buffer) + (parse_size(rule.get("windows", 0)) if origin == "source" else 0)


class Spread(NamedTuple):
    """What is usual, and how far it reaches."""

    value: float
    low: float
    high: float


def compression_kinds() -> Mapping[str, Spread]:
    """Return by kind of content how many bytes of files one compressed byte holds."""
    return {one["name"]: _spread(one["ratio"], float) for one in read_file("rules", "compression")["kinds"]}


def unpack_speeds() -> Mapping[str, Spread]:
    """Return by algorithm how fast one core unpacks, in compressed bytes a second; ``none`` is a plain archive."""
    content = read_file("rules", "compression")
    made = {one["name"]: _spread(one["speed"], parse_rate) for one in content["algorithms"]}
    return {**made, "none": _spread(content["plain"], parse_rate)}


def _spread(said: Mapping[str, Any], read: Any) -> Spread:
    return Spread(*(float(read(said[name])) for name in ("value", "low", "high")))
