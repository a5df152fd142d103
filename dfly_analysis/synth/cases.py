"""What can be planted in a synthetic run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dfly_analysis.errors import DflyError, nearest
from dfly_analysis.synth.laws import Origin

_ALL = ("v0.1.118", "v1.0.26", "v1.5.1")
_WITH_WRITE_TIMEOUT = ("v1.0.26", "v1.5.1")
CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "timeout": "timeout_too_short",
        "write_timeout": "timeout_too_short",
        "reset": "network_instability",
        "truncated": "network_instability",
        "token": "auth",
        "registry": "origin_registry",
        "disk": "disk_full",
        "disk_at_start": "disk_full",
        "killed": "resource_limit",
        "scheduler": "scheduler_unavailable",
    }
)


@dataclass(frozen=True)
class Case:
    """One kind of planted trouble.

    Attributes
    ----------
    name, planted : str
        Its name, and one sentence for the truth file.
    origin : Origin
        The registry's law.
    piece_timeout_s, write_timeout_s : float
        ``download.pieceTimeout`` and ``storage.writePieceTimeout`` of seeds and clients, seconds.
    schedule_timeout_s : float
        ``scheduler.scheduleTimeout``, seconds.
    concurrent_pieces : int
        ``download.concurrentPieceCount``: slots of one task.
    volume_bytes : int, optional
        Size of each seed's volume; None where it never fills.
    kills : int
        How often a seed's process is killed while it downloads.
    scheduler_frozen : bool
        Whether the scheduler is silent while clients pull; the last client may not go back to source.
    layer_sizes_bytes : tuple of int, optional
        Exact sizes of the layers of each image, in place of drawn ones.
    images : int
        Images where the caller asks for no other number.
    pulls : int
        Layers each client pulls.
    clients : tuple of str
        Client versions that can show it.
    """

    name: str
    planted: str
    origin: Origin
    piece_timeout_s: float = 30.0
    write_timeout_s: float = 360.0
    schedule_timeout_s: float = 10800.0
    concurrent_pieces: int = 8
    volume_bytes: int | None = None
    kills: int = 0
    scheduler_frozen: bool = False
    layer_sizes_bytes: tuple[int, ...] | None = None
    images: int = 4
    pulls: int = 4
    clients: tuple[str, ...] = _ALL


_CASES = (
    Case("healthy", "nothing", Origin(8e6)),
    Case(
        "slow-source",
        "a slow registry: each request gets a rate of its own, the pieceTimeout of 6 s is too short for the tail",
        Origin(1.6e6, 0.5),
        piece_timeout_s=6.0,
    ),
    Case("resets", "connections are reset at 0.05 per second", Origin(4e6, 0.3, reset_per_s=0.05)),
    Case("truncated", "two per cent of the bodies end early", Origin(6e6, 0.3, truncated_share=0.02)),
    Case("disk-full", "the seeds' volumes hold 500 MB", Origin(8e6), volume_bytes=500_000_000),
    Case(
        "token-expired",
        "the token expires 15 s after the first job",
        Origin(6e6, refusal="token", refusal_from_s=15.0),
    ),
    Case(
        "registry-503",
        "the registry answers 503 from 15 s to 35 s after the first job",
        Origin(6e6, refusal="registry", refusal_from_s=15.0, refusal_until_s=35.0),
    ),
    Case("killed", "three times a seed's process is killed and starts anew", Origin(4e6), kills=3),
    Case(
        "scheduler-frozen",
        "the scheduler is silent while clients pull; the last client may not go back to source",
        Origin(8e6),
        schedule_timeout_s=6.0,
        scheduler_frozen=True,
    ),
    Case(
        "write-timeout",
        "a slow registry; the storage.writePieceTimeout of 6 s is too short for the tail",
        Origin(1.6e6, 0.5),
        piece_timeout_s=40.0,
        write_timeout_s=6.0,
        clients=_WITH_WRITE_TIMEOUT,
    ),
    Case(
        "stalls",
        "eight per cent of the transfers stall, 12 s on average; pieceTimeout 8 s",
        Origin(6e6, 0.25, stall_share=0.08, stall_mean_s=12.0),
        piece_timeout_s=8.0,
    ),
    Case(
        "mixture",
        "a slow registry, a pieceTimeout of 6 s, and resets at 0.03 per second",
        Origin(1.6e6, 0.5, reset_per_s=0.03),
        piece_timeout_s=6.0,
    ),
    Case(
        "twenty",
        "one layer of 20 GiB, 48 pieces in flight, 2.4 MB/s a request, pieceTimeout 40 s",
        Origin(2.4e6, 0.3),
        piece_timeout_s=40.0,
        concurrent_pieces=48,
        layer_sizes_bytes=(20 * 1024**3,),
        images=1,
        pulls=0,
    ),
)
CASES: Mapping[str, Case] = MappingProxyType({case.name: case for case in _CASES})


def find_case(name: str, client: str) -> Case:
    """Find a case that a client version can show.

    Parameters
    ----------
    name : str
        A key of `CASES`.
    client : str
        A client version with synthetic logs.

    Returns
    -------
    Case
        The case.

    Raises
    ------
    DflyError
        Where there is none of that name, or that client cannot show it; nearest names are offered.
    """
    if name not in CASES:
        raise DflyError(f"no case {name!r}", hint=nearest(name, CASES) or f"known: {', '.join(CASES)}")
    case = CASES[name]
    if client not in case.clients:
        raise DflyError(f"client {client} cannot show {name}", hint=f"use {' or '.join(case.clients)}")
    return case
