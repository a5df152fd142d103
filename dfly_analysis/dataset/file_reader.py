"""Reads files, whatever they hold: each is recognised by its content; small plain logs are parsed together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array
from dfly_analysis.catalog.log_events import bulk_events
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.config.config_files import ConfigInput, is_configuration
from dfly_analysis.dataset.deduplication import NO_HASHES, Hashes, add_hashes, fingerprints_of, log_key, record_hashes
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.errors import SettingsError, SourceError
from dfly_analysis.io import Opened, SourceFile, open_file
from dfly_analysis.messages import message
from dfly_analysis.readers import benchmarks, fragments, jobs, pods, prometheus
from dfly_analysis.readers.fragments import is_progress, read_fragments
from dfly_analysis.readers.logs import LogReader, find_format, sniff
from dfly_analysis.readers.logs.event_schema import codes_and_texts, values_of
from dfly_analysis.readers.logs.format_detection import begins_record, match_head
from dfly_analysis.readers.logs.log_identity import Writer
from dfly_analysis.readers.logs.small_files import LARGEST_BYTES, SmallLog, parse_small_logs, plain_format

_FOREIGN = re.compile(r"(?:_LOG(?:\.old\.\d+)?$|/LOG(?:\.old\.\d+)?$|dynconfig\.ya?ml$)")
_CONFIGURATION = re.compile(
    r"^(?:host|server|download|upload|scheduler|manager|dynconfig|dynConfig|storage|seedPeer|proxy|database|gc|job)\s*:",
    re.MULTILINE,
)
_VALUES = re.compile(
    r"^(?:client|seedClient|scheduler|manager|dfdaemon|seedPeer|dragonfly|USER-SUPPLIED VALUES|COMPUTED VALUES)\s*:\s*(?:\{|$)|\bkind\b[\"']?:\s*[\"']?ConfigMap\b",
    re.MULTILINE,
)
"""How Helm values and ConfigMaps look."""
_LARGEST_CONFIGURATION_BYTES = 1 << 20
_MAX_WRITERS = 500  # of one file whose records are fingerprinted separately
_BATCH_BYTES = 8 << 20  # of small logs that are parsed together
_MAX_PASTES, _PASTE_BYTES, _PASTE_LINES = 8, 1 << 16, 300
"""Number of files, and size of each, up to which a text that no log format explains is searched for fragments."""
_GROUP_BYTES, _GROUP_FILES = 64 << 20, 1_000
"""Of files that are read as one unit of work, and whose records make one part."""
Sink = Callable[[pa.Table], None]


@dataclass(frozen=True)
class ReadOptions:
    """How files are read: zone of times without one, log format named, records kept, and whether fragments are searched for."""

    tz: str = "UTC"
    format_id: str | None = None
    records: Literal["all", "relevant"] = "all"
    fragments: bool = False

    def for_files(self, files: Sequence[SourceFile]) -> ReadOptions:
        """Return the options for some files: a paste comes as one or a few, a folder of logs holds whole logs."""
        return replace(self, fragments=len(files) <= _MAX_PASTES)

    @property
    def log_format(self) -> LogFormat | None:
        """Return the format that the user named."""
        return find_format(self.format_id) if self.format_id else None


def is_large(source: SourceFile) -> bool:
    """Return whether a file is worth a unit of work of its own."""
    return (source.size_bytes or 0) >= LARGEST_BYTES


def group_files(
    sources: Iterable[SourceFile], alone: Callable[[SourceFile], bool] = is_large
) -> list[tuple[SourceFile, ...]]:
    """Return the files in groups that are each read as one unit of work, in order; those to be read alone by themselves."""
    groups: list[list[SourceFile]] = []
    size = _GROUP_BYTES + 1
    for source in sources:
        size += source.size_bytes or 0
        if size > _GROUP_BYTES or len(groups[-1]) >= _GROUP_FILES or alone(source):
            groups.append([])
            size = _GROUP_BYTES + 1 if alone(source) else source.size_bytes or 0
        groups[-1].append(source)
    return [tuple(group) for group in groups]


def read_files(
    sources: Sequence[SourceFile], options: ReadOptions, sink: Sink, executor: Executor | None = None
) -> FileResult:
    """Read files, whatever they hold: records of logs go to the sink, table by table, all else is returned; the executor parses blocks of a large log."""
    reader = _FileReader(options, sink, executor)
    for source in sources:
        for opened in open_file(source, on_problem=reader.result.add_problem):
            reader.read(opened)
    return reader.finish()


def is_readable(opened: Opened, options: ReadOptions) -> bool:
    """Return whether a file begins like something that can be analysed."""
    head = opened.head()
    text = head.decode("utf-8", "replace")
    is_log = options.format_id is not None or sniff(head).log_format is not None
    is_other = jobs.recognises(text) or benchmarks.recognises(text) or pods.recognises(text)
    return bool(text) and (is_log or is_other or (len(head) < _PASTE_BYTES and bool(read_fragments(text))))


@dataclass
class _FileReader:
    options: ReadOptions
    sink: Sink
    executor: Executor | None
    result: FileResult = field(default_factory=FileResult)
    _small: dict[str, list[tuple[SmallLog, dict[str, Any]]]] = field(default_factory=dict)
    _small_bytes: dict[str, int] = field(default_factory=dict)

    def read(self, opened: Opened) -> None:
        """Read one opened file, or keep it to be parsed with others."""
        row: dict[str, Any] = {"path": opened.address, "kind": "foreign", "parsed": 0, "continuation": 0, "rejected": 0}
        self.result.coverage.append(row)
        paste = self._paste(opened)
        if paste is not None:
            row |= self._read_paste(opened, paste)
        elif not self._batch(opened, row):
            row |= self._read(opened)
        notes = [note for note in (row.get("note"), opened.note) if note]
        row |= {"note": "; ".join(notes) or None, "size_bytes": opened.size_bytes, "sha256": opened.sha256}
        if opened.problem:
            hint = "what came before was read; copy the file again"
            self.result.add_problem(SourceError(opened.problem, where=opened.address, hint=hint))

    def _paste(self, opened: Opened) -> str | None:
        """Return the text of a file that may be a paste: short, and named by the user rather than found in an archive."""
        if not self.options.fragments or self.options.format_id is not None:
            return None
        if "!" in opened.address or _FOREIGN.search(opened.address):
            return None
        data = opened.whole(_PASTE_BYTES)
        if not data or opened.problem or b"\x00" in data or data.count(b"\n") > _PASTE_LINES:
            return None
        text = data.decode("utf-8", "replace")
        return None if all(begins_record(line) for line in text.splitlines()) else text

    def _read_paste(self, opened: Opened, text: str) -> dict[str, Any]:
        """Read a short text as what it looks like, and where that explains less of it, as fragments."""
        tables: list[pa.Table] = []
        sink, self.sink = self.sink, tables.append
        try:
            row = self._read(opened)
        finally:
            self.sink = sink
        found = read_fragments(text) if row.get("kind", "foreign") in ("foreign", "log") else []
        added, dropped = fragments.missing_fragments(found, tables)
        for table in tables:
            sink(fragments.without_lines(table, dropped) if dropped else table)
        if not added and row.get("kind", "foreign") == "foreign":
            if is_configuration(text):
                return {**row, "kind": "configuration"}
            added = fragments.progress_records(text) if is_progress(text) else []
            if not added:
                return {**row, "kind": "progress"} if is_progress(text) else row
        if not added:
            return row
        sink(fragments.fragment_table(added, opened.address, self.options.tz))
        if row.get("kind") == "log":
            return row
        lines = int(row.get("lines", 0))
        return {
            "kind": "log", "format": "fragment", "component": added[0].component, "lines": lines, "parsed": len(added),
            "rejected": max(lines - len(added), 0), "detection_reason": "no log format explains it, but it holds known texts of Dragonfly",
        }  # fmt: skip

    def finish(self) -> FileResult:
        """Parse the remaining small logs, and return the result of all files."""
        for format_id in list(self._small):
            self._parse_small(format_id)
        self.result.zones = [self.options.tz]
        return self.result

    def _batch(self, opened: Opened, row: dict[str, Any]) -> bool:
        """Keep a small plain log for its batch; return False for any other file."""
        if self.options.format_id is not None or _FOREIGN.search(opened.address):
            return False
        data = opened.whole(LARGEST_BYTES)
        found = plain_format(data) if data else None
        if data is None or found is None or opened.problem:
            return False
        log = SmallLog(opened.address, data if data.endswith(b"\n") else data + b"\n")
        self._small.setdefault(found.id, []).append((log, row))
        self._small_bytes[found.id] = self._small_bytes.get(found.id, 0) + len(data)
        if self._small_bytes[found.id] >= _BATCH_BYTES:
            self._parse_small(found.id)
        return True

    def _parse_small(self, format_id: str) -> None:
        batch = self._small.pop(format_id)
        self._small_bytes[format_id] = 0
        logs = [log for log, _ in batch]
        relevant = self.options.records == "relevant"
        table, parsed = parse_small_logs(logs, find_format(format_id), self.options.tz, relevant_only=relevant)
        for (log, row), coverage in zip(batch, parsed, strict=True):
            reason = f"{format_id}: {coverage['parsed']} of {coverage['lines']} lines begin a record"
            row |= {**coverage, "note": row.get("note"), "detection_reason": reason, "path": log.address}
        self.result.fingerprints |= fingerprints_of(table)
        self._add(table)

    def _add(self, table: pa.Table) -> None:
        """Pass records to the sink; of `relevant` ones the most frequent events without their messages."""
        if self.options.records == "relevant":
            codes, events = codes_and_texts(table, "event_id")
            is_bulk: npt.NDArray[np.bool_] = np.array([*(event in bulk_events() for event in events), False])[codes]
            at, kept = table.schema.get_field_index("message"), arrow_array(np.arange(len(table)), pa.int64(), is_bulk)
            table = table.set_column(at, "message", table.column(at).take(kept))
        self.sink(table)

    def _read(self, opened: Opened) -> dict[str, Any]:
        head = opened.head()
        text = head.decode("utf-8", "replace")
        if not head:
            return {"kind": "empty", "lines": 0}
        if _FOREIGN.search(opened.address):
            return {"lines": opened.drain(), "note": message("another program's file")}
        if given := self._configuration(opened, text):
            self.result.rendered += given.rendered
            self.result.values += [given.values] if given.values is not None else []
            whole, file = opened.text(), next(iter(given.rendered), None)
            lines = whole.count("\n") + (not whole.endswith("\n"))
            return {
                "kind": "configuration", "component": file.component if file else None, "host": file.host if file else None,
                "lines": lines, "parsed": lines,
            }  # fmt: skip
        is_other = jobs.recognises(text) or pods.recognises(text)
        named = self.options.format_id
        detected = sniff(head)
        if not is_other and (named or detected.log_format is not None):
            reason = detected.reason if named is None else f"{named}, as requested; detected: {detected.reason}"
            return {**self._read_log(opened), "detection_reason": reason}
        if "\x00" in text[:4096]:
            return {"lines": opened.drain(), "note": message("not text")}
        return self._read_whole(opened, text, detected.reason)

    def _read_log(self, opened: Opened) -> dict[str, Any]:
        relevant = self.options.records == "relevant"
        reader = LogReader(opened, self.options.tz, self.options.log_format, self.executor, relevant_only=relevant)
        fingerprints: dict[Writer | None, Hashes] = {}
        first_line = last_line = 0
        for table in reader.tables():
            writer = reader.writer if len(fingerprints) < _MAX_WRITERS else next(iter(fingerprints))
            fingerprints[writer] = add_hashes(fingerprints.get(writer, NO_HASHES), record_hashes(table))
            if len(table):
                lines = values_of(table.column("log_line"))
                first_line, last_line = first_line or int(lines[0]), int(lines[-1])
            self._add(table)
        if last_line < first_line:
            self.result.newest_first.append(opened.address)
        for place, (writer, hashes) in enumerate((fingerprints or {None: NO_HASHES}).items()):
            self.result.fingerprints[log_key(opened.address, writer if place else None)] = hashes
        return reader.coverage

    def _read_whole(self, opened: Opened, head: str, reason: str) -> dict[str, Any]:
        """Read a file that is not a log as a whole, and return its coverage row."""
        result, broken = self.result, list[SourceError]()
        text = opened.text()
        kind = "jobs" if jobs.recognises(head) else "pods"
        lines = text.count("\n") + (not text.endswith("\n"))
        if prometheus.recognises(head):
            part = prometheus.read_metrics(text, opened.address)
            result.runs += [dict(found) for found in part.rows]
            result.versions += [(*found, opened.address) for found in part.versions]
            return {
                "kind": "metrics", "component": part.component, "host": part.host, "lines": lines,
                "parsed": lines - part.rejected, "rejected": part.rejected,
            }  # fmt: skip
        if kind == "jobs" or pods.recognises(head):
            read = jobs.read_jobs if kind == "jobs" else pods.read_pods
            rows = read(text, opened.address, on_problem=broken.append)
            for problem in broken[:-1] if opened.problem else broken:  # a truncated file's last one is its truncation
                result.add_problem(problem)
            (result.jobs if kind == "jobs" else result.pods).extend(rows)
            return {"kind": kind, "lines": lines, "parsed" if rows else "rejected": lines}
        if benchmarks.recognises(head):
            result.runs += benchmarks.read_bench(text, opened.address, on_problem=result.add_problem)
            return {"kind": "bench", "lines": lines, "parsed": lines}
        return {"lines": lines, "rejected": lines, "note": reason}

    @staticmethod
    def _configuration(opened: Opened, head: str) -> ConfigInput | None:
        """Return the configuration that a file is: a component's own, ConfigMaps, or Helm values."""
        is_values = _VALUES.search(head) is not None
        if not (is_values or _CONFIGURATION.search(head)) or match_head(head.partition("\n")[0]):
            return None
        from dfly_analysis.config.config_files import is_values as are_values
        from dfly_analysis.config.config_files import read_config_text
        from dfly_analysis.config.rendered_manifests import read_rendered

        data = opened.whole(_LARGEST_CONFIGURATION_BYTES)
        text = data.decode("utf-8", "replace") if data else ""
        try:
            if file := read_rendered(text, opened.address):
                return ConfigInput(None, (file,))
            given = read_config_text(text, opened.address) if is_values else None
        except SettingsError:
            return None
        if given is None or not (given.rendered or (given.values is not None and are_values(given.values))):
            return None
        return given
