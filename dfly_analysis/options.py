"""Every option that the command line, the Python functions and the notebooks share, declared once.

A field of a model below is an option: its type and limits check a value wherever it comes from, its default and help are
those of the command line, and a test compares the signatures of the Python functions and the parameters of the notebooks
with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from dfly_analysis.catalog import LANGUAGES
from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.redaction import redact
from dfly_analysis.units import format_rate, format_size, parse_duration, parse_rate, parse_size

if TYPE_CHECKING:
    from dfly_analysis.catalog.releases import Line

MIN_SIZE_BYTES = 1024
"""Smallest size an option takes: a smaller one is a number whose unit was forgotten."""
_OWN_ERROR = "dfly"


@dataclass(frozen=True)
class Flag:
    """How an option looks on the command line and in the notebooks."""

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


def _checked(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a validator that reports a DflyError in pydantic's way, so that the field's name is known."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except DflyError as error:
            raise PydanticCustomError(_OWN_ERROR, "{text}", {"text": error.message, "hint": error.hint}) from error

    return validate


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


Size = Annotated[
    int,
    BeforeValidator(_checked(_size)),
    PlainSerializer(size_text),
    Flag("SIZE", "size"),
]
"""Bytes, from ``20GiB`` or a number."""
Bandwidth = Annotated[
    float,
    BeforeValidator(_checked(_bandwidth)),
    PlainSerializer(rate_text),
    Flag("RATE", "rate"),
]
"""Bytes per second, from ``100MB/s``, ``1Gbit/s`` or a number."""
Duration = Annotated[float, BeforeValidator(_checked(_duration)), Flag("DURATION", "duration")]
"""Seconds, from ``30m`` or a number."""
Values = Annotated[Any, AfterValidator(_checked(_values)), Flag("FILE", "path")]
"""Helm values: the path of a file, or a mapping."""
ChartRelease = Annotated[
    str, BeforeValidator(_checked(_release("chart"))), Flag("VERSION", "version", release_of="chart")
]
ClientRelease = Annotated[
    str, BeforeValidator(_checked(_release("client"))), Flag("VERSION", "version", release_of="client")
]
ServerRelease = Annotated[
    str, BeforeValidator(_checked(_release("server"))), Flag("VERSION", "version", release_of="server")
]
Probability = Annotated[float, Field(gt=0, lt=1), Flag("RATE", "share")]
LogFormat = Annotated[str, AfterValidator(_checked(_log_format)), Flag("FORMAT", "id")]


@dataclass(frozen=True)
class Declaration:
    """What is declared of one option; the annotation is pydantic's, with type, limits and checks of a value."""

    name: str
    annotation: Any
    default: Any
    help: str
    flag: Flag


