"""What perf-tests prints: tables of dfbench, and the reports of file-bench, dfget-bench, image-bench and proxy-bench after it.

A table (dfbench v0.1.1 and newer) shows time against size, of the survivors only: failed repeats leave no trace. Its labels are
not the sizes: the file behind ``Micro(1KB)`` holds 10 240 bytes, and KB, MB, GB count by 1024. Up to v0.1.4 a cost is the command's
wall time; later it is the sum of the client's own histogram, which leaves out the client's start. A report is one block a run, with
failures counted; its latencies are those of the survivors, but proxy-bench counts failed requests in.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.benchmarks.parsing import Reject
from dfly_analysis.redaction import redact
from dfly_analysis.units import parse_duration, parse_size

_COLUMNS = {
    "FILE SIZE LEVEL": "label", "TIMES": "n", "MIN COST": "min_s", "MAX COST": "max_s", "AVG COST": "mean_s",
    "BACK TO SOURCE TRAFFIC": "bytes_from_source", "REMOTE PEER TRAFFIC": "bytes_from_parent", "LOCAL PEER TRAFFIC": "bytes_local",
}  # fmt: skip
_NEEDED = frozenset({"label", "n", "min_s", "max_s", "mean_s"})
_HEADER = re.compile(r"^[|│]\s*FILE SIZE LEVEL\s*[|│].*[|│]\s*MIN COST\s*[|│]", re.IGNORECASE)
_BORDER = re.compile(r"[\s|+:=\-\u2500-\u257f]*")
# What the file server behind dfbench holds, by level.
_REAL_BYTES = {
    "Nano": 1, "Micro": 10_240, "Small": 1 << 20, "Medium": 10 << 20, "Large": 1 << 30, "XLarge": 10 << 30, "XXLarge": 30 << 30,
}  # fmt: skip
_TITLE = re.compile(r"^(?:proxy|file|image|dfget)-bench$")
_RUN = re.compile(r"^ {2}Run {3,}\S", re.MULTILINE)
_ROW = re.compile(r"^ {2}(?P<label>\S[^\n]{0,14}?) {2,}(?P<text>\S.*)$")
_COSTS = re.compile(r"^ {4}(?P<label>request|download|pull)(?P<cells>(?:\s+[\d.]+)+)$")
_STATISTICS = {"min": "min_s", "avg": "mean_s", "med": "p50_s", "p(95)": "p95_s", "p(99)": "p99_s", "max": "max_s"}
_FAILED = re.compile(r"^(?P<failed>[\d,]+) of (?P<n>[\d,]+) \(")
_TRAFFIC = {"bytes_from_source": "back-to-source", "bytes_from_parent": "remote peer", "bytes_local": "local peer"}
# The file server's files are named by their size in powers of 1024; the images of image-bench carry theirs in the tag.
_FILE = re.compile(r"(?:^|/)(?P<number>\d+)(?P<unit>[bkmg])(?:[?\s]|$)")
_IMAGE = re.compile(r":v\d+-(?P<number>\d+)gb-\d+")
_CHUNK = re.compile(r" in (?P<size>[\d.]+ ?[KMGT]?i?B) chunks")
_RANGE = re.compile(r"^(?P<first>\d{1,15})-(?P<last>\d{1,15})$")


def recognises(head: str) -> bool:
    """Return whether a text holds the header of a table near its beginning, or the title and the first row of a report."""
    return _has_reports(head) or any(_columns(line) is not None for line in head.splitlines())


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read the tables (ASCII, box-drawn or markdown, whatever prose stands around them), and each report that has latencies."""
    lines = [line.rstrip() for line in text.split("\n")]
    return _read_tables(lines, reject) + (_read_reports(lines, reject) if _has_reports(text[:65536]) else [])


def _has_reports(head: str) -> bool:
    return any(_TITLE.match(line.rstrip()) for line in head.splitlines()) and _RUN.search(head) is not None


def _read_tables(lines: Sequence[str], reject: Reject) -> list[dict[str, Any]]:
    rows, table, columns = [], 0, None
    for number, line in enumerate(lines, start=1):
        found = _columns(line)
        if found is not None:
            columns, table = found, table + 1
        elif not line.strip().startswith(("|", "│")):
            columns = columns if _BORDER.fullmatch(line) and line.strip() else None
        elif columns is not None and not _BORDER.fullmatch(line):
            try:
                row = _table_row(columns, _cells(line))
                rows.append({**row, "settings": f"table {table}" if table > 1 else None, "log_line": number})
            except (DflyError, ValueError, OverflowError) as problem:
                hint = "copy the table again, with its header and whole rows"
                reject(number, f"is not a row of dfbench's table: {problem}", hint)
    return rows


