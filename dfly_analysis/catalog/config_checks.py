"""Traps of a configuration as data: when each holds, what to say, and values that hold it and that do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import read_folder
from dfly_analysis.catalog.releases import within
from dfly_analysis.tables import SEVERITIES

Operator = Literal["<=", ">=", "<", ">", "!=", "=", "contains"]
_COMPARISON = re.compile(r"\s*(?P<left>.+?)\s+(?P<operator><=|>=|<|>|!=|=|contains)\s+(?P<right>.+?)\s*")
_FACTOR = re.compile(r"\s+([*/])\s+")
_HINT = "write it like `storage.writePieceTimeout < download.pieceTimeout`; factors stand apart, ` * ` and ` / `"


@dataclass(frozen=True)
class Factor:
    """One operand.

    Attributes
    ----------
    name : str
        A setting (``download.pieceTimeout``, ``seedClient:download.pieceTimeout``, ``backend.maxRetries@binary``), a
        quantity (``$demand``), or a literal (``5s``, ``16GiB``, ``0.25``, ``true``, ``'text'``).
    inverse : bool
        Whether it divides.
    """

    name: str
    inverse: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two products compared."""

    left: tuple[Factor, ...]
    operator: Operator
    right: tuple[Factor, ...]
    text: str


@dataclass(frozen=True)
class Sample:
    """Values that hold a trap, or do not.

    Attributes
    ----------
    values : mapping
        Helm values, nested or dotted.
    text : str
        The values as a file has them, where that matters; else empty.
    rendered : mapping of str to mapping
        Components' own files, by name.
    asked : mapping of str to str
        ``chart``, ``client``, ``scheduler``, ``size``, ``bandwidth``, ``layers``.
    """

    values: Mapping[str, Any]
    text: str
    rendered: Mapping[str, Mapping[str, Any]]
    asked: Mapping[str, str]


@dataclass(frozen=True)
class Trap:
    """A trap.

    Attributes
    ----------
    id, title, severity : str
    roles : tuple of str
        It is looked for in each.
    when : tuple of tuple of Comparison
        It holds where all of one of these hold; empty where `kinds` decides.
    kinds : tuple of str
        Kinds of keys written in vain, see `dfly_analysis.config.ignored_keys.KeyTrap`; empty where `when` decides.
    named, not_named : str
        The key's path has to hold this word, or must not, in any capitals.
    releases : mapping of role to (since, until)
        Where it can hold at all; a release not known counts as one of them.
    says : str
        Sentence with operands in braces.
    knob, remedy : str
    references : tuple of str
    holds, clean : tuple of Sample
    """

    id: str
    title: str
    severity: str
    roles: tuple[str, ...]
    when: tuple[tuple[Comparison, ...], ...]
    kinds: tuple[str, ...]
    named: str
    not_named: str
    releases: Mapping[str, tuple[str, str]]
    says: str
    knob: str | None
    remedy: str
    references: tuple[str, ...]
    holds: tuple[Sample, ...]
    clean: tuple[Sample, ...]

    def takes(self, kind: str, words: str) -> bool:
        """Return whether a key written in vain belongs to this trap, by its kind and the words of its path."""
        low = words.lower()
        wanted = kind in self.kinds and self.named.lower() in low
        return wanted and not (self.not_named and self.not_named.lower() in low)

    def possible(self, versions: Mapping[str, str | None]) -> bool:
        """Return whether the releases in force can hold it; one that is not known can."""
        return all(
            (version := versions.get(role)) is None or within(version, since, until)
            for role, (since, until) in self.releases.items()
        )


@cache
def load_traps() -> tuple[Trap, ...]:
    """Return all traps, in the order of their files.

    Raises
    ------
    KnowledgeError
        Naming the file and the entry that is wrong.
    """
    found = tuple(trap for address, entries in read_folder("config_checks") for trap in _read(address, entries))
    ids = [trap.id for trap in found]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice:
        raise KnowledgeError("two traps of one name", where=f"catalog/entries/config_checks {twice}", hint="name them apart")
    return found


def parse_comparison(text: str, where: str) -> Comparison:
    """Read a comparison such as ``storage.writePieceTimeout < download.pieceTimeout * 2``.

    Raises
    ------
    KnowledgeError
        Where the text is none.
    """
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise KnowledgeError(f"{text!r} is no comparison", where=where, hint=_HINT)
    operator: Any = match["operator"]
    return Comparison(_product(match["left"]), operator, _product(match["right"]), text)


def _product(text: str) -> tuple[Factor, ...]:
    first, *others = _FACTOR.split(text)
    pairs = zip(others[::2], others[1::2], strict=True)
    return (Factor(first), *(Factor(name, sign == "/") for sign, name in pairs))


def _read(address: str, entries: Any) -> Iterator[Trap]:
    for entry in entries:
        where = f"{address} {entry.get('id', 'an entry without id')}"
        try:
            yield _trap(entry, where)
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise KnowledgeError(
                f"{type(problem).__name__}: {problem}", where=where, hint="compare it with its neighbours"
            ) from problem


def _trap(entry: Mapping[str, Any], where: str) -> Trap:
    if entry["severity"] not in SEVERITIES:
        raise KnowledgeError(f"severity is {entry['severity']!r}", where=where, hint=f"one of {', '.join(SEVERITIES)}")
    if bool(entry.get("when")) == bool(entry.get("keys")):
        raise KnowledgeError("has to have either `when` or `keys`", where=where, hint=_HINT)
    samples = entry["samples"]
    keys = entry.get("keys", {})
    return Trap(
        id=entry["id"], title=entry["title"], severity=entry["severity"], roles=tuple(entry.get("roles", ("seedClient",))),
        when=tuple(
            tuple(parse_comparison(text, where) for text in ([one] if isinstance(one, str) else one))
            for one in entry.get("when", ())
        ),
        kinds=tuple(keys.get("kinds", ())), named=keys.get("named", ""), not_named=keys.get("not_named", ""),
        releases={role: (span[0], span[1]) for role, span in entry.get("releases", {}).items()},
        says=entry.get("says", ""), knob=entry.get("knob"), remedy=entry["remedy"],
        references=tuple(entry.get("references", ())), holds=_samples(samples["holds"]), clean=_samples(samples["clean"]),
    )  # fmt: skip


def _samples(entries: Any) -> tuple[Sample, ...]:
    asked = ("chart", "client", "scheduler", "size", "bandwidth", "layers")
    return tuple(
        Sample(
            one.get("values", {}),
            one.get("text", ""),
            one.get("rendered", {}),
            {name: str(one[name]) for name in asked if name in one},
        )
        for one in entries
    )
