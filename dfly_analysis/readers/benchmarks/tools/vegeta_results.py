"""What ``vegeta encode`` writes, JSON lines or CSV: one request a line, nanoseconds throughout."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dfly_analysis.readers.benchmarks.parsing import Reject, parse_timestamp
from dfly_analysis.redaction import redact

_NANOSECONDS = 1e9
_KEYS = ('"attack"', '"code"', '"timestamp"', '"latency"', '"bytes_in"')
_CSV = re.compile(r"^(?P<time>\d{19}),\d{1,3},\d{1,18},\d+,\d+,")
_CSV_COLUMNS = (
    "timestamp",
    "code",
    "latency",
    "bytes_out",
    "bytes_in",
    "error",
    "body",
    "attack",
    "seq",
    "method",
    "url",
)
_ENDINGS = (
    ("timeout", re.compile(r"timeout|deadline exceeded|timed out", re.IGNORECASE)),
    ("reset", re.compile(r"connection reset|\bEOF\b|broken pipe|connection refused", re.IGNORECASE)),
)
_HINT = "write it anew with vegeta encode"


def recognises(head: str) -> bool:
    """Return whether the first line of a text is one request of vegeta's."""
    first = head.lstrip().split("\n", 1)[0]
    if _CSV.match(first):
        return True
    return first.startswith("{") and all(key in first for key in _KEYS)


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read a request a line. What a failed one should have fetched is taken from those of its URL that went well."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            result = _csv(line) if _CSV.match(line) else json.loads(line)
            rows.append({**_row(result), "log_line": number})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error) as problem:
            reject(number, f"is not a result of vegeta's: {problem or type(problem).__name__}", _HINT)
    sizes: dict[str, Counter[int]] = {}
    for row in rows:
        if row["outcome"] == "ok":
            sizes.setdefault(row["label"], Counter())[row["size_bytes"]] += 1
    for row in rows:
        if row["outcome"] != "ok":
            observed = sizes.get(row["label"], Counter())
            row["size_bytes"] = next(iter(observed)) if len(observed) == 1 else None
    return rows


def _csv(line: str) -> Mapping[str, Any]:
    cells = next(csv.reader([line]))
    return dict(zip(_CSV_COLUMNS, cells, strict=False))


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    code, latency_ns, error = int(result["code"]), int(result["latency"]), str(result.get("error") or "")
    if latency_ns < 0:
        raise ValueError("its latency is negative")
    time = str(result["timestamp"])
    if time.isdigit():
        time = datetime.fromtimestamp(int(time) / _NANOSECONDS, UTC).isoformat()
    return {
        "tool": "vegeta", "kind": "sample", "label": _address(result.get("url")), "n": 1,
        "size_bytes": int(result["bytes_in"]), "duration_s": latency_ns / _NANOSECONDS, "outcome": _outcome(code, error), "started": parse_timestamp(time),
    }  # fmt: skip


def _address(url: object) -> str | None:
    # JSON may name half a character by its number, which no table takes.
    return redact(str(url or "")).split("?", 1)[0].encode("utf-8", "replace").decode("utf-8") or None


def _outcome(code: int, error: str) -> str:
    if 200 <= code < 400 and not error:
        return "ok"
    ending = next((name for name, pattern in _ENDINGS if pattern.search(error)), None)
    return ending or ("origin" if code >= 400 else "unknown")
