"""What ``vegeta report`` prints as text, and its histograms; proxy-bench of perf-tests printed the same."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.benchmarks.parsing import Reject
from dfly_analysis.redaction import redact
from dfly_analysis.units import parse_duration, parse_size

_REQUESTS = re.compile(r"^Requests\s+\[total, rate(?:, throughput)?\]\s+\d")
_LINE = re.compile(
    r"^(?P<name>Requests|Latencies|Bytes In|Success|Status Codes)\s+\[(?P<columns>[^\]]+)\]\s+(?P<cells>\S.*)$"
)
_HISTOGRAM = re.compile(r"^Bucket\s+#\s+%\s+Histogram\s*$")
_BUCKET = re.compile(r"^\[(?P<lower>[^,\]\s]+),\s*(?P<upper>[^\]\s]+)\]\s+(?P<n>\d{1,15})\s+[\d.]+%")
_SETTINGS = re.compile(r"^mode=\w+ .*\brate=")
_LATENCIES = {"min": "min_s", "mean": "mean_s", "50": "p50_s", "95": "p95_s", "99": "p99_s", "max": "max_s"}
_HINT = "print the report anew with vegeta report"


def recognises(head: str) -> bool:
    """Return whether a text holds the first line of a report, or the heading of a histogram."""
    return any(_REQUESTS.match(line) or _HISTOGRAM.match(line) for line in head.splitlines())


def read(text: str, reject: Reject) -> list[dict[str, Any]]:
    """Read reports and histograms; ``mode=…`` lines of proxy-bench before them are their settings."""
    rows: list[dict[str, Any]] = []
    report: dict[str, Any] = {}
    settings, bucketing = None, False
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.rstrip()
        bucket = _BUCKET.match(bare) if bucketing else None
        match = _LINE.match(bare)
        try:
            if _SETTINGS.match(bare):
                settings = redact(bare)
            elif bucket:
                rows.append({**_bucket(bucket), "settings": settings, "log_line": number})
            elif match and (match["name"] == "Requests" or report):
                if match["name"] == "Requests":
                    report = {}
                    counted = _fields("Requests", _cells(match), report)
                    report = {
                        "tool": "vegeta",
                        "kind": "aggregate",
                        **counted,
                        "settings": settings,
                        "log_line": number,
                    }
                    rows.append(report)
                else:
                    report.update(_fields(match["name"], _cells(match), report))
        except (DflyError, ValueError, KeyError, OverflowError) as problem:
            reject(number, f"is not a line of vegeta's report: {problem}", _HINT)
        bucketing = _HISTOGRAM.match(bare) is not None or bucket is not None
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
    if name == "Requests":
        return {"n": int(cells["total"])}
    if name == "Latencies":
        return {column: parse_duration(cells[key]) for key, column in _LATENCIES.items() if key in cells}
    if name == "Bytes In":
        return {"size_bytes": parse_size(cells["mean"])}
    if name == "Success":
        share = float(cells["ratio"].removesuffix("%")) / 100
        failures = round(report["n"] * (1 - share)) if 0 <= share <= 1 else None
        # The mean of bytes counts failed requests in, so it is the object's size only where none failed.
        return {"failures": failures, **({} if failures == 0 else {"size_bytes": None})}
    failed = sum(
        int(count) for code, count in cells.items() if not 200 <= int(code) < 400
    )  # exact; the share is rounded
    return {"failures": failed, **({"size_bytes": None} if failed else {})}


def _bucket(match: re.Match[str]) -> dict[str, Any]:
    upper = math.inf if match["upper"] == "+Inf" else parse_duration(match["upper"])
    return {
        "tool": "vegeta", "kind": "histogram", "label": f"[{match['lower']}, {match['upper']})", "n": int(match["n"]),
        "lower_s": parse_duration(match["lower"]), "upper_s": upper,
    }  # fmt: skip
