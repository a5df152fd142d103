"""Our own CSV: the columns of `runs` by name, one sample, aggregate or bucket a line.

``size_bytes`` and ``duration_s`` are enough; with ``outcome`` and ``timeout_s`` the rows are what `fit_duration` takes.
"""

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.readers.benchmarks.parsing import Reject, parse_timestamp
from dfly_analysis.redaction import redact
from dfly_analysis.schema import FLOAT, INTEGER, OUTCOMES, ROLES, RUNS, TIME
from dfly_analysis.units import parse_duration, parse_size

_KINDS = ("sample", "aggregate", "histogram", "counter")
_PLACE = frozenset({"log_path", "log_line"})
_DELIMITERS = (",", ";", "\t")
_MEASURES = frozenset({"duration_s", "mean_s", "upper_s"})
_DIGITS = re.compile(r"[0-9]{1,20}")
_MISSING = frozenset({"", "nan", "none", "null", "<na>", "nat"})
_CHOICES = {"outcome": OUTCOMES, "kind": _KINDS, "role": ROLES}
_HINT = "correct the line or remove it; docs/how-to/other-sources.md shows the columns"


def recognises(head: str) -> bool:
    """Return whether the first line that is no comment names ``size_bytes`` and a duration among known columns."""
    return _header(_lines(head)[:200]) is not None


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read a row a line; a line that cannot be read is rejected alone."""
    lines = _lines(text)
    found = _header(lines)
    if found is None:
        return []
    start, delimiter, names = found
    for name in names:
        if name and name not in RUNS.names:
            hint = suggest_similar(name, RUNS.names) or "its values were left out"
            reject(start + 1, f"column {name!r} is not known", hint)
    rows = []
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            rows.append({**_row(names, _split(line, delimiter)), "log_line": number})
        except (DflyError, ValueError, csv.Error) as problem:
            reject(number, _message(problem), _HINT)
    return rows


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").split("\n")


def _header(lines: Sequence[str]) -> tuple[int, str, list[str]] | None:
    at = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if at is None:
        return None
    first = lines[at].strip()
    for delimiter in _DELIMITERS:
        try:
            names = [name.strip() for name in _split(first, delimiter)]
        except csv.Error:
            return None
        if "size_bytes" in names and _MEASURES & set(names):
            return (at, delimiter, names) if len(set(names)) == len(names) else None
    return None


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r")], delimiter=delimiter, strict=True))


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if len(cells) != len(names):
        raise ValueError(f"{len(cells)} values under {len(names)} names")
    named = [(name, cell.strip()) for name, cell in zip(names, cells, strict=True) if name in _READERS]
    row: dict[str, Any] = {name: _value(name, cell) for name, cell in named if cell.lower() not in _MISSING}
    if not _MEASURES & row.keys():
        raise ValueError("no duration is given")
    row.setdefault("tool", "csv")
    row.setdefault("kind", "sample" if "duration_s" in row else "histogram" if "upper_s" in row else "aggregate")
    if row["kind"] == "sample":
        row.setdefault("outcome", "ok")
        row.setdefault("n", 1)
    return row


def _value(name: str, cell: str) -> Any:
    try:
        return _READERS[name](cell)
    except (DflyError, ValueError, OverflowError) as problem:
        raise ValueError(f"{name}: {_message(problem)}") from problem


def _message(problem: Exception) -> str:
    return problem.message if isinstance(problem, DflyError) else str(problem)


def _seconds(cell: str) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        return parse_duration(cell)
    if not seconds >= 0:
        raise ValueError(f"{cell!r} is not a duration")
    return seconds


def _bytes(cell: str) -> int:
    try:
        return _count(cell)
    except ValueError:
        return _integer(parse_size(cell))


def _count(cell: str) -> int:
    return _integer(int(cell) if _DIGITS.fullmatch(cell) else float(cell))


def _integer(number: float) -> int:
    if not (math.isfinite(number) and 0 <= number < 2**63):
        raise ValueError(f"{number} is not a count")
    return int(number) if isinstance(number, int) else round(number)


def _choose(known: Sequence[str], cell: str) -> str:
    if cell not in known:
        hint = suggest_similar(cell, known) or f"it is one of {', '.join(known)}"
        raise ValueError(f"{cell!r} is not known: {hint}")
    return cell


def _reader(name: str, dtype: str) -> Callable[[str], Any]:
    if name in _CHOICES:
        return partial(_choose, _CHOICES[name])
    if "bytes" in name:
        return _bytes
    return {TIME: parse_timestamp, FLOAT: _seconds, INTEGER: _count}.get(dtype, redact)


_READERS: Mapping[str, Callable[[str], Any]] = {
    column.name: _reader(column.name, column.dtype) for column in RUNS.columns if column.name not in _PLACE
}
