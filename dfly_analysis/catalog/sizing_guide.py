"""What a component should have: by the project's guide, by the article, and what its pieces in flight hold in memory."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Literal, NamedTuple

from dfly_analysis.catalog.releases import Span, entry_at, releases, require_known
from dfly_analysis.catalog.yaml_loader import RateBps, SizeBytes, load_document, record


class Sizing(NamedTuple):
    """Documented size of one replica."""

    cpu: float
    memory_bytes: SizeBytes
    disk_bytes: SizeBytes
    replicas: int | None = None
    peers: int = 0  # the number of peers up to which it holds


class Shares(NamedTuple):
    """Requests and limits of one container; CPU in cores."""

    request_cpu: float
    request_memory_bytes: SizeBytes
    limit_cpu: float
    limit_memory_bytes: SizeBytes


class Article(NamedTuple):
    """What the article gives for images from a size on."""

    source: str
    images_from_bytes: SizeBytes
    shares: Mapping[str, Shares]


@record
class _Memory(Span):
    from_parent: Literal["piece", "write_buffer"]
    from_source: Literal["piece", "write_buffer"]
    http2_window_bytes: SizeBytes = 0


@record
class SizingGuide:
    """What the project's guide and the article recommend, and what a concurrent piece holds in memory by release of the client."""

    source: str
    cluster: Mapping[int, Mapping[str, Sizing]]  # by the number of peers up to which it holds, and role
    article: Article
    memory: tuple[_Memory, ...]
    usual_write_buffer_bytes: SizeBytes


class Spread(NamedTuple):
    """A usual value and its range."""

    value: float
    low: float
    high: float


class Rates(NamedTuple):
    """A usual rate and its range, bytes per second."""

    value: RateBps
    low: RateBps
    high: RateBps


class _Kind(NamedTuple):
    name: str
    ratio: Spread


class _Algorithm(NamedTuple):
    name: str
    speed: Rates


@record
class Compression:
    """How layers are compressed, what that saves, and how fast one core unpacks them, compressed bytes per second."""

    source: str
    kinds: tuple[_Kind, ...]
    algorithms: tuple[_Algorithm, ...]
    plain: Rates


load_sizing_guide = cache(partial(load_document, SizingGuide, "rules/sizing_guide"))  # the documented sizes


def documented_sizing(role: str, peers: int = 1) -> Sizing | None:
    """Return what the guide recommends for a role and at least so many peers, or None if it does not mention the role."""
    cluster = load_sizing_guide().cluster
    most = next((most for most in cluster if most >= peers), max(cluster))
    found = cluster[most].get(role)
    return found and found._replace(peers=most)


def article_shares(role: str) -> Shares:
    """Return requests and limits as the article gives them for large images."""
    return load_sizing_guide().article.shares[role]


def held_in_memory_bytes(origin: str, piece_bytes: int, write_buffer_bytes: int | None, version: str | None) -> int:
    """Return how many bytes one piece from the ``source`` or a ``parent`` holds in memory, by release of the client (default: newest)."""
    guide = load_sizing_guide()
    rule = entry_at(guide.memory, require_known("client", version or releases("client")[-1]))
    assert rule is not None  # the spans leave no gap
    if (rule.from_source if origin == "source" else rule.from_parent) == "piece":
        return piece_bytes
    buffer = write_buffer_bytes or guide.usual_write_buffer_bytes
    return min(piece_bytes, buffer) + (rule.http2_window_bytes if origin == "source" else 0)


load_compression = cache(partial(load_document, Compression, "rules/compression"))  # how layers are compressed


def compression_kinds() -> Mapping[str, Spread]:
    """Return by kind of content how many bytes of files one compressed byte holds."""
    return {one.name: one.ratio for one in load_compression().kinds}


def unpack_speeds() -> Mapping[str, Spread]:
    """Return by algorithm how fast one core unpacks, in compressed bytes a second; ``none`` is a plain archive."""
    known = load_compression()
    rates = {**{one.name: one.speed for one in known.algorithms}, "none": known.plain}
    return {name: Spread(*one) for name, one in rates.items()}
