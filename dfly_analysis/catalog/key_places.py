"""Where a key belongs that is written without its parents, or below wrong ones: which component's file, and which section."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from dfly_analysis.catalog.defaults import KeyDefaults, all_defaults, defaults_of
from dfly_analysis.catalog.key_spelling import load_key_lists

FILES: Mapping[str, str] = {
    "client": "dfdaemon.yaml", "seedClient": "dfdaemon.yaml", "scheduler": "scheduler.yaml", "manager": "manager.yaml",
    "go-client": "dfget.yaml",
}  # fmt: skip
"""The file that each component reads."""
_QUANTITIES = ("duration", "size", "rate", "count", "requests_per_s", "percent")
_NO_KEY = re.compile(r"^(?:fixed|metric|database):|^POST ")
_SEVERAL_WORDS = re.compile(r"[a-z][A-Z]|[a-zA-Z][_-][a-z]")
_NEAR = 0.9  # letters in common: one wrong in a name of usual length
_MOST_KEYS = 4  # a name that more keys of one component end in says nothing without its section


class KeyPlace(NamedTuple):
    """A key of a component's file, and the roles that read that file."""

    file: str
    key: str
    roles: tuple[str, ...]
    helm_paths: tuple[str, ...]  # in the chart's values, as far as the chart passes it on
    defaults: KeyDefaults | None  # None where only the name is known

    @property
    def is_quantity(self) -> bool:
        """Return whether it is a duration, a size or a number: switches and addresses have names that other programs use too."""
        return self.defaults is not None and self.defaults.unit in _QUANTITIES

    def facts(self) -> dict[str, str]:
        """Return what is known of it by heading: where it belongs, which releases read it, what it does, what they set."""
        file = f"{self.file} ({', '.join(self.roles)}): {self.key}"
        found = {"file": file, "Helm values": ", ".join(self.helm_paths)}
        if self.defaults is None or not self.defaults.eras:
            return found
        item, read = self.defaults, [era for era in self.defaults.eras if era.ignored is None]
        line = "client" if item.line == "client" else item.component.replace("go-client", "Go client")
        ignored = f"by no release of the Rust client: {item.eras[-1].ignored}" if not read else ""
        found["read"] = ignored or f"by {line} {read[0].since} to {read[-1].until}"
        found["effect"] = item.meaning if read else ""
        spans = (f"{era.default} ({era.since} to {era.until})" for era in read if era.default is not None)
        found["default"] = ", ".join(spans)
        shown = {}
        for role in self.roles:
            if (other := defaults_of(role, self.key)) and other.chart_runs:
                shown[role] = ", ".join(f"{run.value} ({run.since} to {run.until})" for run in other.chart_runs)
        for role, text in shown.items():
            found["charts set" if len(set(shown.values())) == 1 else f"charts set for {role}"] = text
        return {heading: text for heading, text in found.items() if text}


@cache
def find_places(path: str) -> tuple[KeyPlace, ...]:
    """Return the places of a key from the dotted path that somebody wrote, whose parents may be missing or wrong, in any capitals; none if it is no key of Dragonfly."""
    steps = path.split(".")
    for start in range(len(steps)):
        tail = steps[start:]
        if len(tail) == 1 and not _SEVERAL_WORDS.search(tail[0]):
            return ()
        found = _ending_in(plain(".".join(tail)))
        if start and len(tail) == 1:  # below foreign parents a name has to be of a quantity with a default
            found = tuple(place for place in found if place.is_quantity)
        if found:
            as_written = tuple(place for place in found if f".{place.key}".endswith("." + ".".join(tail)))
            return _narrowed(as_written or found, {plain(step) for step in steps[:start]})
    return ()


def nearest_places(path: str) -> tuple[KeyPlace, ...]:
    """Return the places of the key that a misspelt name of several words alone comes very near to; none where it is no misspelling."""
    if "." in path or not _SEVERAL_WORDS.search(path):
        return ()
    near = get_close_matches(plain(path), _by_leaf(), 1, _NEAR)
    return _ending_in(near[0]) if near else ()


def plain(name: str) -> str:
    """Return a name without capitals, ``_`` and ``-``."""
    return name.lower().replace("_", "").replace("-", "")


def _ending_in(tail: str) -> tuple[KeyPlace, ...]:
    leaf = tail.rpartition(".")[2]
    found = [place for place in _by_leaf().get(leaf, ()) if f".{plain(place.key)}".endswith(f".{tail}")]
    counts = [sum(one.file == place.file for one in found) for place in found]
    return tuple(found) if max(counts, default=0) <= _MOST_KEYS else ()


def _narrowed(found: tuple[KeyPlace, ...], parents: set[str]) -> tuple[KeyPlace, ...]:
    """Return the places that the parents written above speak for: a role's name, or a section of the key."""
    own = [(place, tuple(role for role in place.roles if plain(role) in parents)) for place in found]
    by_role = (one._replace(roles=roles, helm_paths=_helm_paths(one.key, roles)) for one, roles in own if roles)
    by_section = (place for place in found if parents & {plain(step) for step in place.key.split(".")[:-1]})
    return tuple(by_role) or tuple(by_section) or found


def _helm_paths(key: str, roles: tuple[str, ...]) -> tuple[str, ...]:
    known = {(item.component, item.key): item.helm_path for item in all_defaults()}
    paths = (known.get((role, key), f"{role}.config.{key}") for role in roles)
    return tuple(path for path in paths if path)


@cache
def _by_leaf() -> Mapping[str, tuple[KeyPlace, ...]]:
    keys: dict[tuple[str, str], list[KeyDefaults | str]] = {}
    for item in all_defaults():
        if item.component in FILES and item.line != "chart" and not _NO_KEY.search(item.key):
            keys.setdefault((FILES[item.component], item.key), []).append(item)
    with_defaults = frozenset(keys)
    for role, listed in load_key_lists().items():
        for key in listed.keys if role in FILES else ():
            if "*" not in key and (FILES[role], key) not in with_defaults:
                keys.setdefault((FILES[role], key), []).append(role)
    found: dict[str, list[KeyPlace]] = {}
    for (file, key), items in keys.items():
        roles = tuple(one.component if isinstance(one, KeyDefaults) else one for one in items)
        defaults = next((one for one in items if isinstance(one, KeyDefaults)), None)
        place = KeyPlace(file, key, roles, _helm_paths(key, roles), defaults)
        found.setdefault(plain(key.rpartition(".")[2]), []).append(place)
    return {leaf: tuple(places) for leaf, places in found.items()}
