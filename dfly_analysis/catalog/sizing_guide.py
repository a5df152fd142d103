"""What a component should have: by the project's guide, by the article, and what its pieces in flight hold in memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

from dfly_analysis.catalog.releases import Span, entry_at, releases, require_known
from dfly_analysis.catalog.yaml_loader import load_document, record
from dfly_analysis.schema import ROLES
from dfly_analysis.units import parse_rate, parse_size


class Sizing(NamedTuple):
    """Documented size of one replica, for up to `peers` peers."""

    peers: int
    cpu: float
    memory_bytes: int
    disk_bytes: int
    replicas: int | None


class _Component(NamedTuple):
    cpu: float
    memory: str
    disk: str
    replicas: int | None = None


class _Cluster(NamedTuple):
    peers: int
    manager: _Component
    scheduler: _Component
    seedClient: _Component  # noqa: N815 - the role's name
    client: _Component


class _CpuAndMemory(NamedTuple):
    cpu: float
    memory: str


class _Resources(NamedTuple):
    requests: _CpuAndMemory
    limits: _CpuAndMemory


class _Article(NamedTuple):
    source: str
    images_from: str
    seedClient: _Resources  # noqa: N815 - the role's name
    client: _Resources


@record
class _Memory(Span):
    from_parent: Literal["piece", "write_buffer"]
    from_source: Literal["piece", "write_buffer"]
    http2_window: str = "0"


@record
class SizingGuide:
    """What the project's guide and the article recommend, and what a concurrent piece holds in memory by release of the client."""

    source: str
    cluster: tuple[_Cluster, ...]
    article: _Article
    memory: tuple[_Memory, ...]
    usual_write_buffer: str


class Spread(NamedTuple):
    """A usual value and its range."""

    value: float
    low: float
    high: float


class _Rates(NamedTuple):
    low: str
    value: str
    high: str

    def spread(self) -> Spread:
        return Spread(float(parse_rate(self.value)), float(parse_rate(self.low)), float(parse_rate(self.high)))


class _Kind(NamedTuple):
    name: str
    ratio: Spread


class _Algorithm(NamedTuple):
    name: str
    speed: _Rates


@record
class Compression:
    """How layers are compressed, what that saves, and how fast one core unpacks them, compressed bytes per second."""

    source: str
    kinds: tuple[_Kind, ...]
    algorithms: tuple[_Algorithm, ...]
    plain: _Rates


@cache
def load_sizing_guide() -> SizingGuide:
    """Return the documented sizes."""
    return load_document(SizingGuide, "rules/sizing_guide")


def documented_sizing(role: str, peers: int = 1) -> Sizing | None:
    """Return what the guide recommends for a role and at least so many peers, or None if it does not mention the role."""
    rows = load_sizing_guide().cluster
    row = next((one for one in rows if one.peers >= peers), rows[-1])
    if role not in ROLES:
        return None
    one: _Component = getattr(row, role)
    return Sizing(row.peers, one.cpu, parse_size(one.memory), parse_size(one.disk), one.replicas)


def sizing_source() -> str:
    """Return where the documented sizes come from."""
    return load_sizing_guide().source


class Shares(NamedTuple):
    """Requests and limits of one container; CPU in cores."""

    request_cpu: float
    request_memory_bytes: int
    limit_cpu: float
    limit_memory_bytes: int


def article_shares(role: str) -> Shares:
    """Return requests and limits as the article gives them for large images."""
    one: _Resources = getattr(load_sizing_guide().article, role)
    return Shares(one.requests.cpu, parse_size(one.requests.memory), one.limits.cpu, parse_size(one.limits.memory))


def article_from_bytes() -> int:
    """Return the size of an image from which on the article's figures hold."""
    return parse_size(load_sizing_guide().article.images_from)


def held_in_memory_bytes(origin: str, piece_bytes: int, write_buffer_bytes: int | None, version: str | None) -> int:
    """Return how many bytes one piece from the ``source`` or a ``parent`` holds in memory, by release of the client (default: newest)."""
    known = require_known("client", version or releases("client")[-1])
    rule = entry_at(load_sizing_guide().memory, known)
    assert rule is not None  # the spans leave no gap
    if (rule.from_source if origin == "source" else rule.from_parent) == "piece":
        return piece_bytes
    buffer = write_buffer_bytes or parse_size(load_sizing_guide().usual_write_buffer)
    return min(piece_bytes, buffer) + (parse_size(rule.http2_window) if origin == "source" else 0)


@cache
def load_compression() -> Compression:
    """Return how layers are compressed."""
    return load_document(Compression, "rules/compression")


def compression_kinds() -> Mapping[str, Spread]:
    """Return by kind of content how many bytes of files one compressed byte holds."""
    return {one.name: one.ratio for one in load_compression().kinds}


def unpack_speeds() -> Mapping[str, Spread]:
    """Return by algorithm how fast one core unpacks, in compressed bytes a second; ``none`` is a plain archive."""
    known = load_compression()
    return {**{one.name: one.speed.spread() for one in known.algorithms}, "none": known.plain.spread()}
