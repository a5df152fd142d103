"""Reads the text a component's ``/metrics`` answers with, saved in a file."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dfly_analysis.readers.prometheus.families import MetricsPart, Series, base_of, build_rows, is_wanted, label_of

_COMMENT = re.compile(r"#\s(?:HELP|TYPE|EOF|UNIT)\b")
_LABELS = r'\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*")*\}'
_SAMPLE = re.compile(
    rf"[A-Za-z_:][\w:]*+(?:{_LABELS})?\s++(?:[+-]?(?:[\d.]++(?:[eE][+-]?\d++)?|Inf)|NaN)(?:\s++-?\d++)?\s*+(?:#.*)?$"
)
_TYPED = re.compile(r"(?m)^# TYPE [A-Za-z_:][\w:]*+ (?:counter|gauge|histogram|summary|untyped|unknown|info)\s*$")
_OURS = re.compile(r"^dragonfly_(?:client|scheduler|manager|dfdaemon)_\w+[{ ]", re.MULTILINE)
_VERSION = re.compile(r"dragonfly_(client|scheduler|manager)_version")
_OF_COMPONENT = re.compile(r"(?:dragonfly_)?(client|scheduler|manager)_")
_EXEMPLAR = re.compile(r"\s#\s\{.*")
_STARTED: Series = ("process_start_time_seconds", ())
_CONTAINER_FOLDERS = frozenset({"var", "log", "logs", "dragonfly", "tmp", "metrics", "etc"})
_MIN_SHARE = 0.8


def recognises(head: str) -> bool:
    """Return whether a text is Prometheus' text format: nearly all lines are samples or its comments, some say so."""
    lines = [line for line in head.split("\n")[:400] if line.strip()]
    lines = lines[:-1] if len(lines) > 1 and not head.endswith("\n") else lines  # the head may end in a line's middle
    fitting = sum(bool(_COMMENT.match(line) or _SAMPLE.match(line)) for line in lines)
    is_metrics = _TYPED.search(head) or re.match(r"# (?:HELP|TYPE) [A-Za-z_:]", head) or _OURS.search(head)
    return is_metrics is not None and fitting >= _MIN_SHARE * len(lines)


def read_metrics(text: str, address: str) -> MetricsPart:
    """Read a dump, or several of one host one after another, of which the newest of each process counts."""
    processes, lines, rejected = _processes(text)
    versions = versions_of(series for samples in processes for series in samples)
    component = _component(frozenset(name for samples in processes for name, _ in samples))
    host = _host(address)
    role = "seedClient" if component == "client" and "seed" in (host or "").lower() else component
    rows = []
    for samples in processes:
        places = _places(samples)
        started_s = samples.get(_STARTED, (0.0, 0))[0]
        started = datetime.fromtimestamp(started_s, UTC) if 0 < started_s < 7e9 else None
        common = {"host": host, "role": role, "started": started, "log_path": address}
        result = build_rows({series: value for series, (value, _) in samples.items()})
        rows += [{**row, **common, "log_line": places.get((row["metric"], row["label"]), 1)} for row in result]
    return MetricsPart(tuple(rows), versions, component, host, lines, rejected)


def _processes(text: str) -> tuple[list[dict[Series, tuple[float, int]]], int, int]:
    """Return the samples of each process with their lines, how many lines there are, and how many are broken."""
    dumps: list[dict[Series, tuple[float, int]]] = [{}]
    lines, rejected = text.split("\n"), 0
    count = len(lines) - (not lines[-1])
    for number, line in enumerate(lines[:count], start=1):
        if not line.strip() or _COMMENT.match(line):
            continue
        sample = _sample(line)
        if sample is None:
            rejected += 1
            continue
        series, value = sample
        if is_wanted(series[0]) or series == _STARTED or _VERSION.fullmatch(series[0]):
            if series in dumps[-1]:  # the next dump has begun
                dumps.append({})
            dumps[-1][series] = (value, number)
    merged: dict[float | None, dict[Series, tuple[float, int]]] = {}
    current = None
    for samples in reversed(dumps):  # a process tells its start near the end of its dump
        current = samples[_STARTED][0] if _STARTED in samples else current
        merged[current] = {**samples, **merged.get(current, {})}
    return list(reversed(merged.values())), count, rejected


def _sample(line: str) -> tuple[Series, float] | None:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        found = next(iter(text_string_to_metric_families(_EXEMPLAR.sub("", line) + "\n"))).samples[0]
        value = float(found.value)
    except (ValueError, IndexError, KeyError, StopIteration, OverflowError):
        return None
    if not math.isfinite(value) and "quantile" not in found.labels:
        return None
    return (found.name, tuple(sorted(found.labels.items()))), value


def _places(samples: Mapping[Series, tuple[float, int]]) -> dict[tuple[str, str | None], int]:
    places: dict[tuple[str, str | None], int] = {}
    for (name, labels), (_, number) in samples.items():
        bare = tuple(pair for pair in labels if pair[0] not in ("le", "quantile"))
        for base in {name, base_of(name)}:
            key = (base, label_of(bare))
            places[key] = min(places.get(key, number), number)
    return places


def versions_of(series: Iterable[Series]) -> tuple[tuple[str, str], ...]:
    """Return component and release of each version gauge. A manager or scheduler that was built without its commit shows a default as its release; a client, built from a crate, its own."""
    found = set()
    for name, labels in series:
        match, label_values = _VERSION.fullmatch(name), dict(labels)
        release = label_values.get("git_version", "").removeprefix("v")
        if match and release and (match[1] == "client" or label_values.get("git_commit") != "unknown"):
            found.add((match[1], f"v{release}"))
    return tuple(sorted(found))


def _component(names: frozenset[str]) -> str | None:
    # A manager exports the scheduler's counters as well: the gauge of the release decides where there is one.
    for pattern in (_VERSION, _OF_COMPONENT):
        found = {match[1] for name in names if (match := pattern.match(name))}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _host(address: str) -> str | None:
    *folders, name = [part for part in re.split(r"[/!\\]", address) if part] or [""]
    stem = re.sub(r"\.(?:txt|prom|metrics|out|log)$", "", name)
    stem = re.sub(r"[-_.]?metrics(?:[-_.]?\d+)?$|[-_.]metrics[-_.]?", "", stem)
    if stem and stem != "-":
        return stem
    ours = (folder for folder in reversed(folders) if folder.lower() not in _CONTAINER_FOLDERS)
    return next((folder for folder in ours if not re.search(r"\.(?:tar|tgz|zip|gz)", folder)), None)


def newest_dumps(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out the rows of older dumps of the same process, whose counts the newer one holds too."""
    kept = list(rows)
    counted: dict[tuple[Any, ...], dict[Any, int]] = {}
    for row in kept:
        if (process := _process(row)) is not None:
            counts = counted.setdefault(process, {})
            number = 0 if row.get("kind") == "gauge" else row.get("n") or 0  # a gauge may fall
            counts[row["log_path"]] = counts.get(row["log_path"], 0) + number
    newest = {process: max(counts, key=lambda path: (counts[path], path)) for process, counts in counted.items()}
    return [row for row in kept if _process(row) is None or newest[_process(row) or ()] == row["log_path"]]


def _process(row: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if row.get("tool") != "prometheus" or row.get("ended") is not None or not row.get("host"):
        return None
    return (row["host"], row.get("role"), row.get("started"))
