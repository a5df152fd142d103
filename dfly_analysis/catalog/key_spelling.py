"""Names that a component reads: with a fact of their own, or only known to exist; and what a misspelt one may have meant."""

import difflib
import re
from functools import cache

from dfly_analysis.catalog.defaults import KeyDefaults, all_defaults, defaults_of
from dfly_analysis.catalog.yaml_loader import load_document, record

GO_ROLES = ("scheduler", "manager")
"""Roles whose reader takes names in any capitals."""
_CUTOFF = 0.84  # letters in common: one or two wrong ones in a leaf of usual length
_UNITS_WITH_STEPS = frozenset({"mapping", "list", "text"})


@record
class KeyList:
    """Keys that a role reads besides those with defaults of their own; ``*`` stands for one step, ``**`` for any number."""

    repository: str
    source: str
    keys: tuple[str, ...]


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


@cache
def load_key_lists() -> dict[str, KeyList]:
    """Return the keys that each role reads besides those with defaults."""
    return load_document(dict[str, KeyList], "rules/key_spelling")


def _listed(role: str) -> tuple[str, ...]:
    known = load_key_lists().get(role)
    return known.keys if known else ()


@cache
def _patterns(role: str) -> tuple[re.Pattern[str], ...]:
    flags = re.IGNORECASE if role in GO_ROLES else 0
    texts = (re.escape(name).replace(r"\*\*", ".+").replace(r"\*", r"[^.]+") for name in _listed(role))
    return tuple(re.compile(text, flags) for text in texts)
