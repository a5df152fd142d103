"""The options that the command line, the Python functions and the notebooks share, declared once.

A field of a class below is an option: its type and limits check a value wherever it comes from, and its default and help
are those of the command line. Pydantic validates these dataclasses; its import takes 0.2 s, so it waits until it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args, get_type_hints

from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.messages import LANGUAGES
from dfly_analysis.redaction import redact
from dfly_analysis.units import format_rate, format_size, parse_duration, parse_rate, parse_size

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, TypeAdapter
    from pydantic_core import CoreSchema, ErrorDetails

    from dfly_analysis.catalog.releases import Line

_OWN_ERROR = "dfly"


@dataclass(frozen=True)
class Flag:
    """How an option looks on the command line and in the notebooks, and how its value is checked."""

    metavar: str
    """What stands for the value in the help; empty for a switch."""
    unit: str
    """Unit or kind of the value, as the notebooks name it."""
    choices: tuple[str, ...] = ()
    off: str = ""
    """Help of the switch ``--no-NAME``, for an option that is on by default."""
    release_of: Line | None = None
    """Component whose release the value names."""
    shown: bool = True
    """False for an option that only the Python functions have."""
    bounds: tuple[tuple[str, float], ...] = ()
    """Limits of a number by pydantic's names: gt, ge, lt, le."""
    check: Callable[[Any], Any] | None = None
    """Returns the value in the type of the option, or raises a DflyError."""
    text: Callable[[Any], Any] | None = None
    """How a report keeps the value."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic check and serialize a value by `check` and `text`."""
        from pydantic_core import PydanticCustomError, core_schema

        def validate(value: Any) -> Any:
            try:
                return self.check(value) if self.check else value
            except DflyError as error:  # in pydantic's way, so that the field's name is known
                raise PydanticCustomError(_OWN_ERROR, "{text}", {"text": error.message, "hint": error.hint}) from error

        schema: Any = handler(source)
        shown = core_schema.plain_serializer_function_ser_schema(self.text) if self.text else None
        return core_schema.no_info_before_validator_function(validate, schema | dict(self.bounds), serialization=shown)


def read_release(line: Line, value: Any) -> str:
    """Return the known release that a value is treated as: itself, or the newest if it is newer, of the same major version or the next; else raise."""
    from dfly_analysis.catalog.releases import LINE_TITLES, is_known, known_release, parse_version, releases

    text, known = str(value).strip(), releases(line)
    requested, tagged = parse_version(text), {parse_version(one) for one in known}
    if requested in tagged:
        return text
    newest, fallback = max(tagged), known_release(line, text)
    is_variant = parse_version(str(requested)) in tagged
    other: Line = "client" if line == "server" else "server"
    is_of_other = is_known(other, text) and line != "chart"
    is_newer = requested > newest and requested.release[0] - newest.release[0] <= 1
    if fallback and (is_variant or (is_newer and not is_of_other)):
        return fallback
    similar = f"{text} is a release of {LINE_TITLES[other]}" if is_of_other else suggest_similar(text, known)
    span = f"known releases: {known[0]} to {known[-1]}{'; ' if similar else ''}{similar}"
    raise DflyError(f"unknown {LINE_TITLES[line]} release {text}", hint=span)


def _quantity(parse: Callable[[Any], float], example: str, smallest: int = 0) -> Callable[[Any], float]:
    """Return the check of a positive quantity; below `smallest` bytes it is a number whose unit was forgotten, as is a text of digits alone."""

    def check(value: Any) -> float:
        number = parse(value)
        if smallest and number and isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal():
            raise DflyError(f"{value!r} has no unit", hint=f"write it like {example}; B is bytes")
        if number <= 0:
            raise DflyError(f"must be greater than zero, got {value!r}", hint=f"write it like {example}")
        if number < smallest:
            unit = "/s" if parse is parse_rate else ""
            text = f"must be at least {format_size(smallest)}{unit}, got {number:g} B{unit}"
            raise DflyError(text, hint=f"write the unit, as in {example}")
        return number

    return check


def _text(show: Callable[[float], str], parse: Callable[[str], float], unit: str) -> Callable[[float], str]:
    """Return how a report keeps a quantity: as people write it, ``20GiB``, or with all digits where that would round it."""

    def text(value: float) -> str:
        short = "".join(show(value).split())
        return short if parse(short) == value else f"{value:.0f}{unit}"

    return text


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise DflyError(f"unsupported language {value!r}", hint=f"choose one of {', '.join(LANGUAGES)}")
    return value


def _log_format(value: str) -> str:
    from dfly_analysis.catalog.log_formats import load_formats

    known = [one.id for one in load_formats()]
    if value not in known:
        hint = suggest_similar(value, known) or f"known formats: {', '.join(known)}"
        raise DflyError(f"unknown log format {value!r}", hint=hint)
    return value


def _values(value: Any) -> Any:
    if value is not None and not isinstance(value, str | os.PathLike | Mapping):
        raise DflyError(f"must be a path or a mapping, got {type(value).__name__}", hint="give the Helm values file")
    return value


