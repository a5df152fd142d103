"""Tables of dfbench v0.1.1 and newer: time against size, survivors only.

The labels are not the sizes: the file behind ``Micro(1KB)`` holds 10 240 bytes, and KB, MB, GB count by 1024. Failed
repeats leave no trace in the table. Up to v0.1.4 a cost is the command's wall time; later it is the sum of the client's
own histogram, which leaves out the client's start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.benchmarks.parsing import Reject
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
_HINT = "copy the table again, with its header and whole rows"


def recognises(head: str) -> bool:
    """Return whether a text holds the header of a table of dfbench near its beginning."""
    return any(_columns(line) is not None for line in head.splitlines())


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read the tables: ASCII, box-drawn or markdown, whatever prose stands around them."""
    rows, table, columns = [], 0, None
    for number, line in enumerate(text.split("\n"), start=1):
        found = _columns(line)
        if found is not None:
            columns, table = found, table + 1
        elif not line.strip().startswith(("|", "│")):
            columns = columns if _BORDER.fullmatch(line) and line.strip() else None
        elif columns is not None and not _BORDER.fullmatch(line):
            try:
                row = _row(columns, _cells(line))
                rows.append({**row, "settings": f"table {table}" if table > 1 else None, "log_line": number})
            except (DflyError, ValueError, OverflowError) as problem:
                reject(number, f"is not a row of dfbench's table: {problem}", _HINT)
    return rows


def _columns(line: str) -> Sequence[str | None] | None:
    if not _HEADER.match(line.strip()):
        return None
    columns = [_COLUMNS.get(" ".join(cell.upper().split())) for cell in _cells(line)]
    return columns if set(columns) >= _NEEDED else None


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"[|│]", line.strip())[1:-1]]


def _row(columns: Sequence[str | None], cells: Sequence[str]) -> Mapping[str, Any]:
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
