"""Every option that the command line, the Python functions and the notebooks share, declared once.

A field of a class below is an option: its type and limits check a value wherever it comes from, its default and help are
those of the command line, and a test compares the signatures of the Python functions and the parameters of the notebooks
with it. Pydantic validates these dataclasses as it does its own models; its import takes 0.2 s, so it waits until it is needed.
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

MIN_SIZE_BYTES = 1024
"""Smallest size an option takes: a smaller one is a number whose unit was forgotten."""
_OWN_ERROR = "dfly"


@dataclass(frozen=True)
class Flag:
    """How an option looks on the command line and in the notebooks, and how its value is checked."""

    metavar: str
    """What stands for the value in the help; empty for a switch."""
    unit: str
    """Unit or kind of the value, as the notebooks name it."""
    choices: tuple[str, ...] = ()
    default: str = ""
    """The default in words, where the declared one does not say it."""
    off: str = ""
    """Help of the switch ``--no-NAME``, for an option that is on by default."""
    release_of: Line | None = None
    """Whose release the value names."""
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

        check = self.check or (lambda value: value)

        def validate(value: Any) -> Any:
            try:
                return check(value)
            except DflyError as error:  # in pydantic's way, so that the field's name is known
                raise PydanticCustomError(_OWN_ERROR, "{text}", {"text": error.message, "hint": error.hint}) from error

        schema: Any = handler(source)
        shown = core_schema.plain_serializer_function_ser_schema(self.text) if self.text else None
        return core_schema.no_info_before_validator_function(validate, schema | dict(self.bounds), serialization=shown)


def read_release(line: Line, value: Any) -> str:
    """Check a release against those that are known.

    Parameters
    ----------
    line : {"chart", "client", "server"}
        Numbering line.
    value : object
        The release, e.g. ``v1.5.1``.

    Returns
    -------
    str
        The known release it is treated as: itself, or the newest known one where it is newer than all of its major version.

    Raises
    ------
    DflyError
        Where no such release exists; the nearest are named.
    """
    from dfly_analysis.catalog.releases import LINE_TITLES, known_release, parse_version, releases

    text, known = str(value).strip(), releases(line)
    requested, tagged = parse_version(text), {parse_version(one) for one in known}
    if requested in tagged:
        return text
    newest = max(tagged)
    fallback = known_release(line, text)
    is_variant = parse_version(str(requested)) in tagged
    if fallback and (is_variant or (requested > newest and requested.release[0] == newest.release[0])):
        return fallback
    similar = suggest_similar(text, known)
    span = f"known releases: {known[0]} to {known[-1]}{'; ' if similar else ''}{similar}"
    raise DflyError(f"{LINE_TITLES[line]} {text} is not known", hint=span)


def _size(value: Any) -> int:
    size = parse_size(value)
    if size <= 0:
        raise DflyError(f"must be greater than zero, got {value!r}", hint="write it like 20GiB")
    if size < MIN_SIZE_BYTES:
        raise DflyError(f"must be at least 1 KiB, got {size} B", hint="write the unit, as in 20GiB")
    return size


def _bandwidth(value: Any) -> float:
    rate = parse_rate(value)
    if rate <= 0:
        raise DflyError(f"must be greater than zero, got {value!r}", hint="write it like 100MB/s or 1Gbit/s")
    return rate


def _duration(value: Any) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise DflyError(f"must be greater than zero, got {value!r}", hint="write it like 30s or 5m")
    return seconds


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
        raise DflyError(f"must be a path or a mapping, got {type(value).__name__}", hint="name the Helm values file")
    return value


def _release(line: Line) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        read_release(line, value)
        return str(value)

    return check


def size_text(size_bytes: int) -> str:
    """Return a size as people write it, ``20GiB``, or in bytes where that would round it."""
    text = "".join(format_size(size_bytes).split())
    return text if parse_size(text) == size_bytes else f"{size_bytes}B"


def rate_text(bytes_per_s: float) -> str:
    """Return a bandwidth as people write it, ``50MB/s``, or in bytes per second where that would round it."""
    text = "".join(format_rate(bytes_per_s).split())
    return text if parse_rate(text) == bytes_per_s else f"{bytes_per_s:.0f}B/s"


_SIZE = Flag("SIZE", "size", check=_size, text=size_text)
_RATE = Flag("RATE", "rate", check=_bandwidth, text=rate_text)
Size = Annotated[int, _SIZE]
"""Bytes, from ``20GiB`` or a number."""
Bandwidth = Annotated[float, _RATE]
"""Bytes per second, from ``100MB/s``, ``1Gbit/s`` or a number."""
Duration = Annotated[float, Flag("DURATION", "duration", check=_duration)]
"""Seconds, from ``30m`` or a number."""
Values = Annotated[Any, Flag("FILE", "path", check=_values)]
"""Helm values: the path of a file, or a mapping."""
ChartRelease = Annotated[str, Flag("VERSION", "version", release_of="chart", check=_release("chart"))]
ClientRelease = Annotated[str, Flag("VERSION", "version", release_of="client", check=_release("client"))]
ServerRelease = Annotated[str, Flag("VERSION", "version", release_of="server", check=_release("server"))]
Probability = Annotated[float, Flag("RATE", "share", bounds=(("gt", 0), ("lt", 1)))]
LogFormat = Annotated[str, Flag("FORMAT", "id", check=_log_format)]


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
    """Base of all sets of options; a text in the annotation of a field is its help."""

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Check options.

        Raises
        ------
        DflyError
            For the first wrong one, on one line.
        """
        from pydantic import ValidationError

        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                hint = suggest_similar(name, known) or f"known options: {', '.join(known)}"
                raise DflyError(f"unknown option {name!r}", hint=hint)
        try:
            kind: Any = cls
            checked: Self = adapter(kind).validate_python(given)
        except ValidationError as error:
            first = error.errors()[0]
            text, way_out = error_text(first)
            raise DflyError(text, where=str(first["loc"][0]) if first["loc"] else None, hint=way_out) from error
        return checked

    @classmethod
    def declarations(cls) -> tuple[Declaration, ...]:
        """Return what is declared of each option, in order."""
        hints = get_type_hints(cls, include_extras=True)
        return tuple(
            Declaration(
                one.name,
                hints[one.name],
                one.default,
                next(text for text in hints[one.name].__metadata__ if isinstance(text, str)),
                flag_of(hints[one.name]),
            )
            for one in fields(cls)
        )

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
    found = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Flag)]
    inner = next((flag_of(part) for part in get_args(annotation) if get_args(part)), None)
    if inner is None or not found:
        return found[-1] if found else inner or Flag("", "")
    return replace(found[-1], check=found[-1].check or inner.check)


