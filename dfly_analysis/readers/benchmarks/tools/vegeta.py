"""What vegeta prints: reports as text (as proxy-bench of perf-tests did too) and JSON, histograms, and ``vegeta encode``'s requests."""

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.benchmarks.parsing import Reject, parse_timestamp
from dfly_analysis.readers.jobs import bare_url
from dfly_analysis.redaction import redact
from dfly_analysis.units import parse_duration, parse_size

_NANOSECONDS = 1e9
_LATENCIES = {"min": "min_s", "mean": "mean_s", "50": "p50_s", "95": "p95_s", "99": "p99_s", "max": "max_s"}
_REQUESTS = re.compile(r"^Requests\s+\[total, rate(?:, throughput)?\]\s+\d")
_LINE = re.compile(
    r"^(?P<name>Requests|Latencies|Bytes In|Success|Status Codes)\s+\[(?P<columns>[^\]]+)\]\s+(?P<cells>\S.*)$"
)
_HISTOGRAM = re.compile(r"^Bucket\s+#\s+%\s+Histogram\s*$")
_BUCKET = re.compile(r"^\[(?P<lower>[^,\]\s]+),\s*(?P<upper>[^\]\s]+)\]\s+(?P<n>\d{1,15})\s+[\d.]+%")
_SETTINGS = re.compile(r"^mode=\w+ .*\brate=")
_JSON_REPORT = re.compile(r'\{\s*"latencies"\s*:\s*\{')
_KEYS = ('"attack"', '"code"', '"timestamp"', '"latency"', '"bytes_in"')
_CSV = re.compile(r"^(?P<time>\d{19}),\d{1,3},\d{1,18},\d+,\d+,")
_CSV_COLUMNS = ("timestamp", "code", "latency", "bytes_out", "bytes_in", "error", "body", "attack", "seq", "method", "url")  # fmt: skip
_FAILURES = (
    ("timeout", re.compile(r"timeout|deadline exceeded|timed out", re.IGNORECASE)),
    ("reset", re.compile(r"connection reset|\bEOF\b|broken pipe|connection refused", re.IGNORECASE)),
)
_BROKEN = (DflyError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error)


def recognises(head: str) -> bool:
    """Return whether a text holds a report, a histogram or requests of vegeta."""
    return any(_readers(head))


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read reports, histograms and requests, whichever the text's beginning shows."""
    return [row for reader in _readers(text[:65536]) for row in reader(text, reject)]


def _readers(head: str) -> Iterable[Callable[[str, Reject], list[dict[str, Any]]]]:
    if any(_REQUESTS.match(line) or _HISTOGRAM.match(line) for line in head.splitlines()):
        yield _read_text_reports
    stripped = head.lstrip()
    if _JSON_REPORT.match(stripped) and '"bytes_in"' in head and '"requests"' in head:
        yield _read_json_reports
    first = stripped.split("\n", 1)[0]
    if _CSV.match(first) or (first.startswith("{") and all(key in first for key in _KEYS)):
        yield _read_requests


def _reject(reject: Reject, line: int, what: str, command: str, problem: Exception) -> None:
    reject(line, f"is not {what} of vegeta: {problem or type(problem).__name__}", f"run {command} again and save its output")  # fmt: skip


def _count_failures(codes: Mapping[str, Any]) -> int:
    return sum(int(count) for code, count in codes.items() if not 200 <= int(code) < 400)


