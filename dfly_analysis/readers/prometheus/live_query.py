"""Asks a live Prometheus what Dragonfly's metrics grew by in a window.

Most series need two numbers, at the window's ends. What restarted meanwhile is looked at step by step, since its counters
restarted at 0; ``increase()`` would extrapolate, and would lose the first count of a series that begins inside the window.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from dfly_analysis.catalog.monitoring import load_metric_names
from dfly_analysis.errors import SourceError
from dfly_analysis.readers.prometheus.families import MetricsPart, Series, build_rows, wanted_pattern
from dfly_analysis.readers.prometheus.text_dump import versions_of
from dfly_analysis.units import parse_duration

TOKEN = "DFLY_ANALYSIS_PROMETHEUS_TOKEN"  # noqa: S105 - the variable's name
_TIMEOUT_S = (10.0, 120.0)  # to connect, and between two bytes of the answer
_WHOLE_ANSWER_S = 600.0
_MAX_BYTES = 512 << 20
_REASONS = ("Connection refused", "Name or service not known", "No route to host", "reset by peer", "Network is unreachable")  # fmt: skip
Point = tuple[float, float]  # unix time in seconds and value
_VERSIONS = "dragonfly_(client|scheduler|manager|dfdaemon)_version"
_STARTED = "process_start_time_seconds"
_HOST_LABELS = ("pod", "kubernetes_pod_name", "pod_name", "node", "host", "hostname", "instance")
_ALWAYS_OF_TARGET = frozenset({"instance", "job"})
_MAX_POINTS = 10_000  # the server refuses 11 000
_MIN_STEP_S = 0.05
_GLANCES = 1000
_MILLISECOND_S = 1e-3  # what times are sent in
Target = frozenset[tuple[str, str]]
Time = datetime | str | float
_quote = partial(json.dumps, ensure_ascii=False)


@dataclass(frozen=True)
class Answer:
    """One series of an answer."""

    labels: dict[str, str]  # with the metric's name under ``__name__``, where the query kept it
    points: tuple[Point, ...]  # unix time, value


@dataclass(frozen=True)
class Server:
    """A Prometheus server, or anything that speaks its API."""

    address: str  # its URL without user name and password
    user: str | None = None
    password: str | None = None  # for basic authentication

    @classmethod
    def at(cls, url: str) -> Server:
        """Read a URL; user name and password in it become basic authentication."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError("is not the URL of a Prometheus server", where=url.rsplit("@", 1)[-1], hint="write it like http://prometheus:9090")  # fmt: skip
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        path = parts.path.rstrip("/").removesuffix("/api/v1").removesuffix("/graph")
        address = urlunsplit((parts.scheme, place, path, "", ""))
        return cls(address, unquote(parts.username) if parts.username else None, unquote(parts.password or ""))

    def query(self, expression: str, at_s: float) -> list[Answer]:
        return self._ask("query", {"query": expression, "time": f"{at_s:.3f}"})

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[Answer]:
        parameters = {"query": expression, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
        return self._ask("query_range", parameters)

    def _ask(self, endpoint: str, parameters: dict[str, str]) -> list[Answer]:
        status, body = self._get(f"{self.address}/api/v1/{endpoint}", parameters)
        if status in (401, 403):
            hint = f"put user:password@ into the URL, or a token into the variable {TOKEN}"
            raise self._error(f"refuses access (HTTP {status})", hint)
        try:
            answer = json.loads(body)
            outcome, data = answer["status"], answer.get("data")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            hint = "name the server itself, with its path prefix where it has one"
            raise self._error(f"does not answer as Prometheus does (HTTP {status})", hint) from problem
        if outcome != "success":
            error_text = str(answer.get("error") or answer.get("errorType") or status)[:300]
            raise self._error(f"cannot answer: {error_text}", "check the selector, or name a shorter window")
        try:
            found = []
            for entry in data["result"]:
                labels = dict(entry["metric"])
                points = entry.get("values") or ([entry["value"]] if "value" in entry else [])
                if points:
                    found.append(Answer(labels, tuple((float(time), float(value)) for time, value in points)))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise self._error("answers in another form than Prometheus does", "name the server itself") from problem
        return found

    def _get(self, url: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        import requests  # type: ignore[import-untyped,unused-ignore]
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        token = os.environ.get(TOKEN, "").strip()
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token and not self.user else {})  # fmt: skip
        # without an authentication a ``.netrc`` would replace the token in the header
        basic: Any = (self.user, self.password or "") if self.user else (lambda request: request) if token else None
        failures = requests.exceptions
        late = self._error("does not answer in time", "check that it is reachable, or name a shorter window")
        try:
            with requests.get(url, params=parameters, headers=headers, auth=basic, timeout=_TIMEOUT_S, stream=True) as response:  # fmt: skip
                body, until = bytearray(), monotonic() + _WHOLE_ANSWER_S
                while block := response.raw.read1(1 << 20, decode_content=True):
                    body += block
                    if monotonic() > until:
                        raise late
                    if len(body) > _MAX_BYTES:
                        raise self._error(f"answers with more than {_MAX_BYTES} bytes", "name a shorter window or a selector")  # fmt: skip
                return response.status_code, bytes(body)
        except failures.SSLError as problem:
            if "certificate" not in str(problem).lower():
                raise self._error("does not speak TLS", "write http:// instead of https://") from problem
            hint = "name the authority's certificate in the variable REQUESTS_CA_BUNDLE"
            raise self._error("has a certificate that is not trusted", hint) from problem
        except (failures.Timeout, ReadTimeoutError) as problem:
            raise late from problem
        except failures.ConnectionError as problem:
            reason = next((text for text in _REASONS if text.lower() in str(problem).lower()), "no connection")
            raise self._error(f"cannot be reached: {reason}", "check host and port; is a port forwarded?") from problem
        except (failures.RequestException, HTTPError, UnicodeError, OSError) as problem:
            hint = "write its URL like http://prometheus:9090"
            raise self._error(f"cannot be queried: {type(problem).__name__}", hint) from problem

    def _error(self, message: str, hint: str) -> SourceError:
        return SourceError(message, where=self.address, hint=hint)


@dataclass(frozen=True)
class _Window:
    """A window of time in a server, narrowed by the user's matchers."""

    server: Server
    start_s: float
    end_s: float
    step_s: float
    matchers: str
    target_labels: frozenset[str] = _ALWAYS_OF_TARGET  # labels that tell one scraped process from another

    @property
    def glance_s(self) -> float:
        """Return how finely it is looked at who was there when."""
        return max(self.step_s, (self.end_s - self.start_s) / _GLANCES)

    def selector(self, pattern: str, labels: Iterable[tuple[str, str]] = ()) -> str:
        """Return a selector of the metrics whose names match, narrowed by labels too."""
        exact = [f"{name}={_quote(value)}" for name, value in sorted(labels)]
        return "{" + ",".join([f"__name__=~{_quote(pattern)}", *filter(None, [self.matchers]), *exact]) + "}"

    def split(self, labels: Mapping[str, str]) -> tuple[Target, Series]:
        """Return whose series it is, and its name and own labels."""
        target = frozenset(label for label in labels.items() if label[0] in self.target_labels)
        own = sorted(label for label in labels.items() if label not in target and label[0] != "__name__")
        return target, (labels.get("__name__", ""), tuple(own))

    def values(self, at_s: float) -> dict[Target, dict[Series, float]]:
        found: dict[Target, dict[Series, float]] = {}
        for entry in self.server.query(self.selector(f"{wanted_pattern()}|{_STARTED}"), at_s):
            target, series = self.split(entry.labels)
            found.setdefault(target, {})[series] = entry.points[-1][1]
        return found


@dataclass
class _Process:
    """One scraped target, and what its counters grew by."""

    seen_s: float
    component: str | None
    grown: dict[Series, float] = field(default_factory=dict)


def query_prometheus(url: str, start: Time, end: Time, *, step: str | float = "15s", selector: str = "") -> MetricsPart:
    """Ask a Prometheus server, or what speaks its API, for what Dragonfly's histograms and counters grew by in a window.

    The window's times have a zone (without one, UTC), or are seconds since 1970; ``step`` is the interval of scrapes, or less;
    ``selector`` are label matchers that narrow the targets, such as ``namespace="dragonfly-system"``. Rows are as `read_metrics`
    gives them. What a process counted between its last scrape and its end is lost; one that appears inside the window counts whole
    where it says that it began there, or where it says nothing and the server was already scraping others.
    """
    server = Server.at(url)
    start_s, end_s = _seconds(start, server), _seconds(end, server)
    if not end_s > start_s:
        raise SourceError("the window ends before it begins", where=server.address, hint="give the earlier time first")
    step_s = max(parse_duration(step), (end_s - start_s) / _MAX_POINTS, _MIN_STEP_S)
    matchers = selector.strip().removeprefix("{").removesuffix("}").strip(" ,")
    window = _Window(server, start_s, end_s, step_s, matchers)
    versions = server.query_range(window.selector(_VERSIONS), start_s, end_s, window.glance_s)
    first, last = (datetime.fromtimestamp(time_s, UTC) for time_s in (start_s, end_s))
    if not versions:
        raise SourceError(
            f"has no metrics of Dragonfly between {first.isoformat(timespec='seconds')} and {last.isoformat(timespec='seconds')}",
            where=server.address, hint="check the window and the selector, and that clients, scheduler and manager are scraped",
        )  # fmt: skip
    own = {*load_metric_names().version_labels, "__name__"}
    window = replace(window, target_labels=window.target_labels | {name for entry in versions for name in entry.labels if name not in own})  # fmt: skip
    processes = _processes(versions, window)
    _grow(window, processes)
    rows: list[dict[str, Any]] = []
    for target, process in sorted(processes.items(), key=lambda item: sorted(item[0])):
        common = {
            **_identity(dict(target), process.component), "started": first, "ended": last, "log_path": server.address, "log_line": None,
        }  # fmt: skip
        rows += [{**row, **common} for row in build_rows(process.grown)]
    found = versions_of((entry.labels.get("__name__", ""), tuple(entry.labels.items())) for entry in versions)
    return MetricsPart(tuple(rows), found, component=None, host=None)


def _seconds(time: Time, server: Server) -> float:
    if isinstance(time, int | float):
        return float(time)
    try:
        read = datetime.fromisoformat(time) if isinstance(time, str) else time
    except ValueError as problem:
        hint = "write it like 2026-05-02T10:00:00Z"
        raise SourceError(f"{time!r} is not a time", where=server.address, hint=hint) from problem
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _processes(versions: Sequence[Answer], window: _Window) -> dict[Target, _Process]:
    found: dict[Target, _Process] = {}
    for entry in versions:
        target, (name, _) = window.split(entry.labels)
        match = re.match(r"dragonfly_(client|scheduler|manager)_", name)
        first_s = min(time for time, _ in entry.points)
        observed = found.setdefault(target, _Process(first_s, match[1] if match else "client"))
        observed.seen_s = min(observed.seen_s, first_s)
    return found


def _grow(window: _Window, processes: Mapping[Target, _Process]) -> None:
    """Fill in what each process's series grew by."""
    last, first = window.values(window.end_s), window.values(window.start_s)
    counters = {name for series in last.values() for name, _ in series} & load_metric_names().failed_of.keys()
    restarted = _restarted(window, counters)
    collecting = bool(window.server.query("count(up)", window.start_s))
    for target, process in processes.items():
        at_end, at_start = last.get(target, {}), first.get(target, {})
        whole = _whole(window, process, at_end.get((_STARTED, ())), collecting)
        if whole and target not in restarted and _is_steady(at_start, at_end):
            process.grown = {series: value - at_start.get(series, 0.0) for series, value in at_end.items()}
        else:
            process.grown = _stepwise(window, target, at_start, process, collecting)


def _is_steady(at_start: Mapping[Series, float], at_end: Mapping[Series, float]) -> bool:
    started_s = [values.get((_STARTED, ()), 0.0) for values in (at_start, at_end)]
    if at_start and abs(started_s[1] - started_s[0]) > 1:
        return False
    return bool(at_end) and all(at_end.get(series, -1.0) >= value for series, value in at_start.items())


def _stepwise(
    window: _Window, target: Target, at_start: Mapping[Series, float], process: _Process, collecting: bool
) -> dict[Series, float]:
    steps = int((window.end_s - window.start_s) / window.step_s)
    selector = window.selector(f"{wanted_pattern()}|{_STARTED}", target)
    answers = window.server.query_range(selector, window.end_s - steps * window.step_s, window.end_s, window.step_s)
    points = {window.split(entry.labels)[1]: entry.points for entry in answers}
    started_s = points.pop((_STARTED, ()), ((0.0, None),))[0][1]
    whole = _whole(window, process, started_s, collecting)
    grown = {}
    for series, observed in points.items():
        # a series that appears later than its process began while it was being scraped
        is_new = whole or observed[0][0] > process.seen_s + window.glance_s
        grown[series] = increase(observed, at_start.get(series, 0.0 if is_new else None))
    return grown


def _whole(window: _Window, process: _Process, started_s: float | None, collecting: bool) -> bool:
    """Return whether all is known that a process counted in the window: it was there before, or it began inside."""
    if process.seen_s < window.start_s + _MILLISECOND_S:
        return True
    if started_s is not None:
        return started_s >= window.start_s
    return collecting  # others were scraped before it was there to be scraped


def _restarted(window: _Window, counters: Iterable[str]) -> frozenset[Target]:
    found: set[Target] = set()
    length_ms = round((window.end_s - window.start_s) * 1000)
    for name in sorted(counters):
        answers = window.server.query(f"resets({window.selector(name)}[{length_ms}ms]) > 0", window.end_s)
        found |= {window.split(entry.labels)[0] for entry in answers}
    return frozenset(found)


def increase(points: Sequence[Point], baseline: float | None) -> float:
    """Return what a counter grew by; where it falls it restarted at 0."""
    grown = 0.0
    before = points[0][1] if baseline is None and points else baseline or 0.0
    for _, value in points:
        grown += value - before if value >= before else value
        before = value
    return grown


def _identity(labels: Mapping[str, str], component: str | None) -> dict[str, str | None]:
    host = next((labels[name] for name in _HOST_LABELS if labels.get(name)), None)
    named = " ".join(labels.get(name, "") for name in ("container", "job", "component", "pod", "instance", "service"))
    return {"host": host, "role": "seedClient" if component == "client" and "seed" in named.lower() else component}
