"""The bandwidth that settings demand: concurrent pieces share a link, and each must end within its timeout."""

import math
from dataclasses import dataclass

from dfly_analysis.catalog.piece_length_rules import concurrency_key, piece_length_bytes
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import Setting
from dfly_analysis.messages import format_list, message

PIECE, WRITE, COLLECTED = "download.pieceTimeout", "storage.writePieceTimeout", "download.collectedPieceTimeout"


@dataclass(frozen=True)
class BandwidthDemand:
    """What a role's settings demand from the source for one layer; `reason` says why `bps` is unknown."""

    role: str
    client_version: str | None
    size_bytes: int
    piece_bytes: int
    pieces: int
    streams: int | None  # concurrent pieces
    limit: Setting | None  # the shorter of the timeouts of a piece from the source
    bps: float | None
    reason: str = ""

    @property
    def in_flight_bytes(self) -> int | None:
        """How many bytes of the layer are requested concurrently."""
        return None if self.streams is None else min(self.size_bytes, self.streams * self.piece_bytes)


def demanded_bps(in_flight_bytes: float, limit_s: float) -> float:
    """Return the bandwidth (B/s) below which pieces that share it time out after `limit_s` > 0."""
    return in_flight_bytes / limit_s


def demand_of(settings: Settings, role: str, size_bytes: int, host: str | None = None) -> BandwidthDemand:
    """Return what the settings of a client or seed client demand for a layer; `host` names the host whose file counts."""
    version = settings.versions.get(role)
    piece_bytes = min(piece_length_bytes(size_bytes, version), size_bytes)
    pieces = math.ceil(size_bytes / piece_bytes)
    number = settings.pieces_in_flight(role, host).number
    streams = max(1, min(int(number), pieces)) if number is not None and number >= 1 else None
    limits = [settings.get(key, role, host) for key in (PIECE, WRITE)]
    known = [item for item in limits if item.seconds] if limits[0].seconds else []
    limit = min(known, key=lambda item: item.seconds or math.inf, default=None)
    if streams is not None and limit is not None and limit.seconds:
        bps = demanded_bps(min(size_bytes, streams * piece_bytes), limit.seconds)
        return BandwidthDemand(role, version, size_bytes, piece_bytes, pieces, streams, limit, bps)
    missing = [name for name, known in ((concurrency_key(version), streams), (PIECE, limit)) if known is None]
    reason = message(
        "unknown {keys} of the {role}; give the release of the chart or of the client", keys=format_list(missing), role=role
    )  # fmt: skip
    return BandwidthDemand(role, version, size_bytes, piece_bytes, pieces, streams, limit, None, reason)