def _read_text_reports(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read reports and histograms; ``mode=…`` lines of proxy-bench before them are their settings."""
    rows: list[dict[str, Any]] = []
    report: dict[str, Any] = {}
    settings, in_histogram = None, False
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.rstrip()
        bucket = _BUCKET.match(bare) if in_histogram else None
        try:
            if _SETTINGS.match(bare):
                settings = redact(bare)
            elif bucket:
                rows.append({**_bucket(bucket), "settings": settings, "log_line": number})
            elif (match := _LINE.match(bare)) and match["name"] == "Requests":
                report = {}
                n = int(_cells(match)["total"])
                report = {"tool": "vegeta", "kind": "aggregate", "n": n, "settings": settings, "log_line": number}
                rows.append(report)
            elif match and report:
                report.update(_fields(match["name"], _cells(match), report))
        except _BROKEN as problem:
            _reject(reject, number, "a line of a report", "vegeta report", problem)
        in_histogram = _HISTOGRAM.match(bare) is not None or bucket is not None
    return rows


def _cells(match: re.Match[str]) -> Mapping[str, str]:
    if match["name"] == "Status Codes":
        return {code: count for code, _, count in (part.partition(":") for part in match["cells"].split())}
    names = [name.strip() for name in match["columns"].split(",")]
    cells = [cell.strip() for cell in match["cells"].split(",")]
    if len(names) != len(cells):
        raise ValueError(f"{len(cells)} values for {len(names)} names")
    return dict(zip(names, cells, strict=True))


def _fields(name: str, cells: Mapping[str, str], report: Mapping[str, Any]) -> dict[str, Any]:
    if name == "Latencies":
        return {column: parse_duration(cells[key]) for key, column in _LATENCIES.items() if key in cells}
    if name == "Bytes In":
        return {"size_bytes": parse_size(cells["mean"])}
    if name == "Success":  # a rounded share; the status codes that follow are exact
        share = float(cells["ratio"].removesuffix("%")) / 100
        failures = round(report["n"] * (1 - share)) if 0 <= share <= 1 else None
    else:
        failures = _count_failures(cells)
    # The mean of bytes includes failed requests, so it is the object's size only where none failed.
    return {"failures": failures, **({} if failures == 0 else {"size_bytes": None})}


def _bucket(match: re.Match[str]) -> dict[str, Any]:
    upper = math.inf if match["upper"] == "+Inf" else parse_duration(match["upper"])
    return {
        "tool": "vegeta", "kind": "histogram", "label": f"[{match['lower']}, {match['upper']})", "n": int(match["n"]),
        "lower_s": parse_duration(match["lower"]), "upper_s": upper,
    }  # fmt: skip


def _read_json_reports(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read the reports, one after another, and the buckets of those that have some."""
    rows: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(), 0
    while match := _JSON_REPORT.search(text, at):
        line = text.count("\n", 0, match.start()) + 1
        try:
            content, at = decoder.raw_decode(text, match.start())
            rows += [{**row, "log_line": line} for row in _report_rows(content)]
        except _BROKEN as problem:
            _reject(reject, line, "a JSON report", "vegeta report -type=json", problem)
            at = max(match.end(), getattr(problem, "pos", 0))  # what is nested in it is no report of its own
    return rows


def _report_rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    requests, success = int(content["requests"]), float(content["success"])
    codes = content.get("status_codes") or {}
    failures = _count_failures(codes) if codes else round(requests * (1 - success))
    latencies = {key.removesuffix("th"): value for key, value in content["latencies"].items()}
    report = {
        "tool": "vegeta", "kind": "aggregate", "n": requests, "failures": failures,
        **{name: float(latencies[key]) / _NANOSECONDS for key, name in _LATENCIES.items() if key in latencies},
        "started": parse_timestamp(content.get("earliest")), "ended": parse_timestamp(content.get("end")),
        "size_bytes": round(float(content["bytes_in"]["mean"])) if requests and not failures else None,
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


def _read_requests(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read a request a line. The size of a failed one is that of the successful ones of its URL."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            is_csv = _CSV.match(line)
            request = dict(zip(_CSV_COLUMNS, next(csv.reader([line])), strict=False)) if is_csv else json.loads(line)
            rows.append({**_request(request), "log_line": number})
        except _BROKEN as problem:
            _reject(reject, number, "a request", "vegeta encode", problem)
    sizes: dict[str, Counter[int]] = {}
    for row in rows:
        if row["outcome"] == "ok":
            sizes.setdefault(row["label"], Counter())[row["size_bytes"]] += 1
    for row in rows:
        if row["outcome"] != "ok":
            observed = sizes.get(row["label"], Counter())
            row["size_bytes"] = next(iter(observed)) if len(observed) == 1 else None
    return rows


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    code, latency_ns, error = int(request["code"]), int(request["latency"]), str(request.get("error") or "")
    if latency_ns < 0:
        raise ValueError("its latency is negative")
    time = str(request["timestamp"])
    if time.isdigit():
        time = datetime.fromtimestamp(int(time) / _NANOSECONDS, UTC).isoformat()
    failure = next((name for name, pattern in _FAILURES if pattern.search(error)), "origin" if code >= 400 else "unknown")  # fmt: skip
    url = bare_url(str(request.get("url") or ""))
    return {
        "tool": "vegeta", "kind": "sample", "label": url or None, "n": 1, "size_bytes": int(request["bytes_in"]), "duration_s": latency_ns / _NANOSECONDS,
        "outcome": "ok" if 200 <= code < 400 and not error else failure, "started": parse_timestamp(time),
    }  # fmt: skip
