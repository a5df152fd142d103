"""What ``vegeta report -type=json`` prints: one object a report, nanoseconds throughout."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from dfly_analysis.readers.benchmarks.parsing import Reject, parse_timestamp

_NANOSECONDS = 1e9
_LATENCIES = {"min": "min_s", "mean": "mean_s", "50th": "p50_s", "95th": "p95_s", "99th": "p99_s", "max": "max_s"}
_BEGINS = re.compile(r'\s*\{\s*"latencies"\s*:\s*\{')
_HINT = "print it anew with vegeta report -type=json"


def recognises(head: str) -> bool:
    """Return whether a text begins with vegeta's report in JSON."""
    return _BEGINS.match(head) is not None and '"bytes_in"' in head and '"requests"' in head


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read the reports, one after another, and the buckets of those that have some."""
    rows: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(), 0
    while match := _BEGINS.search(text, at):
        start = match.end() - len(match[0].lstrip())
        line = text.count("\n", 0, start) + 1
        try:
            content, at = decoder.raw_decode(text, start)
            rows += [{**row, "log_line": line} for row in _rows(content)]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
            reject(line, f"is not vegeta's report: {problem or type(problem).__name__}", _HINT)
            at = max(match.end(), getattr(problem, "pos", 0))  # what is nested in it is no report of its own
    return rows


def _rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    requests, success = int(content["requests"]), float(content["success"])
    codes = content.get("status_codes") or {}
    failures = round(requests * (1 - success))
    if codes:
        failures = sum(int(count) for code, count in codes.items() if not 200 <= int(code) < 400)
    seconds = {name: float(content["latencies"][key]) / _NANOSECONDS for key, name in _LATENCIES.items() if key in content["latencies"]}  # fmt: skip
    report = {
        "tool": "vegeta", "kind": "aggregate", "n": requests, "failures": failures, **seconds, "started": parse_timestamp(content.get("earliest")),
        "ended": parse_timestamp(content.get("end")), "size_bytes": round(float(content["bytes_in"]["mean"])) if requests and not failures else None,
    }  # fmt: skip
    lower = sorted((float(bound), int(count)) for bound, count in (content.get("buckets") or {}).items())
    upper = [*(bound for bound, _ in lower[1:]), math.inf]
    buckets = [
        {
            "tool": "vegeta", "kind": "histogram", "n": count, "lower_s": bound / _NANOSECONDS, "upper_s": above / _NANOSECONDS,
            "mean_s": report["mean_s"], "size_bytes": report["size_bytes"],
        }
        for (bound, count), above in zip(lower, upper, strict=True)
    ]  # fmt: skip
    return [report, *buckets]