def error_text(error: ErrorDetails) -> tuple[str, str | None]:
    """Return what is wrong with a value, and what to write, from an error of pydantic."""
    if error["type"] == _OWN_ERROR:
        return str(error["ctx"]["text"]), error["ctx"]["hint"]
    text = error["msg"].replace("Input should be", "must be")
    return f"{text}, got {error['input']!r}", None


@dataclass(frozen=True)
class ReleaseOptions(Options):
    """Which releases run."""

    chart: Annotated[ChartRelease | None, "Version of the Helm chart, e.g. 1.7.4."] = None
    client: Annotated[ClientRelease | None, "Release of the Dragonfly client, e.g. v1.5.1."] = None
    scheduler: Annotated[ServerRelease | None, "Release of the scheduler and Manager, e.g. v2.5.1."] = None
    manager: Annotated[
        ServerRelease | None,
        "Release of the Manager, e.g. v2.5.1.",
        Flag("VERSION", "version", shown=False),
    ] = None


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

    size: Annotated[
        Size | None,
        "Layer size to optimise for, e.g. 20GiB.",
        Flag("SIZE", "size", default="largest layer in the input"),
    ] = None
    target_failure_rate: Annotated[Probability, "Accepted share of layers that fail, between 0 and 1."] = 1e-3


@dataclass(frozen=True)
class LanguageOptions(Options):
    """In which language the result is written."""

    lang: Annotated[
        str,
        "Language of the report.",
        Flag("LANG", "language", choices=LANGUAGES, check=_language),
    ] = "en"


ANSWER_ONLY = tuple(one.name for kind in (TargetOptions, LanguageOptions) for one in fields(kind))
"""Options on which neither what is read nor what is found in it depends."""


@dataclass(frozen=True)
class ReadingOptions(Options):
    """How the input is read."""

    tz: Annotated[
        str,
        "Time zone of log lines without one (scheduler and Manager logs), e.g. Asia/Shanghai.",
        Flag("ZONE", "zone"),
    ] = "UTC"
    log_format: Annotated[
        LogFormat | None, "Read all logs in this format, e.g. zap-console, instead of detecting it."
    ] = None
    prometheus: Annotated[
        str | None,
        "Also query this Prometheus server for the time range of the logs.",
        Flag("URL", "address", text=lambda address: address and redact(address)),
    ] = None
    cache: Annotated[
        bool,
        "Whether parsed input is cached and reused.",
        Flag("", "yes or no", off="Parse every file again, and cache nothing."),
    ] = True


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

    role: Annotated[
        Literal["seedClient", "client"],
        "Component that downloads, and whose setting a key without a component names.",
        Flag("ROLE", "seedClient or client", choices=("seedClient", "client")),
    ] = "seedClient"
    size: Annotated[
        Size | None,
        "Layer size to simulate, e.g. 20GiB.",
        Flag("SIZE", "size", default="largest layer in the input"),
    ] = None
    piece_length: Annotated[
        Size | None,
        "Piece length set in the preheat request, e.g. 16MiB.",
        Flag("SIZE", "size", default="chosen by the client's rule"),
    ] = None
    bandwidth: Annotated[
        Bandwidth | None,
        "Capacity of the link that concurrent pieces share, e.g. 50MB/s.",
        Flag("RATE", "rate", default="as fitted"),
    ] = None
    registry_speed_factor: Annotated[
        float,
        "Registry speed relative to the run: 0.5 is half as fast, 2 twice as fast.",
        Flag("FACTOR", "factor", bounds=(("gt", 0), ("lt", 1e6))),
    ] = 1.0
    concurrent_layers: Annotated[
        Annotated[int, Flag("N", "count", bounds=(("ge", 1), ("le", 16)))] | None,
        "Layers that share one link at the same time, 1 to 16.",
        # a notebook takes text where the default is None
        Flag("N", "count", default="as in the run", text=lambda count: count and str(count)),
    ] = None
    seed: Annotated[int, "Seed of the random numbers of the simulation.", Flag("N", "number")] = 1


@dataclass(frozen=True)
class WhatIfOptions(LanguageOptions, ReadingOptions, SettingsOptions, SimulationOptions):
    """Options of `dfly_analysis.what_if`, of ``whatif`` and of its notebook."""
