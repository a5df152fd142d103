"""From the samples of one process to rows of `runs`: histograms become buckets, summaries aggregates, counters counts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dfly_analysis.catalog.monitoring import load_metric_names
from dfly_analysis.redaction import redact

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]  # a metric's name and its labels, sorted
_QUANTILES = {0.5: "p50_s", 0.95: "p95_s", 0.99: "p99_s"}
_MAX_COUNT = 9e18  # what a table's integers hold; infinite and NaN are not below it
_PLACES = {  # kinds of traffic, as the label `type` names them
    "BACK_TO_SOURCE": "bytes_from_source", "REMOTE_PEER": "bytes_from_parent", "LOCAL_PEER": "bytes_local",
}  # fmt: skip


@dataclass(frozen=True)
class MetricsPart:
    """What metrics held."""

    # of `dfly_analysis.schema.RUNS`; in one of kind ``histogram`` `n` durations lie above `lower_s` and at most `upper_s`
    rows: tuple[Mapping[str, Any], ...] = field(hash=False)
    versions: tuple[tuple[str, str], ...]  # component and release, such as ``("client", "v1.5.1")``
    component: str | None  # ``client``, ``scheduler`` or ``manager``; None where it is not known or there are several
    host: str | None
    lines: int = 0
    rejected: int = 0  # lines of a dump, and those that are broken; both 0 for a server


@dataclass
class _Durations:
    """The series of one histogram or summary."""

    scale: float
    buckets: list[tuple[float, float]] = field(default_factory=list)
    quantiles: dict[str, float] = field(default_factory=dict)
    total: float | None = None
    summed: float | None = None


def wanted_pattern() -> str:
    """Return a regular expression (RE2) of the names that `build_rows` looks at."""
    names = load_metric_names()
    durations = f"({'|'.join(names.durations.prefixes)}).+({'|'.join(names.durations.units)})_(bucket|sum|count)"
    return "|".join([durations, *sorted(names.counter_names)])


def is_wanted(name: str) -> bool:
    """Return whether `build_rows` looks at a metric of this name."""
    names = load_metric_names()
    return name in names.counter_names or name in names.gauges or names.scale(base_of(name)) is not None


def base_of(name: str) -> str:
    """Return a metric's name without the ending of a histogram's series."""
    return name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")


def build_rows(samples: Mapping[Series, float]) -> list[dict[str, Any]]:
    """Make rows of the samples of one process, or of what they grew by in a window."""
    samples = {series: value for series, value in samples.items() if abs(value) < _MAX_COUNT}
    rows: list[dict[str, Any]] = []
    for (base, labels), observed in sorted(_durations(samples).items(), key=lambda item: item[0]):
        known = observed.total and observed.summed is not None
        mean_s = observed.summed / observed.total * observed.scale if known else None  # type: ignore[operator]
        common = {
            "tool": "prometheus", "metric": base, "label": label_of(labels), "mean_s": mean_s, **_sizes(labels),
            "outcome": load_metric_names().outcomes.get(base),
        }  # fmt: skip
        if observed.buckets:
            rows += [{**common, **bucket} for bucket in _bucket_rows(observed)]
        elif observed.total:
            rows.append({**common, "kind": "aggregate", "n": round(observed.total), **observed.quantiles})
    return [*rows, *_counter_rows(samples)]


def label_of(labels: Labels) -> str | None:
    """Print labels for people; empty ones are left out."""
    return redact(" ".join(f"{name}={value}" for name, value in labels if value)) or None


def _durations(samples: Mapping[Series, float]) -> dict[Series, _Durations]:
    found: dict[Series, _Durations] = {}
    for (name, labels), value in samples.items():
        base, _, ending = name.rpartition("_")
        if ending not in ("bucket", "sum", "count"):
            base, ending = name, "quantile"
        scale = load_metric_names().scale(base)
        if scale is None:
            continue
        bare = tuple(pair for pair in labels if pair[0] not in ("le", "quantile"))
        observed = found.setdefault((base, bare), _Durations(scale))
        bound = _number(dict(labels).get("le" if ending == "bucket" else "quantile"))
        if ending == "sum":
            observed.summed = value
        elif ending == "count":
            observed.total = value
        elif ending == "bucket" and not math.isnan(bound):
            observed.buckets.append((bound, value))
        elif bound in _QUANTILES:
            observed.quantiles[_QUANTILES[bound]] = value * scale
    return found


def _number(text: str | None) -> float:
    try:
        return float(text or math.nan)
    except ValueError:
        return math.nan


def _bucket_rows(observed: _Durations) -> Iterator[dict[str, Any]]:
    buckets = sorted(observed.buckets)
    if observed.total is not None and buckets[-1][0] < math.inf:
        buckets.append((math.inf, observed.total))
    lower, below = 0.0, 0.0
    for upper, cumulative in buckets:
        if cumulative < below:
            continue  # a torn bound: what lies under it is counted with the next one
        if count := round(cumulative - below):
            bounds = {"lower_s": lower * observed.scale, "upper_s": upper * observed.scale}
            yield {"kind": "histogram", "n": count, **bounds}
        lower, below = upper, cumulative


def _sizes(labels: Labels) -> dict[str, int]:
    level, bounds = dict(labels).get("task_size_level", ""), [0, 1, *load_metric_names().size_bounds]
    if not level.isascii() or not level.isdigit() or int(level) >= len(bounds):
        return {}
    lower, *upper = bounds[int(level) : int(level) + 2]
    return {"size_lower_bytes": lower, **({"size_upper_bytes": upper[0]} if upper else {})}


def _counter_rows(samples: Mapping[Series, float]) -> Iterator[dict[str, Any]]:
    counters = {series: value for series, value in samples.items() if value >= 0}
    total_of = {failed: total for total, failed in load_metric_names().failed_of.items() if failed}
    wanted = load_metric_names().counter_names
    observed = {(total_of.get(name, name), labels) for name, labels in counters if name in wanted}
    for name, labels in sorted(observed):
        failed = load_metric_names().failed_of[name]
        total = counters.get((name, labels))
        failures = counters.get((failed, labels), None if total is None else 0.0) if failed else None
        if total or failures:
            place = _PLACES.get(dict(labels).get("type", ""))
            yield {
                "tool": "prometheus", "kind": "counter", "metric": name, "label": label_of(labels), "n": None if total is None else round(total),
                "failures": None if failures is None else round(failures),
                **({place: round(total)} if place and total and name.endswith("traffic") else {}),
            }  # fmt: skip
    for (name, labels), value in sorted(counters.items()):
        if name in load_metric_names().gauges:
            yield {"tool": "prometheus", "kind": "gauge", "metric": name, "label": label_of(labels), "n": int(value)}
