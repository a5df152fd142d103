"""What rows of benchmarks state of single downloads: exact times, lower bounds, ranges, and minimum, mean and maximum of several."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.models.censored_data import Index
from dfly_analysis.models.distribution import Array

_QUANTILES = (("p50_s", 0.5), ("p95_s", 0.95), ("p99_s", 0.99))
_COLUMNS = [
    "kind", "outcome", "log_path", "size_bytes", "n", "min_s", "mean_s", "max_s", *(name for name, _ in _QUANTILES), "failures",
    "duration_s", "timeout_s", "lower_s", "upper_s",
]  # fmt: skip
_TINY = 1e-12


class Exact(NamedTuple):
    """Times of downloads that finished, where ``finished``, else lower bounds."""

    time_s: Array
    finished: Index
    weight: Array
    size_bytes: Array
    row: Index

    def log_likelihood(self, centre: Array, spread: float) -> Array:
        z = (np.log(self.time_s) - centre) / spread
        return np.asarray(self.weight * np.where(self.finished, -0.5 * z * z - np.log(spread), special.log_ndtr(-z)))


class Ranges(NamedTuple):
    """Numbers of downloads whose times lie above one bound and at most at another."""

    lower_s: Array
    upper_s: Array
    weight: Array
    size_bytes: Array
    row: Index

    def log_likelihood(self, centre: Array, spread: float) -> Array:
        with np.errstate(divide="ignore"):
            low, high = ((np.log(edge) - centre) / spread for edge in (self.lower_s, self.upper_s))
        return np.asarray(self.weight * np.log(np.maximum(special.ndtr(high) - special.ndtr(low), _TINY)))


class Extremes(NamedTuple):
    """Of ``n`` downloads the shortest time, the longest, and the mean of the others."""

    n: Array
    min_s: Array
    max_s: Array
    others_s: Array
    size_bytes: Array
    row: Index

    def log_likelihood(self, centre: Array, spread: float) -> Array:
        """Return the joint one of minimum and maximum, and of the mean of the others, which is nearly normal between the two."""
        low, high = ((np.log(edge) - centre) / spread for edge in (self.min_s, self.max_s))
        between = np.maximum(special.ndtr(high) - special.ndtr(low), _TINY)
        ends = -0.5 * (low**2 + high**2) - 2.0 * np.log(spread) + (self.n - 2.0) * np.log(between)
        mean, square = (
            np.exp(k * centre + 0.5 * (k * spread) ** 2) * (special.ndtr(high - k * spread) - special.ndtr(low - k * spread)) / between
            for k in (1.0, 2.0)
        )  # fmt: skip
        mean = np.maximum(mean, _TINY)
        variance = np.maximum(square - mean**2, (1e-3 * mean) ** 2) / np.maximum(self.n - 2.0, 1.0)
        middle = -0.5 * (self.others_s - mean) ** 2 / variance - 0.5 * np.log(variance) + np.log(self.max_s)
        return np.asarray(ends + np.where((self.n > 2) & np.isfinite(self.others_s), middle, 0.0))


@dataclass(frozen=True)
class Summaries:
    """All that rows of one benchmark state."""

    exact: Exact
    ranges: Ranges
    extremes: Extremes
    n: int  # downloads
    n_failed: int  # those known to have failed
    n_bounds: int  # failed ones that enter as lower bounds, since the time they ran is known
    hidden: bool  # whether some row does not show its failures

    @property
    def sizes(self) -> Array:
        """Return the sizes of finished downloads, each once."""
        result = [self.exact.size_bytes[self.exact.finished], self.ranges.size_bytes, self.extremes.size_bytes]
        return np.unique(np.concatenate(result))

    def log_likelihood(self, centre: Array, spread: float) -> Array:
        """Return the log likelihood of each statement under log-normal times with these logs of their medians."""
        parts = np.split(centre, np.cumsum([len(self.exact.time_s), len(self.ranges.lower_s)]))
        statements: tuple[Exact | Ranges | Extremes, ...] = (self.exact, self.ranges, self.extremes)
        return np.concatenate([one.log_likelihood(part, spread) for one, part in zip(statements, parts, strict=True)])

    @property
    def statement_sizes(self) -> Array:
        """Return the size of each statement, in the order of `log_likelihood`."""
        return np.concatenate([self.exact.size_bytes, self.ranges.size_bytes, self.extremes.size_bytes])

    @property
    def statement_rows(self) -> Index:
        """Return the row of each statement, in the order of `log_likelihood`."""
        return np.concatenate([self.exact.row, self.ranges.row, self.extremes.row])


def read_summaries(runs: pd.DataFrame) -> Summaries:
    """Read rows of one benchmark, of `dfly_analysis.schema.RUNS`, without those that have no size or no time."""
    exact: list[tuple[float, bool, float, float, int]] = []
    ranges: list[tuple[float, float, float, float, int]] = []
    extremes: list[tuple[float, float, float, float, float, int]] = []
    n = failed = bounds = 0
    hidden = False
    for place, row in enumerate(_rows_with_size(runs)):
        size = row["size_bytes"]
        if row["kind"] == "sample":
            n, ok = n + 1, row["outcome"] in (None, "ok")
            failed += not ok
            time = row["duration_s"] if ok or not row["timeout_s"] else row["timeout_s"]
            if time and time > 0 and row["outcome"] != "unknown":
                bounds += not ok
                exact.append((time, ok, 1.0, size, place))
        elif row["kind"] == "histogram":
            n += int(row["n"] or 0)
            ranges.append((row["lower_s"] or 0.0, row["upper_s"] or np.inf, row["n"] or 0.0, size, place))
        else:
            count, bad = row["n"] or 1.0, row["failures"]
            hidden |= bad is None
            n, failed = n + int(count), failed + int(bad or 0)
            if bad and row["timeout_s"]:
                bounds += int(bad)
                exact.append((row["timeout_s"], False, bad, size, place))
            _add_aggregate(row, count - (bad or 0.0), place, (exact, ranges, extremes))
    return Summaries(
        Exact(*_columns(exact, (float, bool, float, float, int))),
        Ranges(*_columns(ranges, (float, float, float, float, int))),
        Extremes(*_columns(extremes, (float, float, float, float, float, int))),
        n, failed, bounds, hidden,
    )  # fmt: skip


def _columns(rows: list[Any], kinds: tuple[type, ...]) -> list[Any]:
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]


def _add_aggregate(row: dict[str, Any], count: float, place: int, to: tuple[list[Any], list[Any], list[Any]]) -> None:
    """Add what an aggregate of so many finished downloads states: all of them where there are few, else bounds between which they lie."""
    exact, ranges, extremes = to
    low, mean, high, size = row["min_s"], row["mean_s"], row["max_s"], row["size_bytes"]
    if count < 1:
        return
    if count == 1 or not (low and high and 0 < low < high):
        time = mean or low or high
        if time and time > 0:  # the mean of several, or all alike: one statement, for the spread is unknown
            exact.append((time, True, 1.0, size, place))
        return
    edges = sorted({q: row[name] for name, q in _QUANTILES if row[name] and low <= row[name] <= high}.items())
    if len(edges) > 1 and count >= 20:
        probabilities, times = [0.0, *(q for q, _ in edges), 1.0], [low * 0.999, *(t for _, t in edges), high]
        for k, share in enumerate(np.diff(probabilities).tolist()):
            ranges.append((times[k], max(times[k + 1], times[k] * 1.001), share * count, size, place))
        return
    others = (count * mean - low - high) / (count - 2) if mean and count > 2 else np.nan
    if count == 3 and low <= others <= high:
        exact.extend((time, True, 1.0, size, place) for time in (low, others, high))
    elif count == 2:
        exact.extend((time, True, 1.0, size, place) for time in (low, high))
    else:
        extremes.append((count, low, high, others, size, place))


def _rows_with_size(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield rows with a size, buckets in place of the aggregate of the same file."""
    rows: Any = runs.reindex(columns=_COLUMNS).astype(object).replace({pd.NA: None, np.nan: None}).to_dict("records")
    sized: dict[Any, set[float]] = {}
    for row in rows:
        if row["kind"] == "aggregate" and row["size_bytes"]:
            sized.setdefault(row["log_path"], set()).add(row["size_bytes"])
    bucketed = set()
    for row in rows:
        if row["kind"] == "histogram":
            own = sized.get(row["log_path"], set())
            if not row["size_bytes"] and len(own) == 1:
                row["size_bytes"] = next(iter(own))
            if row["size_bytes"] and row["log_path"] is not None:
                bucketed.add(row["log_path"])
    for row in rows:
        replaced = row["kind"] == "aggregate" and row["log_path"] in bucketed
        if row["size_bytes"] and row["kind"] in ("sample", "histogram", "aggregate") and not replaced:
            yield row