def _without_secrets(address: str | None) -> str | None:
    return address and redact(address)


def _release(line: Line) -> Flag:
    def check(value: Any) -> str:
        read_release(line, value)
        return str(value)

    return Flag("VERSION", "version", release_of=line, check=check)


_is_size, _is_rate = _quantity(parse_size, "20GiB", 1024), _quantity(parse_rate, "100MB/s or 1Gbit/s", 1024)
Size = Annotated[int, Flag("SIZE", "size", check=_is_size, text=_text(format_size, parse_size, "B"))]
"""Bytes, from ``20GiB`` or a number."""
Bandwidth = Annotated[float, Flag("RATE", "rate", check=_is_rate, text=_text(format_rate, parse_rate, "B/s"))]
"""Bytes per second, from ``100MB/s``, ``1Gbit/s`` or a number."""
Duration = Annotated[float, Flag("DURATION", "duration", check=_quantity(parse_duration, "30s or 5m"))]
"""Seconds, from ``30m`` or a number."""
Values = Annotated[Any, Flag("FILE", "path", check=_values)]
"""Helm values: the path of a file, or a mapping."""
ChartRelease = Annotated[str, _release("chart")]
ClientRelease = Annotated[str, _release("client")]
ServerRelease = Annotated[str, _release("server")]
ManagerRelease = Annotated[str, replace(_release("server"), shown=False)]
Probability = Annotated[float, Flag("RATE", "share", bounds=(("gt", 0), ("lt", 1)))]
# a notebook takes text where the default is None
LayerCount = Annotated[int, Flag("N", "count", bounds=(("ge", 1), ("le", 16)), text=lambda count: count and str(count))]
LogFormat = Annotated[str, Flag("FORMAT", "id", check=_log_format)]
Zone = Annotated[str, Flag("ZONE", "zone")]
Address = Annotated[str | None, Flag("URL", "address", text=_without_secrets)]
Cached = Annotated[bool, Flag("", "yes or no", off="Parse every file again, and cache nothing.")]
_CLIENTS = Literal["seedClient", "client"]
ClientRole = Annotated[_CLIENTS, Flag("ROLE", "seedClient or client", choices=get_args(_CLIENTS))]
Factor = Annotated[float, Flag("FACTOR", "factor", bounds=(("gt", 0), ("lt", 1e6)))]


@dataclass(frozen=True)
class Declaration:
    """What is declared of one option; pydantic checks a value by the annotation."""

    name: str
    annotation: Any
    default: Any
    help: str
    flag: Flag


