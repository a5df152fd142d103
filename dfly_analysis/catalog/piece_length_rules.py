"""How the client cuts a layer into pieces, and how often it tries one, by release."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.releases import Span, entry_at, releases, require_known
from dfly_analysis.catalog.yaml_loader import SizeBytes, load_document, record
from dfly_analysis.messages import message
from dfly_analysis.units import format_size


class PieceAttempts(NamedTuple):
    """How often a client tries a piece from the source: passes over a layer, and retries in a pass of requests without a body."""

    passes: int
    retries_before_body: int


@record
class _Length(Span):
    least: SizeBytes
    most: SizeBytes
    source: str
    parts: int | None = None


@record
class _Attempts(Span):
    passes: int
    retries: int
    source: str


@record
class _Siblings(Span):
    cancelled: bool
    noticed: Literal["at_once", "when_all_started"]
    source: str


@record
class _SinglePiece(Span):
    passes: int
    source: str


@record
class PieceRules:
    """The rules of a piece, each by release of the client."""

    repository: str
    length: tuple[_Length, ...]
    attempts: tuple[_Attempts, ...]
    siblings: tuple[_Siblings, ...]
    single: tuple[_SinglePiece, ...]


@cache
def _rule(topic: str, client_version: str | None) -> Any:
    known = require_known("client", client_version or releases("client")[-1])
    return entry_at(getattr(load_document(PieceRules, "rules/piece_length_rules"), topic), known)


def piece_length_bytes(content_length_bytes: int, client_version: str | None = None) -> int:
    """Return the length of the pieces of a layer, bytes; by the newest rule if no release of the client is given.

    1/500 of the layer, rounded up to a power of two, between 4 MiB and 16 MiB (up to v0.2.25) or 64 MiB; always 4 MiB up to v0.1.97.
    Source: ``calculate_piece_length`` of dragonflyoss/client. A FactMissingError for an unknown release.
    """
    rule = _rule("length", client_version)
    if rule.parts is None:
        return int(rule.least)
    share = max(1, content_length_bytes // int(rule.parts))
    return min(int(rule.most), max(int(rule.least), 1 << (share - 1).bit_length()))


def piece_length_rule(client_version: str | None = None) -> str:
    """Return the rule of `piece_length_bytes` as text, e.g. ``4 MiB to 64 MiB, about 1/500 of the layer``."""
    rule = _rule("length", client_version)
    least, most = format_size(rule.least), format_size(rule.most)
    if not rule.parts:
        return least
    return message("{least} to {most}, about 1/{parts} of the layer", least=least, most=most, parts=rule.parts)


def siblings_cancelled(client_version: str | None = None) -> bool:
    """Return whether the other pieces in flight are cancelled when one fails (from v1.0.18) or run on and are not reported."""
    return bool(_rule("siblings", client_version).cancelled)


def failure_noticed_at_once(client_version: str | None = None) -> bool:
    """Return whether a round ends at its first failed piece, or only once its last piece has been given a slot (from v1.0.18)."""
    return bool(_rule("siblings", client_version).noticed == "at_once")


def passes_of_a_single_piece(client_version: str | None = None) -> int:
    """Return how many passes a layer of one piece gets: one where it goes to the source without the scheduler."""
    return int(_rule("single", client_version).passes)


def piece_attempts(client_version: str | None = None) -> PieceAttempts:
    """Return how many passes a layer gets and how often a request is retried before its body (``backend.maxRetries`` from v1.3.8)."""
    rule = _rule("attempts", client_version)
    return PieceAttempts(int(rule.passes), int(rule.retries))


def usual_pieces_in_flight(client_version: str | None = None) -> int:
    """Return how many pieces of a layer a client fetches at a time where nothing sets ``download.concurrentPieceCount``."""
    known = defaults_of("client", "download.concurrentPieceCount")
    era = known.at(client_version or releases("client")[-1]) if known else None
    return int(era.default) if era and isinstance(era.default, int) else 16
