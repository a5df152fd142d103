"""How known failures look in a log: matched on literals first, then by regular expression."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Literal, NamedTuple, get_args

from dfly_analysis.catalog.log_events import Patterned, compile_pattern
from dfly_analysis.catalog.yaml_loader import EntryError, load_document, load_entries, record
from dfly_analysis.schema import CAUSES, OUTCOMES, Severity

Layer = Literal["cause", "symptom", "wrapper", "echo", "benign"]
Component = Literal["client", "scheduler", "manager", "kubernetes", "go-client", "any"]
LAYERS: tuple[str, ...] = get_args(Layer)
_READ_CHARS = 8_000  # log text is untrusted: an endless line must not hold the reader up


class SignatureSamples(NamedTuple):
    """Texts that a signature matches, and near misses that it does not."""

    match: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


@record
class Signature(Patterned):
    """How one known failure looks in a log."""

    id: str
    title: str
    layer: Layer
    """``cause`` has the reason, ``symptom`` only the effect, ``wrapper`` the step that reports it, ``echo`` repeats another line,
    ``benign`` has no effect."""
    literals: tuple[str, ...]  # one of them must be in the text before `regex` is tried; case-sensitive
    pattern: str  # searched in the message without ids at its end, newlines included
    component: Component = "any"
    versions: str = ""  # releases that log it, as text; empty for all
    priority: int = 100  # the lowest of the causes that match a line wins
    cause: str = "unknown"
    outcome: str = "unknown"  # outcome of a piece that shows it
    severity: Severity = "info"
    knob: str | None = None  # the setting that governs it
    echo_of: str | None = None  # signature whose repetition this is
    hides: tuple[str, ...] = ()  # signatures that this one makes wrong where both match: they name another side
    at_info_level: bool = False  # whether its program logs it at info level, so that in a paste such a line counts
    cleared_by: str | None = None  # text after it in a paste that says it ended well
    finding: bool = False  # whether a diagnosis gives a verdict on it by its id
    remedy: str = ""
    collect: str = ""  # what to collect if the cause is unknown
    references: tuple[str, ...] = ()
    samples: SignatureSamples = SignatureSamples()

    def __post_init__(self) -> None:
        for key, value, allowed in (("cause", self.cause, CAUSES), ("outcome", self.outcome, OUTCOMES)):
            if value not in allowed:
                raise EntryError(f"{value!r} is not one of {', '.join(allowed)}", key)
        pattern = compile_pattern(self.pattern)
        for kind, wanted in (("match", True), ("other", False)):
            for place, text in enumerate(getattr(self.samples, kind)):
                head = text[:_READ_CHARS]
                if (pattern.search(head) is not None and any(part in head for part in self.literals)) is not wanted:
                    verb = "does not match" if wanted else "matches"
                    reason = f"the sample {text[:80]!r} {verb}; change it, `literals` or `pattern`"
                    raise EntryError(reason, "samples", kind, place)

    def matches(self, text: str) -> bool:
        """Return whether the text shows this signature; only its first 8,000 characters are read."""
        head = text[:_READ_CHARS]
        return any(literal in head for literal in self.literals) and self.regex.search(head) is not None


@cache
def load_signatures() -> tuple[Signature, ...]:
    """Return all signatures, lowest priority number first, then by id."""
    return tuple(sorted(load_entries(Signature, "error_signatures"), key=lambda one: (one.priority, one.id)))


@cache
def signature(signature_id: str) -> Signature | None:
    """Return the signature of that id, or None."""
    return _by_id().get(signature_id)


@cache
def _by_id() -> dict[str, Signature]:
    return {one.id: one for one in load_signatures()}


@cache
def _literals() -> tuple[tuple[str, Signature], ...]:
    """Return each literal with its signature, in the signatures' order."""
    return tuple((literal, one) for one in load_signatures() for literal in one.literals)


@record
class ErrorCode:
    """An error that people look up, by any of its numbers and names: Dragonfly v1, gRPC, HTTP, the operating system's."""

    codes: tuple[str, ...]
    family: str
    name: str
    meaning: str
    remedy: str = ""
    finding: str | None = None  # finding that explains it further


@cache
def error_codes() -> Mapping[str, ErrorCode]:
    """Return the errors by number and name, lower case."""
    entries = load_entries(ErrorCode, "rules/error_codes")
    return {text.lower(): entry for entry in entries for text in (*entry.codes, entry.name)}


class PossibleCause(NamedTuple):
    """One of several causes that a text may have, and how it shows."""

    cause: str
    why: str


class _Alternatives(NamedTuple):
    signatures: tuple[str, ...]
    causes: tuple[PossibleCause, ...]


@record
class _AmbiguousTexts:
    also_of_other_programs: frozenset[str]
    alternatives: tuple[_Alternatives, ...]


def other_programs_texts() -> frozenset[str]:
    """Return the ids of signatures whose texts other programs write too."""
    return load_document(_AmbiguousTexts, "rules/ambiguous_texts").also_of_other_programs


@cache
def possible_causes() -> Mapping[str, tuple[PossibleCause, ...]]:
    """Return the causes that the text of a signature may have, by its id, the likeliest first."""
    alternatives = load_document(_AmbiguousTexts, "rules/ambiguous_texts").alternatives
    return {signature: entry.causes for entry in alternatives for signature in entry.signatures}


_IDS = re.compile(r"\b(?:[0-9a-f]{3}/)?[0-9a-f]{64}\b(?P<piece>-\d+)?|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""Ids of tasks, pieces and processes, which matter to no signature."""


@lru_cache(maxsize=4_096)
def _shown(text: str) -> tuple[Signature, ...]:
    candidates = dict.fromkeys([one.id for literal, one in _literals() if literal in text])
    found = [one for one in map(_by_id().__getitem__, candidates) if one.regex.search(text) is not None]
    hidden = {name for one in found for name in one.hides}
    return tuple(one for one in found if one.id not in hidden)


def cause_of(text: str) -> Signature | None:
    """Return the cause signature of lowest priority that a text shows, or None."""
    return next((one for one in signatures_in(text) if one.layer == "cause"), None)


def failures_in(text: str, *, is_bad_level: bool = True) -> tuple[Signature, ...]:
    """Return the signatures of failures that a line of a log shows; at info level and below only those that are logged there."""
    found = signatures_in(text)
    if any(one.layer == "benign" for one in found):
        return ()
    return found if is_bad_level else tuple(one for one in found if one.at_info_level)


def is_benign(text: str) -> bool:
    """Return whether a text is one of the lines that look bad and mean nothing."""
    return any(one.layer == "benign" for one in signatures_in(text))


@lru_cache(maxsize=4_096)  # the reader and the checks ask for the same texts, each several times
def signatures_in(text: str) -> tuple[Signature, ...]:
    """Return all signatures that a text shows, of every layer, lowest priority number first."""
    # zeros for ids, so that failures of many tasks have one text
    return _shown(_IDS.sub(lambda match: "0" * 64 + ("-0" if match["piece"] else ""), text[:_READ_CHARS]))
