"""The stage every file goes through, here or on a cluster: opened, recognised by content, read."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dfly_analysis import bench, config, jobs, metrics, pods
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.errors import SettingsError, SourceError
from dfly_analysis.loading.copies import Sketch, sketch_key
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.logs import LogReader, find_format, sniff
from dfly_analysis.logs.writers import Writer
from dfly_analysis.sources import Opened, SourceFile, open_file

if TYPE_CHECKING:
    import pyarrow as pa

    from dfly_analysis.config import RenderedFile

_FOREIGN = re.compile(r"(?:_LOG(?:\.old\.\d+)?$|/LOG(?:\.old\.\d+)?$|dynconfig\.ya?ml$)")
_CONFIGURATION = re.compile(
    r"^(?:host|server|download|upload|scheduler|manager|dynconfig|dynConfig|storage|seedPeer|proxy|database|gc|job)\s*:",
    re.MULTILINE,
)
_MOST_CONFIGURATION_BYTES = 1 << 20
_MOST_WRITERS = 500
"""Of one file that are compared with other files each for itself."""
Sink = Callable[["pa.Table"], None]


@dataclass(frozen=True)
class Reading:
    """How files are to be read.

    Attributes
    ----------
    tz : str
        Zone of times that carry none.
    format_id : str or None
        Log format that the user named, instead of the one sniffed.
    records : {"all", "telling"}
        Whether records that no analysis looks at are read, or only counted.
    """

    tz: str = "UTC"
    format_id: str | None = None
    records: Literal["all", "telling"] = "all"

    @property
    def log_format(self) -> LogFormat | None:
        """Return the format that the user named."""
        return find_format(self.format_id) if self.format_id else None


def stage_file(source: SourceFile, reading: Reading, sink: Sink, executor: Executor | None = None) -> Gathered:
    """Read one file, whatever it holds.

    Parameters
    ----------
    source : SourceFile
    reading : Reading
    sink : callable
        Takes the records of logs, table by table, in the columns of `dfly_analysis.logs.schema.arrow_schema`.
    executor : Executor, optional
        Reads blocks of one log side by side.

    Returns
    -------
    Gathered
        Everything else; what cannot be read is in its `problems`.
    """
    gathered = Gathered()

    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))

    for opened in open_file(source, on_problem=told):
        row = _read(opened, gathered, reading, sink, executor)
        notes = [note for note in (row.get("note"), opened.note) if note]
        row |= {"note": "; ".join(notes) or None, "size_bytes": opened.size_bytes, "sha256": opened.sha256}
        gathered.coverage.append(row)
        if opened.problem:
            told(
                SourceError(opened.problem, where=opened.address, hint="what came before was read; copy the file anew")
            )
    return gathered


def is_readable(opened: Opened, reading: Reading) -> bool:
    """Return whether a file begins like something that can be analysed."""
    head = opened.head()
    text = head.decode("utf-8", "replace")
    is_log = reading.format_id is not None or sniff(head).log_format is not None
    return bool(text) and (is_log or jobs.recognises(text) or bench.recognises(text) or pods.recognises(text))


def _read(
    opened: Opened, gathered: Gathered, reading: Reading, sink: Sink, executor: Executor | None
) -> dict[str, Any]:
    head = opened.head()
    text = head.decode("utf-8", "replace")
    row: dict[str, Any] = {"path": opened.address, "kind": "foreign", "parsed": 0, "continuation": 0, "rejected": 0}
    if not head:
        return {**row, "kind": "empty", "lines": 0}
    if _FOREIGN.search(opened.address):
        return {**row, "lines": opened.drain(), "note": "another program's file"}
    is_other = jobs.recognises(text) or pods.recognises(text)
    sniffed = sniff(head)
    if not is_other and (reading.format_id or sniffed.log_format is not None):
        why = (
            sniffed.reason
            if reading.format_id is None
            else f"{reading.format_id}, as asked; it looks like {sniffed.reason}"
        )
        return {**_read_log(opened, gathered, reading, sink, executor), "why": why}
    if "\x00" in text[:4096]:
        return {**row, "lines": opened.drain(), "note": "not text"}
    return {**row, **_read_whole(opened, text, gathered, sniffed.reason)}


def _read_log(
    opened: Opened, gathered: Gathered, reading: Reading, sink: Sink, executor: Executor | None
) -> dict[str, Any]:
    reader = LogReader(opened, reading.tz, reading.log_format, executor, telling=reading.records == "telling")
    sketches: dict[Writer | None, Sketch] = {}
    for table in reader.tables():
        writer = reader.writer if len(sketches) < _MOST_WRITERS else next(iter(sketches))
        sketches.setdefault(writer, Sketch()).add(table)
        sink(table)
    gathered.versions += sorted(reader.versions)
    for writer, sketch in (sketches or {None: Sketch()}).items():
        is_first = opened.address not in gathered.sketches
        key = sketch_key(opened.address, None if is_first else writer)
        gathered.sketches[key] = sketch.smallest()
    return reader.coverage


def _read_whole(opened: Opened, head: str, gathered: Gathered, reason: str) -> dict[str, Any]:
    """Read a file that is not a log as a whole, and say in the coverage row what it was."""

    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))

    text = opened.text()
    lines = text.count("\n") + (not text.endswith("\n"))
    if metrics.recognises(head):
        part = metrics.read_metrics(text, opened.address)
        gathered.runs += [dict(found) for found in part.rows]
        gathered.versions += part.versions
        return {
            "kind": "metrics",
            "component": part.component,
            "host": part.host,
            "lines": lines,
            "parsed": lines - part.rejected,
            "rejected": part.rejected,
        }
    if jobs.recognises(head):
        return _read_jobs(text, lines, opened.address, gathered)
    if pods.recognises(head):
        found = pods.read_pods(text, opened.address, on_problem=told)
        gathered.pods += found
        return {"kind": "pods", "lines": lines, "parsed": lines if found else 0, "rejected": 0 if found else lines}
    if bench.recognises(head):
        gathered.runs += bench.read_bench(text, opened.address, on_problem=told)
        return {"kind": "bench", "lines": lines, "parsed": lines}
    rendered = _rendered(text, opened.address)
    if rendered is not None:
        gathered.rendered.append(rendered)
        return {
            "kind": "configuration",
            "component": rendered.component,
            "host": rendered.host,
            "lines": lines,
            "parsed": lines,
        }
    return {"lines": lines, "rejected": lines, "note": reason}


def _rendered(text: str, address: str) -> RenderedFile | None:
    if not _CONFIGURATION.search(text[:65536]) or len(text) > _MOST_CONFIGURATION_BYTES:
        return None
    try:
        return config.read_rendered(text, address)
    except SettingsError:
        return None


def _read_jobs(text: str, lines: int, address: str, gathered: Gathered) -> dict[str, Any]:
    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))

    read = jobs.read_jobs(text, address, on_problem=told)
    gathered.jobs += read
    return (
        {"kind": "jobs", "lines": lines, "parsed": lines}
        if read
        else {"kind": "jobs", "lines": lines, "rejected": lines}
    )
