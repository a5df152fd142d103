"""Rules that a configuration is checked by: when each holds, what to say, and values that hold it and that do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from dfly_analysis.catalog.releases import within
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record
from dfly_analysis.schema import Severity

Operator = Literal["<=", ">=", "<", ">", "!=", "=", "contains"]
_COMPARISON = re.compile(r"\s*(?P<left>.+?)\s+(?P<operator><=|>=|<|>|!=|=|contains)\s+(?P<right>.+?)\s*")
_FACTOR = re.compile(r"\s+([*/])\s+")
_PLACE = re.compile(r"\{([^{}]+)\}")
_ASKED = ("chart", "client", "scheduler", "size", "bandwidth", "layers")


@dataclass(frozen=True)
class Factor:
    """One operand."""

    name: str
    """A setting (``download.pieceTimeout``, ``seedClient:download.pieceTimeout``, ``backend.maxRetries@binary``), a quantity
    (``$demand``), or a literal (``5s``, ``16GiB``, ``0.25``, ``true``, ``'text'``)."""
    inverse: bool = False
    """Whether it divides."""


@dataclass(frozen=True)
class Comparison:
    """Two products compared."""

    left: tuple[Factor, ...]
    operator: Operator
    right: tuple[Factor, ...]
    text: str


@record
class ConfigSample:
    """Values that hold a rule, or do not."""

    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Helm values, nested or dotted."""
    text: str = ""
    """The values as a file has them, where that matters; else empty."""
    rendered: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    """Components' own files, by name."""
    chart: str | None = None
    client: str | None = None
    scheduler: str | None = None
    size: str | None = None
    bandwidth: str | None = None
    layers: int | None = None
    """Options of the check."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the check that are named."""
        return {name: value for name in _ASKED if (value := getattr(self, name)) is not None}


class RuleSamples(NamedTuple):
    """Configurations that hold a rule, and that do not; each kind has at least one."""

    present: tuple[ConfigSample, ...]
    absent: tuple[ConfigSample, ...]


class IgnoredKeys(NamedTuple):
    """Which keys without effect a rule is about."""

    kinds: tuple[str, ...]
    """See `dfly_analysis.config.ignored_keys.IgnoredKey`."""
    named: str = ""
    not_named: str = ""
    """The key's path has to hold this word, or must not, in any capitals."""


@record
class ConfigRule:
    """A rule."""

    id: str
    title: str
    severity: Severity
    remedy: str
    samples: RuleSamples
    when: tuple[str | tuple[str, ...], ...] = ()
    """It holds where one of these does: a comparison, or several that all have to; empty where `keys` decides."""
    keys: IgnoredKeys | None = None
    """It holds where such a key is written; None where `when` decides."""
    roles: tuple[str, ...] = ("seedClient",)
    """It is looked for in each."""
    releases: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    """Where it can hold at all; a release not known counts as one of them."""
    message: str = ""
    """Sentence with operands in braces."""
    knob: str | None = None
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.when) == bool(self.keys):
            raise EntryError("has to have either `when` or `keys`")
        for place, one in enumerate(self.when):
            for text in _texts(one):
                if not _COMPARISON.fullmatch(text):
                    hint = "write it like `storage.writePieceTimeout < download.pieceTimeout`, with ` * ` and ` / ` between factors"
                    raise EntryError(f"{text!r} is no comparison; {hint}", "when", place)

    @cached_property
    def conditions(self) -> tuple[tuple[Comparison, ...], ...]:
        """Return `when` as comparisons: one group has to hold as a whole."""
        return tuple(tuple(parse_comparison(text) for text in _texts(one)) for one in self.when)

    @property
    def operands(self) -> tuple[str, ...]:
        """Return the operands that `message` names."""
        return tuple(dict.fromkeys(_PLACE.findall(self.message)))

    @property
    def condition(self) -> str:
        """Return in words when it holds."""
        if self.keys is not None:
            return f"a key is {' or '.join(self.keys.kinds)}".replace("_", " ")
        return " or ".join(" and ".join(_texts(one)) for one in self.when)

    def takes(self, kind: str, words: str) -> bool:
        """Return whether a key without effect belongs to this rule, by its kind and the words of its path."""
        if self.keys is None or kind not in self.keys.kinds:
            return False
        low, banned = words.lower(), self.keys.not_named.lower()
        return self.keys.named.lower() in low and not (banned and banned in low)

    def possible(self, versions: Mapping[str, str | None]) -> bool:
        """Return whether the releases in force can hold it; one that is not known can."""
        return all(
            (version := versions.get(role)) is None or within(version, since, until)
            for role, (since, until) in self.releases.items()
        )


@cache
def load_config_rules() -> tuple[ConfigRule, ...]:
    """Return all rules, in the order of their files."""
    return load_entries(ConfigRule, "config_checks")


def template(text: str) -> str:
    """Return a text whose places are names for `str.format_map`: ``{client:download.pieceTimeout}`` is ``{client_download_pieceTimeout}``."""
    return _PLACE.sub(lambda place: f"{{{place_name(place[1])}}}", text)


def place_name(operand: str) -> str:
    """Return the name that an operand has in a `template`."""
    return re.sub(r"\W+", "_", operand).strip("_")


def parse_comparison(text: str) -> Comparison:
    """Read a comparison such as ``storage.writePieceTimeout < download.pieceTimeout * 2``."""
    match = _COMPARISON.fullmatch(text)
    assert match is not None  # validated with the rule
    operator: Any = match["operator"]
    return Comparison(_product(match["left"]), operator, _product(match["right"]), text)


def _texts(one: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else one


def _product(text: str) -> tuple[Factor, ...]:
    first, *others = _FACTOR.split(text)
    pairs = zip(others[::2], others[1::2], strict=True)
    return (Factor(first), *(Factor(name, sign == "/") for sign, name in pairs))
