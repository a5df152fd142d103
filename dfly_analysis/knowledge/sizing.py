"""What the project's guide says a component should have, by the number of peers."""

from __future__ import annotations

from typing import NamedTuple

from dfly_analysis.knowledge.files import read_file
from dfly_analysis.units import parse_size


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
    rows = read_file("facts", "sizing")["cluster"]
    row = next((one for one in rows if one["peers"] >= peers), rows[-1])
    said = row.get(role)
    if said is None:
        return None
    return Sizing(
        row["peers"], float(said["cpu"]), parse_size(said["memory"]), parse_size(said["disk"]), said.get("replicas")
    )


def sizing_source() -> str:
    """Return where the documented sizes come from."""
    return str(read_file("facts", "sizing")["source"])
