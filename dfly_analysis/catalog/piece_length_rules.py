"""How the client cuts a layer into pieces, and how often it tries one, by release."""

from functools import cache

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.releases import Span, entry_at, releases, require_known
from dfly_analysis.catalog.yaml_loader import SizeBytes, load_entries, record
from dfly_analysis.messages import message
from dfly_analysis.units import format_size

PARENT_CONCURRENCY = "download.concurrentPieceCount"
CONCURRENCY_KEYS = (PARENT_CONCURRENCY, "download.backToSourceConcurrentPieceCount")
"""Keys that limit the concurrent pieces of a layer; which one, depends on release and origin."""


@record
class PieceRules(Span):
    """What a span of the client's releases does with pieces."""

    least_bytes: SizeBytes
    most_bytes: SizeBytes
    """Length of a piece."""
    parts: int | None  # into how many pieces a layer is cut between these lengths; None if all are of the least
    passes: int
    single_passes: int
    """How many passes over a layer there are, and over one of a single piece: one where it goes to the source without the scheduler."""
    retries_before_body: int  # how often a pass retries a request without a body (``backend.maxRetries`` from v1.3.8)
    siblings_cancelled: bool
    """Whether the other pieces in flight are cancelled when one fails (up to v0.1.96, and from v1.0.18), or run on and are not reported."""
    noticed_at_once: bool
    """Whether a round ends at its first failed piece, or only once its last piece has been given a slot (v0.1.39 to v0.1.89, and from v1.0.18)."""
    source_concurrency: str
    """The key that limits the concurrent pieces of a layer from the source; `PARENT_CONCURRENCY` limits those from parents."""


@cache
def piece_rules(client_version: str | None = None) -> PieceRules:
    """Return the rules of a release of the client, by default the newest; a FactMissingError for an unknown release."""
    known = require_known("client", client_version or releases("client")[-1])
    found = entry_at(load_entries(PieceRules, "rules/piece_length_rules"), known)
    assert found is not None  # the spans leave no gap
    return found


def piece_length_bytes(content_length_bytes: int, client_version: str | None = None) -> int:
    """Return the length of the pieces of a layer, bytes; by the newest rule if no release of the client is given.

    1/500 of the layer, rounded up to a power of two, between 4 MiB and 16 MiB (up to v0.2.25) or 64 MiB; always 4 MiB up to v0.1.97.
    Source: ``calculate_piece_length`` of dragonflyoss/client. A FactMissingError for an unknown release.
    """
    rules = piece_rules(client_version)
    if rules.parts is None:
        return rules.least_bytes
    share = max(1, content_length_bytes // rules.parts)
    return min(rules.most_bytes, max(rules.least_bytes, 1 << (share - 1).bit_length()))


def piece_length_rule(client_version: str | None = None) -> str:
    """Return the rule of `piece_length_bytes` as text, e.g. ``4 MiB to 64 MiB, about 1/500 of the layer``."""
    rules = piece_rules(client_version)
    least, most = format_size(rules.least_bytes), format_size(rules.most_bytes)
    if not rules.parts:
        return least
    return message("{least} to {most}, about 1/{parts} of the layer", least=least, most=most, parts=rules.parts)


def concurrency_key(client_version: str | None = None, origin: str = "source") -> str:
    """Return the key that limits the concurrent pieces of a layer from the ``source`` or a ``parent``, by release (default: newest)."""
    return piece_rules(client_version).source_concurrency if origin == "source" else PARENT_CONCURRENCY


def usual_pieces_in_flight(client_version: str | None = None) -> int:
    """Return how many pieces of a layer a client fetches from the source at a time where nothing sets `concurrency_key`."""
    known = defaults_of("client", concurrency_key(client_version))
    era = known.at(client_version or releases("client")[-1]) if known else None
    return int(era.default) if era and isinstance(era.default, int) else 16