@dataclass(frozen=True)
class Options:
    """Base of all sets of options; a text in the annotation of a field is its help, with a default that a value cannot express."""

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Check options; raise DflyError for the first wrong one, on one line."""
        from pydantic import ValidationError

        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                similar = suggest_similar(name, known) or f"known options: {', '.join(known)}"
                raise DflyError(f"unknown option {name!r}", hint=similar)
        kind: Any = cls
        try:
            checked: Self = adapter(kind).validate_python(given)
        except ValidationError as error:
            first = error.errors()[0]
            text, hint = error_text(first)
            raise DflyError(text, where=str(first["loc"][0]) if first["loc"] else None, hint=hint) from error
        return checked

    @classmethod
    def declarations(cls) -> tuple[Declaration, ...]:
        """Return what is declared of each option, in order."""
        hints = get_type_hints(cls, include_extras=True)
        texts = {name: next(one for one in hints[name].__metadata__ if isinstance(one, str)) for name in hints}
        listed = ((one.name, hints[one.name], one.default) for one in fields(cls))
        return tuple(Declaration(name, hint, default, texts[name], flag_of(hint)) for name, hint, default in listed)

    def parameters(self) -> dict[str, Any]:
        """Return the options as a report keeps them: sizes as text, secrets removed from addresses."""
        kind: Any = type(self)
        kept: dict[str, Any] = adapter(kind).dump_python(self)
        if kept.get("manager") is None:
            kept.pop("manager", None)
        return kept


@cache
def adapter(annotation: Any) -> TypeAdapter[Any]:
    """Return what checks values of an annotated type, or of a set of options."""
    from pydantic import TypeAdapter

    return TypeAdapter(annotation)


def flag_of(annotation: Any) -> Flag:
    """Return how an option of an annotated type, or of such a type or None, looks on the command line."""
    found = (one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Flag))
    inner = (flag_of(part) for part in get_args(annotation) if get_args(part))
    return next(found, None) or next(inner, None) or Flag("", "")


def error_text(error: ErrorDetails) -> tuple[str, str | None]:
    """Return what is wrong with a value, and what to write, from an error of pydantic."""
    if error["type"] == _OWN_ERROR:
        return str(error["ctx"]["text"]), error["ctx"]["hint"]
    return f"{error['msg'].replace('Input should be', 'must be')}, got {error['input']!r}", None


@dataclass(frozen=True)
class ReleaseOptions(Options):
    """Which releases run."""

    chart: Annotated[ChartRelease | None, "Version of the Helm chart, e.g. 1.7.4."] = None
    client: Annotated[ClientRelease | None, "Release of the Dragonfly client, e.g. v1.5.1."] = None
    scheduler: Annotated[ServerRelease | None, "Release of the scheduler and Manager, e.g. v2.5.1."] = None
    manager: Annotated[ManagerRelease | None, "Release of the Manager, e.g. v2.5.1."] = None


@dataclass(frozen=True)
class ValuesOptions(Options):
    """Which Helm values are in force."""

    values: Annotated[Values, "Helm values file in force."] = None


@dataclass(frozen=True)
class SettingsOptions(ReleaseOptions, ValuesOptions):
    """Which settings and releases are in force."""


@dataclass(frozen=True)
class TargetOptions(Options):
    """What the recommendations are made for."""

    size: Annotated[Size | None, "Layer size to optimise for, e.g. 20GiB.  [default: largest layer in the input]"] = (
        None
    )
    target_failure_rate: Annotated[Probability, "Accepted share of layers that fail, between 0 and 1."] = 1e-3


@dataclass(frozen=True)
class LanguageOptions(Options):
    """In which language the result is written."""

    lang: Annotated[str, "Language of the report.", Flag("LANG", "language", choices=LANGUAGES, check=_language)] = "en"


ANSWER_ONLY = tuple(one.name for kind in (TargetOptions, LanguageOptions) for one in fields(kind))
"""Options on which neither what is read nor what is found in it depends."""


@dataclass(frozen=True)
class ReadingOptions(Options):
    """How the input is read."""

    tz: Annotated[Zone, "Time zone of log lines without one (scheduler and Manager logs), e.g. Asia/Shanghai."] = "UTC"
    log_format: Annotated[
        LogFormat | None, "Read all logs in this format, e.g. zap-console, instead of detecting it."
    ] = None
    prometheus: Annotated[Address, "Also query this Prometheus server for the time range of the logs."] = None
    cache: Annotated[Cached, "Whether parsed input is cached and reused."] = True


@dataclass(frozen=True)
class AnalysisOptions(LanguageOptions, ReadingOptions, TargetOptions, SettingsOptions):
    """Options of `dfly_analysis.analyse`, of ``report`` and of the notebooks that analyse one run."""


@dataclass(frozen=True)
class ChangedValuesOptions(Options):
    """Which Helm values were in force in two runs."""

    values_before: Annotated[Values, "Helm values file in force before the change."] = None
    values_after: Annotated[Values, "Helm values file in force after the change."] = None


@dataclass(frozen=True)
class ComparisonOptions(LanguageOptions, ReadingOptions, ReleaseOptions, ChangedValuesOptions):
    """Options of `dfly_analysis.compare`, of ``compare`` and of the notebook that compares two runs."""


@dataclass(frozen=True)
class SimulationOptions(Options):
    """What is simulated."""

    role: Annotated[ClientRole, "Component that downloads, and whose setting a key without a component names."] = (
        "seedClient"
    )
    size: Annotated[Size | None, "Layer size to simulate, e.g. 20GiB.  [default: largest layer in the input]"] = None
    piece_length: Annotated[
        Size | None, "Piece length set in the preheat request, e.g. 16MiB.  [default: chosen by the client's rule]"
    ] = None
    bandwidth: Annotated[
        Bandwidth | None, "Capacity of the link that concurrent pieces share, e.g. 50MB/s.  [default: as fitted]"
    ] = None
    registry_speed_factor: Annotated[
        Factor, "Registry speed relative to the run: 0.5 is half as fast, 2 twice as fast."
    ] = 1.0
    concurrent_layers: Annotated[
        LayerCount | None, "Layers that share one link at the same time, 1 to 16.  [default: as in the run]"
    ] = None
    seed: Annotated[int, "Seed of the random numbers of the simulation.", Flag("N", "number")] = 1


@dataclass(frozen=True)
class WhatIfOptions(LanguageOptions, ReadingOptions, SettingsOptions, SimulationOptions):
    """Options of `dfly_analysis.what_if`, of ``whatif`` and of its notebook."""


@dataclass(frozen=True)
class LinkOptions(Options):
    """How fast the links are over which a preheat and the pulls after it go."""

    bandwidth: Annotated[
        Bandwidth | None, "Bandwidth from the registry to all seed clients together, e.g. 100MB/s."
    ] = None
    seed_bandwidth: Annotated[Bandwidth | None, "Bandwidth from the seed clients to one node, e.g. 1Gbit/s."] = None
    node_rate: Annotated[Bandwidth | None, "Read rate of a node's own cache, e.g. 1GB/s."] = None
    unpack_rate: Annotated[
        Bandwidth | None, "Rate at which a node unpacks layers, in compressed bytes, e.g. 150MB/s."
    ] = None


@dataclass(frozen=True)
class PlanOptions(TargetOptions, SettingsOptions, LinkOptions):
    """Options of `dfly_analysis.plan_preheat` and of ``plan-preheat``."""
