"""Failure texts that do not tell their cause by themselves, or that other programs write too."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from dfly_analysis.catalog.yaml_loader import load_document, record


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


@cache
def other_programs_texts() -> frozenset[str]:
    """Return the ids of signatures whose texts other programs write too."""
    return _read().also_of_other_programs


@cache
def possible_causes() -> Mapping[str, tuple[PossibleCause, ...]]:
    """Return the causes that the text of a signature may have, by its id, the likeliest first."""
    return {signature: entry.causes for entry in _read().alternatives for signature in entry.signatures}


@cache
def _read() -> _AmbiguousTexts:
    return load_document(_AmbiguousTexts, "rules/ambiguous_texts")
