"""Reports of the newer perf-tests tools: file-bench, dfget-bench, image-bench and proxy-bench.

They replace dfbench's table: one block a run, with failures counted. The latencies of file-bench, dfget-bench and
image-bench are those of the survivors; proxy-bench counts failed requests in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.benchmarks.parsing import Reject
from dfly_analysis.redaction import redact
from dfly_analysis.units import parse_size

_TITLE = re.compile(r"^(?:proxy|file|image|dfget)-bench$")
_ROW = re.compile(r"^ {2}(?P<label>\S[^\n]{0,14}?) {2,}(?P<text>\S.*)$")
_COSTS = re.compile(r"^ {4}(?P<label>request|download|pull)(?P<cells>(?:\s+[\d.]+)+)$")
_STATISTICS = {"min": "min_s", "avg": "mean_s", "med": "p50_s", "p(95)": "p95_s", "p(99)": "p99_s", "max": "max_s"}
_FAILED = re.compile(r"^(?P<failed>[\d,]+) of (?P<n>[\d,]+) \(")
_TRAFFIC = {
    "bytes_from_source": "back-to-source", "bytes_from_parent": "remote peer", "bytes_local": "local peer",
}  # fmt: skip
# The file server's files are named by their size in powers of 1024; the images of image-bench carry theirs in the tag.
_FILE = re.compile(r"(?:^|/)(?P<number>\d+)(?P<unit>[bkmg])(?:[?\s]|$)")
_IMAGE = re.compile(r":v\d+-(?P<number>\d+)gb-\d+")
_CHUNK = re.compile(r" in (?P<size>[\d.]+ ?[KMGT]?i?B) chunks")
_RANGE = re.compile(r"^(?P<first>\d{1,15})-(?P<last>\d{1,15})$")
_HINT = "copy the whole report, from its title to the line that begins with Result"


def recognises(head: str) -> bool:
    """Return whether a text holds the title and the first row of such a report."""
    titles = [line for line in head.splitlines() if _TITLE.match(line.rstrip())]
    return bool(titles) and re.search(r"^ {2}Run {3,}\S", head, re.MULTILINE) is not None


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read each report that has latencies."""
    rows = []
    for number, tool, lines in _blocks(text):
        try:
            rows.append(_row(tool, number, lines))
        except (DflyError, ValueError, OverflowError) as problem:
            reject(number, f"this {tool} report cannot be read: {problem}", _HINT)
    return rows


def _blocks(text: str) -> Iterator[tuple[int, str, list[str]]]:
    lines = [line.rstrip() for line in text.split("\n")]
    starts = [at for at, line in enumerate(lines) if _TITLE.match(line)]
    for start, end in pairwise([*starts, len(lines)]):
        yield start + 1, lines[start], lines[start + 1 : end]


def _row(tool: str, number: int, lines: list[str]) -> dict[str, Any]:
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
    return {
        "tool": tool, "kind": "aggregate", "label": fields.get("Run", tool).split(" ", 1)[0], "size_bytes": _size_bytes(tool, fields), "n": repeats,
        "failures": failures, **(seconds if failures < repeats else {}), **_traffic(fields.get("Traffic", "")),
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


def _traffic(text: str) -> dict[str, int]:
    found = {name: re.search(rf"(?<![\d.])([\d.]++ [KMGTPE]?i?B) {place}", text) for name, place in _TRAFFIC.items()}
    return {name: parse_size(match[1]) for name, match in found.items() if match}
