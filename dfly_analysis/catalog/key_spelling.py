"""Names that a component reads: with a fact of their own, or only known to exist; and what a misspelt one may have meant."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cache, partial

from dfly_analysis.catalog.defaults import KeyDefaults, all_defaults, defaults_of
from dfly_analysis.catalog.releases import releases, within
from dfly_analysis.catalog.yaml_loader import load_document, record

GO_ROLES = ("scheduler", "manager", "go-client")  # roles whose reader takes names in any capitals
_CUTOFF = 0.84  # letters in common: one or two wrong ones in a leaf of usual length
_LAST_GO_CLIENT = "v2.3.4"
_UNITS_WITH_STEPS = frozenset({"mapping", "list", "text"})


@record
class KeyList:
    """Keys that a role reads besides those with defaults of their own; ``*`` stands for one step, ``**`` for any number."""

    repository: str
    source: str
    keys: tuple[str, ...]
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    """First and last release of keys that not all releases read."""


@cache
def find_key(role: str, key: str) -> KeyDefaults | None:
    """Return the fact of a key as its component reads the name: Go's in any capitals, the client's as written."""
    found = defaults_of(role, key)
    if found is not None or role not in GO_ROLES:
        return found
    return next((item for item in _of(role) if item.key.lower() == key.lower()), None)


@cache
def is_known_key(role: str, key: str) -> bool:
    """Return whether some release of a role's component reads a key, or a mapping or list that it lies in."""
    if find_key(role, key) is not None:
        return True
    if any(pattern.fullmatch(key) for pattern in _patterns(role)):
        return True
    steps = key.split(".")
    above = (defaults_of(role, ".".join(steps[:end])) for end in range(1, len(steps)))
    return any(item is not None and item.unit in _UNITS_WITH_STEPS for item in above)


@cache
def suggest_keys(role: str, key: str) -> tuple[str, ...]:
    """Return the keys that a misspelt one comes very near to, nearest first; none where it is no misspelling."""
    by_lower = {name.lower(): name for name in _readable(role)}
    if key.lower() in by_lower:
        return (by_lower[key.lower()],)
    section, _, leaf = key.rpartition(".")
    siblings = [name for name in by_lower if name.rpartition(".")[0] == section.lower()]
    leaves = {name.rpartition(".")[2]: name for name in siblings}
    near = [leaves[one] for one in difflib.get_close_matches(leaf.lower(), list(leaves), 3, _CUTOFF)]
    # Where the section is the misspelt part, the leaf has to be right.
    same_leaf = [name for name in by_lower if name.rpartition(".")[2] == leaf.lower()]
    near += [one for one in difflib.get_close_matches(key.lower(), same_leaf, 3, _CUTOFF) if one not in near]
    return tuple(by_lower[one] for one in near)


def nearest_keys(role: str, key: str) -> tuple[str, ...]:
    """Return up to three keys of a role that are nearest to an unknown one, however far."""
    by_lower = {name.lower(): name for name in _readable(role)}
    leaf = key.rpartition(".")[2].lower()
    close = difflib.get_close_matches(key.lower(), list(by_lower), 3, 0.6)
    close += [name for name in by_lower if name.rpartition(".")[2] == leaf and name not in close]
    return tuple(by_lower[one] for one in close[:3])


@cache
def _of(role: str) -> tuple[KeyDefaults, ...]:
    return tuple(item for item in all_defaults() if item.component == role)


@cache
def _readable(role: str) -> tuple[str, ...]:
    read = [item.key for item in _of(role) if item.is_read(None) and item.helm_path is not None]
    return tuple(dict.fromkeys([*read, *(name for name in _listed(role) if "*" not in name)]))


load_key_lists = cache(partial(load_document, dict[str, KeyList], "rules/key_spelling"))
"""The keys that each role reads besides those with defaults."""


def _listed(role: str) -> tuple[str, ...]:
    known = load_key_lists().get(role)
    return (*known.keys, *known.spans) if known else ()


@cache
def _patterns(role: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(role, name) for name in _listed(role))


@cache
def _pattern(role: str, name: str) -> re.Pattern[str]:
    text = re.escape(name).replace(r"\*\*", ".+").replace(r"\*", r"[^.]+")
    return re.compile(text, re.IGNORECASE if role in GO_ROLES else 0)


def releases_reading(role: str, keys: Iterable[str]) -> tuple[str, str, str | None]:
    """Return the first and last release of a Go component that read all of these keys, and a key that newer releases do not read. Keys that charts write although nothing reads them do not count."""
    newest = _LAST_GO_CLIENT if role == "go-client" else releases("server")[-1]
    known = tuple(one for one in releases("server") if "-" not in one and within(one, releases("server")[0], newest))
    limiting = None
    for key in keys:
        item = find_key(role, key)
        eras = [era for era in item.eras if era.ignored is None] if item and not item.chart_runs else []
        span = (eras[0].since, eras[-1].until) if eras else _span(role, key)
        left = tuple(one for one in known if within(one, *span)) if span else known
        if left and left[-1] != known[-1]:
            limiting = key
        known = left or known
    return known[0], known[-1], limiting


def _span(role: str, key: str) -> tuple[str, str] | None:
    spans = load_key_lists()[role].spans
    return next((span for name, span in spans.items() if _pattern(role, name).fullmatch(key)), None)
