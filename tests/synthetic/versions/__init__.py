"""What one version of Dragonfly prints: templates read from the YAML files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from dfly_analysis.catalog.yaml_loader import parse_yaml
from dfly_analysis.errors import DflyError, suggest_similar

CLIENTS = ("v0.1.118", "v1.0.26", "v1.5.1")
_FIELDS = {
    "peer": ("hostID", "taskID", "peerID"),
    "task": ("taskID", "url"),
    "job": ("groupUUID", "taskUUID", "urls"),
    "host": ("hostID",),
}


@dataclass(frozen=True)
class Behaviour:
    """How this version's piece pipeline behaves, as far as logs can tell.

    Attributes
    ----------
    siblings_run_on : bool
        Whether pieces of a failed round keep downloading; otherwise they are cancelled.
    notices_failure : str
        ``at_once``, or ``when_all_started``: only after the last piece has got a slot.
    last_piece_first : bool
        Whether the last piece is asked for before piece 0.
    small_tasks_direct : bool
        Whether tasks of one piece go to the source without the scheduler.
    piece_lines : bool
        Whether the start and the finish of a piece show at level info.
    write_timeout : bool
        Whether ``storage.writePieceTimeout`` bounds a piece.
    reserves_space_at_start : bool
        Whether a task takes its space before its first piece.
    rate_limit_key : str
        Name of the bandwidth setting in ``dfdaemon.yaml``.
    """

    siblings_run_on: bool
    notices_failure: str
    last_piece_first: bool
    small_tasks_direct: bool
    piece_lines: bool
    write_timeout: bool
    reserves_space_at_start: bool
    rate_limit_key: str


@dataclass(frozen=True)
class ClientEra:
    """Lines of one client version.

    Attributes
    ----------
    client, scheduler : str
        Versions; the scheduler is the one released beside this client.
    stamp : str
        ``nanoseconds`` (with an offset) or ``microseconds`` (with a ``Z``).
    behaviour : Behaviour
        How its pipeline behaves.
    errors : mapping of str to (Template, Template)
        Kind of failure to the words of the piece and of the task's Debug line.
    start : tuple of Template
        Lines of a process that starts.
    every : tuple of (float, Template)
        Lines that repeat: seconds between them, and the line.
    lines : mapping of str to Template
        Single lines.
    steps : mapping of str to tuple of str
        Lines one step of the simulation prints.
    """

    client: str
    scheduler: str
    stamp: str
    behaviour: Behaviour
    errors: Mapping[str, tuple[Template, Template]]
    start: tuple[Template, ...]
    every: tuple[tuple[float, Template], ...]
    lines: Mapping[str, Template]
    steps: Mapping[str, tuple[str, ...]]

    def say(self, step: str, values: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines of one step, without time: level, spans, place, message, fields."""
        names = self.steps.get(step, (step,) if step in self.lines else ())
        for name in names:
            yield self.lines[name].substitute(values)

    def words(self, kind: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Return how a failure reads: ``error`` (Display) and ``debug`` (Debug)."""
        display, debug = self.errors[kind]
        return {"error": display.safe_substitute(values), "debug": debug.safe_substitute(values)}


@dataclass(frozen=True)
class ZapLine:
    """One line of a Go service: level, caller, message, names of its fields, its stack trace."""

    level: str
    caller: str
    message: Template
    fields: tuple[str, ...]
    stack: str | None

    def render(self, stamp: str, values: Mapping[str, Any]) -> str:
        """Return the JSON object as zap prints it."""
        record: dict[str, Any] = {"level": self.level, "ts": stamp, "caller": self.caller}
        record["msg"] = self.message.substitute(values)
        record |= {name: values[name] for name in self.fields}
        if self.stack:
            record["stacktrace"] = self.stack
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class SchedulerEra:
    """Lines of one scheduler version.

    Attributes
    ----------
    scheduler : str
        Version.
    jobs : str
        ``one_task_a_layer`` or ``one_task_an_image``.
    scope : str
        Name of the preheat scope.
    start, start_job : tuple of ZapLine
        Lines of a process that starts, in ``core.log`` and ``job.log``.
    lines : mapping of str to ZapLine
        Single lines.
    steps : mapping of str to tuple of str
        Lines one step of the simulation prints.
    """

    scheduler: str
    jobs: str
    scope: str
    start: tuple[ZapLine, ...]
    start_job: tuple[ZapLine, ...]
    lines: Mapping[str, ZapLine]
    steps: Mapping[str, tuple[str, ...]]

    def say(self, step: str) -> Iterator[ZapLine]:
        """Yield the lines of one step."""
        for name in self.steps.get(step, ()):
            yield self.lines[name]


@cache
def load_client(client: str) -> ClientEra:
    """Load the lines of a client version.

    Parameters
    ----------
    client : str
        One of `CLIENTS`.

    Returns
    -------
    ClientEra
        Its templates.

    Raises
    ------
    DflyError
        Where there are none; the nearest names are offered.
    """
    if client not in CLIENTS:
        hint = suggest_similar(client, CLIENTS) or f"known: {', '.join(CLIENTS)}"
        raise DflyError(f"no synthetic logs for client {client!r}", hint=hint)
    data = _read(client)
    words = data["words"]
    return ClientEra(
        client=client,
        scheduler=data["scheduler"],
        stamp=data["stamp"],
        behaviour=Behaviour(**data["behaviour"]),
        errors={kind: (Template(texts[0]), Template(texts[1])) for kind, texts in data["errors"].items()},
        start=tuple(_client_line(text, words) for text in data["start"]),
        every=tuple((float(period_s), _client_line(text, words)) for period_s, text in data["every"]),
        lines={name: _client_line(text, words) for name, text in data["lines"].items()},
        steps={name: tuple(lines) for name, lines in data["steps"].items()},
    )


@cache
def load_scheduler(scheduler: str) -> SchedulerEra:
    """Load the lines of a scheduler version that `load_client` names."""
    data = _read(f"scheduler-{scheduler}")
    if "like" in data:
        base = _read(data["like"])
        data = base | data | {"lines": base["lines"] | data["lines"]}
    stack = data["stack"]
    return SchedulerEra(
        scheduler=scheduler,
        jobs=data["jobs"],
        scope=data["scope"],
        start=tuple(_zap_line(entry, stack) for entry in data["start"]),
        start_job=tuple(_zap_line(entry, stack) for entry in data["start_job"]),
        lines={name: _zap_line(entry, stack) for name, entry in data["lines"].items()},
        steps={name: tuple(lines) for name, lines in data["steps"].items()},
    )


@cache
def filter_params() -> str:
    """Return the query parameters a preheat job filters by default."""
    return str(_read("common")["filter_params"])


def _read(name: str) -> dict[str, Any]:
    address = f"synth/eras/{name}.yaml"
    text = files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
    data: dict[str, Any] = parse_yaml(text, address)
    return data


def _client_line(text: str, words: Mapping[str, str]) -> Template:
    # Longest word first: one word may begin with another.
    for name in sorted(words, key=len, reverse=True):
        text = text.replace(f"@{name}", words[name])
    level, rest = text.split(" ", 1)
    return Template(f"{level:>5} {rest}")


def _zap_line(entry: list[str], stack: Mapping[str, str]) -> ZapLine:
    level, caller, message, fields = entry
    names, _, trace = fields.partition("+")
    return ZapLine(level, caller, Template(message), _FIELDS.get(names, ()), stack[trace] if trace else None)
