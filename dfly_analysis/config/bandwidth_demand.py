"""The bandwidth that settings silently demand: pieces in flight share a link, and each has to end within its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import Setting

PIECE, WRITE, COLLECTED = "download.pieceTimeout", "storage.writePieceTimeout", "download.collectedPieceTimeout"
STREAMS = "download.concurrentPieceCount"


@dataclass(frozen=True)
class BandwidthDemand:
    """What a role's settings demand of the source for one layer.

    Attributes
    ----------
    role : str
    client_version : str or None
    size_bytes, piece_bytes, pieces : int
        Of the layer; the length is by the newest rule where no release is known.
    streams : int or None
        Pieces in flight.
    limit : Setting or None
        The shorter of the limits on a piece from the source.
    bps : float or None
        Bytes per second, or None where something is not known.
    reason : str
        What is not known; empty where all is.
    """

    role: str
    client_version: str | None
    size_bytes: int
    piece_bytes: int
    pieces: int
    streams: int | None
    limit: Setting | None
    bps: float | None
    reason: str = ""

    @property
    def in_flight_bytes(self) -> int | None:
        """Return how many bytes of the layer are asked for at a time."""
        return None if self.streams is None else min(self.size_bytes, self.streams * self.piece_bytes)


def demanded_bps(in_flight_bytes: float, limit_s: float) -> float:
    """Return the bandwidth below which pieces that share it run out of time, bytes per second.

    Parameters
    ----------
    in_flight_bytes : float
        Length of the pieces in flight together.
    limit_s : float
        Above zero.
    """
    return in_flight_bytes / limit_s


def demand_of(settings: Settings, role: str, size_bytes: int, host: str | None = None) -> BandwidthDemand:
    """Return what a role's settings demand for one layer.

    Parameters
    ----------
    settings : Settings
    role : {"client", "seedClient"}
    size_bytes : int
        Of the layer, above zero.
    host : str, optional
        Host whose file counts.
    """
    version = settings.versions.get(role)
    piece_bytes = min(piece_length_bytes(size_bytes, version), size_bytes)
    pieces = math.ceil(size_bytes / piece_bytes)
    number = settings.get(STREAMS, role, host).number
    streams = max(1, min(int(number), pieces)) if number is not None and number >= 1 else None
    limit = shorter_limit(settings, role, host)
    missing = [
        name for name, known in ((STREAMS, streams is not None), (PIECE, limit is not None)) if not known
    ]  # fmt: skip
    if streams is None or limit is None or not limit.seconds:
        reason = f"{' and '.join(missing)} of the {role} is not known; name the chart or the client"
        return BandwidthDemand(role, version, size_bytes, piece_bytes, pieces, streams, limit, None, reason)
    bps = demanded_bps(min(size_bytes, streams * piece_bytes), limit.seconds)
    return BandwidthDemand(role, version, size_bytes, piece_bytes, pieces, streams, limit, bps)


def shorter_limit(settings: Settings, role: str, host: str | None = None) -> Setting | None:
    """Return the limit that acts first on a piece from the source, or None where none is known."""
    found = [settings.get(key, role, host) for key in (PIECE, WRITE)]
    known = [item for item in found if item.seconds]
    return min(known, key=lambda item: item.seconds or math.inf) if known and found[0].seconds else None
