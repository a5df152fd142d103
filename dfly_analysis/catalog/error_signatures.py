"""How known failures look in a log: one file a signature, matched on literals first, then by regular expression."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import compile_pattern, read_folder
from dfly_analysis.tables import CAUSES, OUTCOMES

LAYERS = ("cause", "symptom", "wrapper", "echo", "benign")
COMPONENTS = ("client", "scheduler", "manager", "kubernetes", "go-client", "any")
_READ_CHARS = 8_000  # log text is untrusted: an endless line must not hold the reader up
_KEYS = frozenset(
    [
        "id",
        "title",
        "component",
        "versions",
        "layer",
        "priority",
        "literals",
        "regex",
        "cause",
        "outcome",
        "severity",
        "knob",
        "echo_of",
        "remedy",
        "collect",
        "references",
        "samples",
        "finding",
    ]
)


@dataclass(frozen=True)
class Signature:
    """How one known failure looks in a log.

    Attributes
    ----------
    id : str
        Stable name in snake case.
    title : str
        One short line for people.
    component : str
        Who writes it: one of `COMPONENTS`.
    versions : str
        Where it occurs, in words; empty for all.
    layer : {"cause", "symptom", "wrapper", "echo", "benign"}
        ``cause`` says why, ``symptom`` what was seen (the article's signs), ``wrapper`` which step reported it,
        ``echo`` repeats another line, ``benign`` looks bad and means nothing.
    priority : int
        The lowest of the causes that match a line wins.
    literals : tuple of str
        One of them must be in the text before `regex` is tried; case counts.
    pattern : str
        Searched in the message (ids at the end already taken off), newline included.
    cause : str
        One of the contract's causes.
    outcome : str
        How a piece ends that shows it: one of `dfly_analysis.tables.OUTCOMES`.
    severity : str
    knob : str or None
        The setting that governs it.
    echo_of : str or None
        Signature whose repetition this is.
    finding : bool
        Whether a diagnosis gives a verdict on it by its id.
    remedy, collect : str
        What to do; what to collect where it cannot be told.
    references : tuple of str
    matching, other : tuple of str
        Samples that it matches, and that it does not.
    where : str
        File and id.
    """

    id: str
    title: str
    component: str
    versions: str
    layer: str
    priority: int
    literals: tuple[str, ...]
    pattern: str
    cause: str
    outcome: str
    severity: str
    knob: str | None
    echo_of: str | None
    finding: bool
    remedy: str
    collect: str
    references: tuple[str, ...]
    matching: tuple[str, ...]
    other: tuple[str, ...]
    where: str

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the pattern, compiled at first use: a log shows few of all signatures."""
        return compile_pattern(self.pattern, self.where)

    def matches(self, text: str) -> bool:
        """Return whether the text shows this signature; only its first 8,000 characters are read."""
        head = text[:_READ_CHARS]
        return any(literal in head for literal in self.literals) and self.regex.search(head) is not None


@cache
def load_signatures() -> tuple[Signature, ...]:
    """Return all signatures, lowest priority number first, then by id.

    Raises
    ------
    KnowledgeError
        Naming the file and the entry that is wrong.
    """
    read = [_signature(entry, address) for address, content in read_folder("error_signatures") for entry in _entries(content)]
    doubled = [name for name, count in Counter(one.id for one in read).items() if count > 1]
    if doubled:
        raise KnowledgeError(f"ids stand twice: {', '.join(sorted(doubled))}", where="catalog/entries/error_signatures")
    return tuple(sorted(read, key=lambda one: (one.priority, one.id)))


@cache
def signature(signature_id: str) -> Signature | None:
    """Return the signature of that id, or None."""
    return _by_id().get(signature_id)


@cache
def _by_id() -> dict[str, Signature]:
    return {one.id: one for one in load_signatures()}


@cache
def _literals(layer: str | None) -> tuple[tuple[str, Signature], ...]:
    """Return each literal with its signature, in the signatures' order."""
    return tuple((literal, one) for one in load_signatures() if layer in {None, one.layer} for literal in one.literals)


def _shown(text: str, layer: str | None) -> Iterator[Signature]:
    head = text[:_READ_CHARS]
    candidates = dict.fromkeys([one.id for literal, one in _literals(layer) if literal in head])
    for signature_id in candidates:
        one = _by_id()[signature_id]
        if one.regex.search(head) is not None:
            yield one


@lru_cache(maxsize=1_024)  # one failure is told by many lines, word for word
def cause_of(text: str) -> Signature | None:
    """Return the cause signature of lowest priority that a text shows, or None."""
    return next(_shown(text, "cause"), None)


@lru_cache(maxsize=1_024)
def is_benign(text: str) -> bool:
    """Return whether a text is one of the lines that look bad and mean nothing."""
    return next(_shown(text, "benign"), None) is not None


@lru_cache(maxsize=1_024)
def signatures_in(text: str) -> tuple[Signature, ...]:
    """Return all signatures that a text shows, of every layer, lowest priority number first."""
    return tuple(_shown(text, None))


def _entries(content: Any) -> list[Mapping[str, Any]]:
    return list(content) if isinstance(content, list) else [content]


def _signature(entry: Mapping[str, Any], address: str) -> Signature:
    where = f"{address} {entry.get('id', '(no id)')}"
    unknown = set(entry) - _KEYS
    if unknown:
        raise KnowledgeError(f"unknown keys {', '.join(sorted(unknown))}", where=where)
    choices = {
        "layer": LAYERS, "component": COMPONENTS, "cause": CAUSES, "outcome": OUTCOMES,
        "severity": ("critical", "high", "medium", "low", "info"),
    }  # fmt: skip
    defaults = {"component": "any", "cause": "unknown", "outcome": "unknown", "severity": "info", "layer": None}
    for key, allowed in choices.items():
        if entry.get(key, defaults.get(key)) not in allowed:
            raise KnowledgeError(f"{key} is {entry.get(key)!r}", where=where, hint=f"one of {', '.join(allowed)}")
    if "regex" not in entry:
        raise KnowledgeError("its regex is missing", where=where)
    samples = entry.get("samples", {})
    return Signature(
        id=entry["id"], title=entry["title"], component=entry.get("component", "any"), versions=str(entry.get("versions", "")),
        layer=entry["layer"], priority=int(entry.get("priority", 100)), literals=tuple(entry["literals"]), pattern=entry["regex"],
        cause=entry.get("cause", "unknown"), outcome=entry.get("outcome", "unknown"), severity=entry.get("severity", "info"),
        knob=entry.get("knob"), echo_of=entry.get("echo_of"), finding=bool(entry.get("finding", False)),
        remedy=entry.get("remedy", ""), collect=entry.get("collect", ""), references=tuple(entry.get("references", ())),
        matching=tuple(samples.get("match", ())), other=tuple(samples.get("other", ())), where=where,
    )  # fmt: skip
