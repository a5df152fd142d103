"""Rules that a configuration is checked by: condition, message, remedy, and sample configurations."""

import re
from collections.abc import Mapping
from dataclasses import field
from functools import cache, cached_property, partial
from typing import Any, Literal, NamedTuple, cast

from dfly_analysis.catalog.releases import is_known, known_release, line_of_role, within
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record
from dfly_analysis.schema import Severity

Operator = Literal["<=", ">=", "<", ">", "!=", "=", "contains"]
_OPERATOR = re.compile(r" (<=|>=|<|>|!=|=|contains) ")
_FACTOR = re.compile(r" ([*/]) ")
_PLACE = re.compile(r"\{([^{}]+)\}")
_ASKED = ("chart", "client", "scheduler", "size", "bandwidth", "layers")


class Factor(NamedTuple):
    """One operand, and whether it divides.

    A setting (``download.pieceTimeout``, ``seedClient:download.pieceTimeout``, ``backend.maxRetries@binary``), a quantity
    (``$demand``), or a literal (``5s``, ``16GiB``, ``0.25``, ``true``, ``'text'``).
    """

    name: str
    inverse: bool = False


class Comparison(NamedTuple):
    """Two products compared."""

    left: tuple[Factor, ...]
    operator: Operator
    right: tuple[Factor, ...]


@record
class ConfigSample:
    """Helm values (nested, dotted or as text) and components' own files by name, with options of the check."""

    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    text: str = ""
    rendered: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    chart: str | None = None
    client: str | None = None
    scheduler: str | None = None
    size: str | None = None
    bandwidth: str | None = None
    layers: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the check that are named."""
        return {name: value for name in _ASKED if (value := getattr(self, name)) is not None}


class RuleSamples(NamedTuple):
    """Configurations in which a rule's problem is present and absent; each kind has at least one."""

    present: tuple[ConfigSample, ...]
    absent: tuple[ConfigSample, ...]


class IgnoredKeys(NamedTuple):
    """Which `dfly_analysis.config.ignored_keys.IgnoredKey` a rule is about: kinds, and what the path must (not) contain."""

    kinds: tuple[str, ...]
    named: str = ""
    not_named: str = ""


@record
class ConfigRule:
    """A rule that configurations are checked by."""

    id: str
    title: str
    severity: Severity
    remedy: str
    samples: RuleSamples
    when: tuple[str | tuple[str, ...], ...] = ()
    """One of these must be true: a comparison, or several that all must be; empty if `keys` decides."""
    keys: IgnoredKeys | None = None  # such a key must be set; None if `when` decides
    roles: tuple[str, ...] = ("seedClient",)
    releases: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    """Releases that can have the problem, by role; an unknown release counts as one of them."""
    message: str = ""  # sentence with operands in braces
    knob: str | None = None
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.when) == bool(self.keys):
            raise EntryError("needs either `when` or `keys`")
        for place, one in enumerate(self.when):
            for text in _texts(one):
                if not _OPERATOR.search(text):
                    hint = "write it like `storage.writePieceTimeout < download.pieceTimeout`, with ` * ` and ` / ` between factors"
                    raise EntryError(f"{text!r} is not a comparison; {hint}", "when", place)

    @cached_property
    def conditions(self) -> tuple[tuple[Comparison, ...], ...]:
        """Return `when` as groups of comparisons that must all be true."""
        return tuple(tuple(parse_comparison(text) for text in _texts(one)) for one in self.when)

    @property
    def operands(self) -> tuple[str, ...]:
        """Return the operands that `message` names."""
        return tuple(dict.fromkeys(_PLACE.findall(self.message)))

    @property
    def condition(self) -> str:
        """Return the condition as text."""
        if self.keys is not None:
            return f"a key is {' or '.join(self.keys.kinds)}".replace("_", " ")
        return " or ".join(" and ".join(_texts(one)) for one in self.when)

    def takes(self, kind: str, text: str) -> bool:
        """Return whether a key without effect belongs to this rule, by its kind and its path."""
        if self.keys is None or kind not in self.keys.kinds:
            return False
        low, banned = text.lower(), self.keys.not_named.lower()
        return self.keys.named.lower() in low and not (banned and banned in low)

    def possible(self, versions: Mapping[str, str | None]) -> bool:
        """Return whether these releases can have the problem; an unknown one can."""
        known = [(version, *span) for role, span in self.releases.items() if (version := versions.get(role))]
        return all(within(*one) for one in known)

    def undecided(self, versions: Mapping[str, str | None]) -> str:
        """Return the role whose release is newer than all known ones where the nearest known ones can have the problem; else an empty text."""
        nearest, newer = dict(versions), ""
        for role in self.releases:
            version, line = versions.get(role), line_of_role(role)
            known = None if version is None or is_known(line, version) else known_release(line, version)
            if known is not None:
                nearest[role], newer = known, role
        return newer if self.possible(nearest) else ""


load_config_rules = cache(partial(load_entries, ConfigRule, "config_checks"))  # all rules, in the order of their files


def template(text: str) -> str:
    """Return a text whose places are names for `str.format_map`: ``{client:download.pieceTimeout}`` is ``{client_download_pieceTimeout}``."""
    return _PLACE.sub(lambda place: f"{{{place_name(place[1])}}}", text)


def place_name(operand: str) -> str:
    """Return the name that an operand has in a `template`."""
    return re.sub(r"\W+", "_", operand).strip("_")


def parse_comparison(text: str) -> Comparison:
    """Read a comparison such as ``storage.writePieceTimeout < download.pieceTimeout * 2``."""
    left, operator, right = _OPERATOR.split(text, maxsplit=1)  # validated with the rule
    return Comparison(_product(left), cast("Operator", operator), _product(right))


def _texts(one: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else one


def _product(text: str) -> tuple[Factor, ...]:
    first, *others = _FACTOR.split(text)
    pairs = zip(others[::2], others[1::2], strict=True)
    return (Factor(first), *(Factor(name, sign == "/") for sign, name in pairs))