class Options(BaseModel):
    """Base of all sets of options."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Check options.

        Raises
        ------
        DflyError
            For the first wrong one, on one line.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            raise _one_line(error.errors()[0], cls) from error

    @classmethod
    def declarations(cls) -> tuple[Declaration, ...]:
        """Return what is declared of each option, in order."""
        annotated = {
            name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            for name, field in cls.model_fields.items()
        }
        return tuple(
            Declaration(name, annotated[name], field.default, field.description or "", flag_of(annotated[name]))
            for name, field in cls.model_fields.items()
        )

    def parameters(self) -> dict[str, Any]:
        """Return the options as a report keeps them: sizes as text, secrets removed from addresses."""
        kept = self.model_dump()
        if kept.get("manager") is None:
            kept.pop("manager", None)
        return kept


def flag_of(annotation: Any) -> Flag:
    """Return how an option of an annotated type, or of such a type or None, looks on the command line."""
    found = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Flag)]
    if found:
        return found[-1]
    return next(flag for part in get_args(annotation) if get_args(part) for flag in [flag_of(part)])


def _one_line(error: ErrorDetails, model: type[Options]) -> DflyError:
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        known = list(model.model_fields)
        hint = suggest_similar(name, known) or f"known options: {', '.join(known)}"
        return DflyError(f"unknown option {name!r}", hint=hint)
    text, way_out = error_text(error)
    return DflyError(text, where=name or None, hint=way_out)


def error_text(error: ErrorDetails) -> tuple[str, str | None]:
    """Return what is wrong with a value, and what to write, from an error of pydantic."""
    if error["type"] == _OWN_ERROR:
        return str(error["ctx"]["text"]), error["ctx"]["hint"]
    text = error["msg"].replace("Input should be", "must be")
    return f"{text}, got {error['input']!r}", None


class ReleaseOptions(Options):
    """Which releases run."""

    chart: Annotated[ChartRelease | None, Field(description="Version of the Helm chart, e.g. 1.7.4.")] = None
    client: Annotated[ClientRelease | None, Field(description="Release of the Dragonfly client, e.g. v1.5.1.")] = None
    scheduler: Annotated[
        ServerRelease | None, Field(description="Release of the scheduler and Manager, e.g. v2.5.1.")
    ] = None
    manager: Annotated[
        ServerRelease | None,
        Field(description="Release of the Manager, e.g. v2.5.1."),
        Flag("VERSION", "version", shown=False),
    ] = None


class ValuesOptions(Options):
    """Which Helm values are in force."""

    values: Annotated[Values, Field(description="Helm values file in force.")] = None


class SettingsOptions(ReleaseOptions, ValuesOptions):
    """Which settings and releases are in force."""


class TargetOptions(Options):
    """What the recommendations are made for."""

    size: Annotated[
        Size | None,
        Field(description="Layer size to optimise for, e.g. 20GiB."),
        Flag("SIZE", "size", default="largest layer in the input"),
    ] = None
    target_failure_rate: Annotated[
        Probability, Field(description="Accepted share of layers that fail, between 0 and 1.")
    ] = 1e-3


class LanguageOptions(Options):
    """In which language the result is written."""

    lang: Annotated[
        str,
        AfterValidator(_checked(_language)),
        Field(description="Language of the report."),
        Flag("LANG", "language", choices=LANGUAGES),
    ] = "en"


ANSWER_ONLY = (*TargetOptions.model_fields, *LanguageOptions.model_fields)
"""Options on which neither what is read nor what is found in it depends."""


class ReadingOptions(Options):
    """How the input is read."""

    tz: Annotated[
        str,
        Field(description="Time zone of log lines without one (scheduler and Manager logs), e.g. Asia/Shanghai."),
        Flag("ZONE", "zone"),
    ] = "UTC"
    log_format: Annotated[
        LogFormat | None, Field(description="Read all logs in this format, e.g. zap-console, instead of detecting it.")
    ] = None
    prometheus: Annotated[
        str | None,
        PlainSerializer(lambda address: address and redact(address)),
        Field(description="Also query this Prometheus server for the time range of the logs."),
        Flag("URL", "address"),
    ] = None
    cache: Annotated[
        bool,
        Field(description="Whether parsed input is cached and reused."),
        Flag("", "yes or no", off="Parse every file again, and cache nothing."),
    ] = True


class AnalysisOptions(LanguageOptions, ReadingOptions, TargetOptions, SettingsOptions):
    """Options of `dfly_analysis.analyse`, of ``report`` and of the notebooks that analyse one run."""


class ChangedValuesOptions(Options):
    """Which Helm values were in force in two runs."""

    values_before: Annotated[Values, Field(description="Helm values file in force before the change.")] = None
    values_after: Annotated[Values, Field(description="Helm values file in force after the change.")] = None


class ComparisonOptions(LanguageOptions, ReadingOptions, ReleaseOptions, ChangedValuesOptions):
    """Options of `dfly_analysis.compare`, of ``compare`` and of the notebook that compares two runs."""


class SimulationOptions(Options):
    """What is simulated."""

    role: Annotated[
        Literal["seedClient", "client"],
        Field(description="Component that downloads, and whose setting a key without a component names."),
        Flag("ROLE", "seedClient or client", choices=("seedClient", "client")),
    ] = "seedClient"
    size: Annotated[
        Size | None,
        Field(description="Layer size to simulate, e.g. 20GiB."),
        Flag("SIZE", "size", default="largest layer in the input"),
    ] = None
    piece_length: Annotated[
        Size | None,
        Field(description="Piece length set in the preheat request, e.g. 16MiB."),
        Flag("SIZE", "size", default="chosen by the client's rule"),
    ] = None
    bandwidth: Annotated[
        Bandwidth | None,
        Field(description="Capacity of the link that concurrent pieces share, e.g. 50MB/s."),
        Flag("RATE", "rate", default="as fitted"),
    ] = None
    registry_speed_factor: Annotated[
        float,
        Field(gt=0, lt=1e6, description="Registry speed relative to the run: 0.5 is half as fast, 2 twice as fast."),
        Flag("FACTOR", "factor"),
    ] = 1.0
    concurrent_layers: Annotated[
        int | None,
        Field(ge=1, le=16, description="Layers that share one link at the same time, 1 to 16."),
        PlainSerializer(lambda count: count and str(count)),  # a notebook takes text where the default is None
        Flag("N", "count", default="as in the run"),
    ] = None
    seed: Annotated[int, Field(description="Seed of the random numbers of the simulation."), Flag("N", "number")] = 1


class WhatIfOptions(LanguageOptions, ReadingOptions, SettingsOptions, SimulationOptions):
    """Options of `dfly_analysis.what_if`, of ``whatif`` and of its notebook."""