def _columns(line: str) -> Sequence[str | None] | None:
    if not _HEADER.match(line.strip()):
        return None
    columns = [_COLUMNS.get(" ".join(cell.upper().split())) for cell in _cells(line)]
    return columns if set(columns) >= _NEEDED else None


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"[|│]", line.strip())[1:-1]]


def _table_row(columns: Sequence[str | None], cells: Sequence[str]) -> Mapping[str, Any]:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells under {len(columns)} headings")
    named = {name: cell for name, cell in zip(columns, cells, strict=True) if name}
    level = named["label"].split("(", 1)[0].strip()
    size_bytes = _REAL_BYTES[level] if level in _REAL_BYTES else parse_size(named["label"])
    costs = {name: parse_duration(named[name]) for name in ("min_s", "max_s", "mean_s")}
    traffic = {name: parse_size(cell) for name, cell in named.items() if name.startswith("bytes_")}
    if not re.fullmatch(r"\d{1,12}", named["n"]):
        raise ValueError(f"{named['n']!r} is not a count")
    return {
        "tool": "dfbench", "kind": "aggregate", "label": named["label"], "size_bytes": size_bytes, "n": int(named["n"]), **costs, **traffic,
    }  # fmt: skip


def _read_reports(lines: list[str], reject: Reject) -> list[dict[str, Any]]:
    rows = []
    starts = [at for at, line in enumerate(lines) if _TITLE.match(line)]
    for start, end in pairwise([*starts, len(lines)]):
        try:
            rows.append(_report_row(lines[start], start + 1, lines[start + 1 : end]))
        except (DflyError, ValueError, OverflowError) as problem:
            hint = "copy the whole report, from its title to the line that begins with Result"
            reject(start + 1, f"this {lines[start]} report cannot be read: {problem}", hint)
    return rows


def _report_row(tool: str, number: int, lines: list[str]) -> dict[str, Any]:
    fields: dict[str, str] = {}
    costs, at = None, number
    for offset, line in enumerate(lines, start=1):
        if costs is None and (found := _COSTS.match(line)):
            costs, at = [float(cell) for cell in found["cells"].split()], number + offset
        elif match := _ROW.match(line):
            fields.setdefault(match["label"].strip(), match["text"].strip())
    counted = _FAILED.match(fields.get("Failed", ""))
    names = fields.get("Latency (ms)", "").split()
    if counted is None or costs is None or len(names) != len(costs):
        raise ValueError("its failures or its latencies are missing")
    failures, repeats = (int(counted[name].replace(",", "")) for name in ("failed", "n"))
    seconds = {_STATISTICS[name]: cost / 1000 for name, cost in zip(names, costs, strict=True) if name in _STATISTICS}
    settings = [fields[name].split("?", 1)[0] for name in ("Run", "Target", "Load", "Sequential", "Range") if name in fields]  # fmt: skip
    traffic = {}
    for name, place in _TRAFFIC.items():
        if match := re.search(rf"(?<![\d.])([\d.]++ [KMGTPE]?i?B) {place}", fields.get("Traffic", "")):
            traffic[name] = parse_size(match[1])
    return {
        "tool": tool, "kind": "aggregate", "label": fields.get("Run", tool).split(" ", 1)[0], "size_bytes": _size_bytes(tool, fields), "n": repeats,
        "failures": failures, **(seconds if failures < repeats else {}), **traffic,
        "settings": redact("; ".join(settings)) or None, "log_line": at,
    }  # fmt: skip


def _size_bytes(tool: str, fields: Mapping[str, str]) -> int | None:
    target = fields.get("Target", "")
    if chunk := _CHUNK.search(fields.get("Sequential", "")):
        return parse_size(chunk["size"])
    if part := _RANGE.match(fields.get("Range", "").removeprefix("bytes=")):
        return int(part["last"]) - int(part["first"]) + 1
    if tool == "image-bench":
        image = _IMAGE.search(target)
        return int(image["number"]) << 30 if image else None
    named = (None if tool == "proxy-bench" else _FILE.search(fields.get("Run", ""))) or _FILE.search(target)
    return int(named["number"]) << {"b": 0, "k": 10, "m": 20, "g": 30}[named["unit"]] if named else None
