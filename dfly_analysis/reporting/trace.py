"""The spans of a run (jobs, tasks, waits, pieces) for viewers of traces: Chrome Trace Event JSON for Perfetto, OTLP JSON for Jaeger."""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple, TextIO

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.time_parts import ensure_task_time
from dfly_analysis.sql_scripts import sql

TraceFormat = Literal["chrome", "otlp"]
_FIRST_PIECE_LANE = 1000
_STEPS = {
    "registration": "wait: registration", "scheduling": "wait: parent or permission", "source_wait": "wait: slot or registry",
    "parent_wait": "wait: parent", "second_round": "second pass, pieces not logged", "writing": "write",
}  # fmt: skip


class Span(NamedTuple):
    """One span of a run; times in nanoseconds since 1970."""

    host: str
    rank: int
    kind: str
    start_ns: int
    end_ns: int
    peer_id: str
    task_id: str | None
    job_id: str | None
    role: str | None
    url: str | None
    size_bytes: int | None
    outcome: str | None
    piece_number: int | None
    attempt: int | None
    origin: str | None
    parent_id: str | None
    step: str | None

    @property
    def name(self) -> str:
        """Name in a viewer."""
        if self.kind == "piece":
            return f"piece {self.piece_number}" + ("" if self.outcome == "ok" else f" ({self.outcome})")
        if self.kind == "wait":
            return _STEPS[self.step or "registration"]
        return f"{self.kind} {(self.url or self.task_id or self.peer_id).rsplit('/', 1)[-1][:40]}"

    @property
    def attributes(self) -> dict[str, str | int]:
        """What is known beside name and times."""
        known = self._asdict()
        return {name: known[name] for name in self._fields[5:] if known[name] is not None}


def spans_of(dataset: Dataset, batch_rows: int = 10_000) -> Iterator[Span]:
    """Yield the spans of a run, host by host, by their start; a task comes before what is in it."""
    with dataset.engine.lock:
        ensure_task_time(dataset)
        for batch in dataset.engine.reader(sql("reporting", "spans"), batch_rows):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Span(*row)


def write_trace(dataset: Dataset, out: TextIO, trace_format: TraceFormat = "chrome") -> int:
    """Write the spans of a run as JSON, without holding them, and return how many there are.

    Parameters
    ----------
    dataset : Dataset
    out : text file
    trace_format : {"chrome", "otlp"}
        Trace Event Format (`ui.perfetto.dev`, `chrome://tracing`), or the JSON encoding of OpenTelemetry's protocol (Jaeger, Tempo).

    Returns
    -------
    int
        Spans written.
    """
    write = _write_chrome if trace_format == "chrome" else _write_otlp
    return write(spans_of(dataset), out.write)


def _write_chrome(spans: Iterable[Span], write: Callable[[str], object]) -> int:
    """Write complete events: a process is a host, a thread a lane in which spans do not overlap unless one holds the other."""
    count, processes, host, lanes = 0, 0, None, _Lanes()
    write('{"displayTimeUnit":"ms","traceEvents":[\n')
    for span in spans:
        events = []
        if span.host != host:
            host, processes, lanes = span.host, processes + 1, _Lanes()
            events.append(_title("process_name", host or "unknown host", pid=processes))
        lane, is_new = lanes.of(span)
        if is_new:
            kind = "pieces" if lane >= _FIRST_PIECE_LANE else "tasks"
            events.append(_title("thread_name", f"{kind} {lane % _FIRST_PIECE_LANE + 1}", pid=processes, tid=lane))
        start_us = span.start_ns // 1000
        place = {"ts": start_us, "dur": span.end_ns // 1000 - start_us, "pid": processes, "tid": lane}
        events.append({"name": span.name, "cat": span.kind, "ph": "X", **place, "args": span.attributes})
        write((",\n" if count else "") + ",\n".join(json.dumps(one, separators=(",", ":")) for one in events))
        count += 1
    write("\n]}\n")
    return count


def _title(event: str, text: str, **place: int) -> dict[str, Any]:
    return {"name": event, "ph": "M", **place, "args": {"name": text}}


class _Lanes:
    """Lanes of one host: each span takes the first one that is free at its start, a wait that of its task."""

    def __init__(self) -> None:
        self._free: dict[str, list[int]] = {"task": [], "piece": []}
        self._busy: dict[str, list[tuple[int, int]]] = {"task": [], "piece": []}
        self._used = {"task": 0, "piece": 0}
        self._of_peer: dict[str, int] = {}

    def of(self, span: Span) -> tuple[int, bool]:
        """Return the lane of a span, and whether it is its first one."""
        if span.kind == "wait" and span.peer_id in self._of_peer:
            return self._of_peer[span.peer_id], False
        kind = "piece" if span.kind == "piece" else "task"
        busy, free = self._busy[kind], self._free[kind]
        while busy and busy[0][0] <= span.start_ns:
            heapq.heappush(free, heapq.heappop(busy)[1])
        is_new = not free
        if is_new:
            heapq.heappush(free, self._used[kind] + (_FIRST_PIECE_LANE if kind == "piece" else 0))
            self._used[kind] += 1
        lane = heapq.heappop(free)
        heapq.heappush(busy, (span.end_ns, lane))
        if span.kind == "task":
            self._of_peer[span.peer_id] = lane
        return lane, is_new


def _write_otlp(spans: Iterable[Span], write: Callable[[str], object]) -> int:
    """Write one resource for each host; a task is a child of its job, waits and pieces are children of their task."""
    count, host = 0, None
    write('{"resourceSpans":[')
    for span in spans:
        if span.host != host:
            write("]}]}," if count else "")
            host = span.host
            names = {"service.name": "dragonfly", "host.name": host or "unknown host"}
            resource = json.dumps({"attributes": [_attribute(name, text) for name, text in names.items()]})
            write(f'\n{{"resource":{resource},"scopeSpans":[{{"scope":{{"name":"dfly-analysis"}},"spans":[\n')
        else:
            write(",\n")
        write(json.dumps(_otlp_span(span), separators=(",", ":")))
        count += 1
    write("]}]}]}\n" if count else "]}\n")
    return count


def _otlp_span(span: Span) -> Mapping[str, Any]:
    own = f"{span.kind} {span.peer_id} {span.piece_number} {span.attempt} {span.start_ns if span.kind in ('wait', 'piece') else ''}"
    parent = f"job {span.job_id} None None " if span.kind == "task" else f"task {span.peer_id} None None "
    is_root = span.kind == "job" or (span.kind == "task" and span.job_id is None)
    return {
        "traceId": _identity(span.job_id or span.task_id or span.peer_id, 32), "spanId": _identity(own, 16),
        **({} if is_root else {"parentSpanId": _identity(parent, 16)}),
        "name": span.name, "kind": 1, "startTimeUnixNano": str(span.start_ns), "endTimeUnixNano": str(span.end_ns),
        "attributes": [_attribute(f"dragonfly.{name}", value) for name, value in span.attributes.items()],
        "status": {"code": 2 if span.outcome not in (None, "ok", "SUCCESS", "PENDING", "unknown", "cancelled") else 0},
    }  # fmt: skip


def _attribute(name: str, value: str | int) -> Mapping[str, Any]:
    return {"key": name, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def _identity(text: str, digits: int) -> str:
    return sha256(text.encode()).hexdigest()[:digits]
