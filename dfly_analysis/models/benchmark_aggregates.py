"""What rows of benchmarks state of single downloads: exact times, lower bounds, ranges, and minimum, mean and maximum of several."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.models.distribution import Array

_QUANTILES = (("p50_s", 0.5), ("p95_s", 0.95), ("p99_s", 0.99))
_COLUMNS = [
    "kind", "outcome", "log_path", "size_bytes", "n", "min_s", "mean_s", "max_s", *(name for name, _ in _QUANTILES), "failures",
    "duration_s", "timeout_s", "lower_s", "upper_s",
]  # fmt: skip
_TINY = 1e-12
EXACT, BOUND, RANGE, EXTREMES = range(4)
_Times = tuple[int, float, float, float, float]


class Statements(NamedTuple):
    """What rows state, one entry each: ``n`` downloads took ``low_s``, or from there to ``high_s``, which are the shortest and longest of `EXTREMES`."""

    row: Array
    size_bytes: Array
    kind: Array
    n: Array
    low_s: Array
    high_s: Array
    others_s: Array  # of `EXTREMES`, the mean of those between

    def log_likelihood(self, theta: Array) -> Array:
        """Return the log likelihood of each statement; ``theta`` has the logs of overhead, throughput and spread."""
        centre = np.log(np.exp(theta[0]) + self.size_bytes / np.exp(theta[1]))
        spread = float(np.exp(np.clip(theta[2], -8.0, 4.0)))
        with np.errstate(all="ignore"):
            low, high = ((np.log(edge) - centre) / spread for edge in (self.low_s, self.high_s))
            exact = -0.5 * low * low - np.log(spread)
            beyond = special.log_ndtr(-low)
            ranges = beyond + np.log(-np.expm1(np.minimum(special.log_ndtr(-high) - beyond, -_TINY)))
            extremes = self._of_extremes(centre, spread, low, high)
        return np.select([self.kind == EXACT, self.kind < EXTREMES], [self.n * exact, self.n * ranges], extremes)

    def _of_extremes(self, centre: Array, spread: float, low: Array, high: Array) -> Array:
        """Return the joint one of minimum and maximum, and of the mean of the others, which is nearly normal between the two."""
        between = np.maximum(special.ndtr(high) - special.ndtr(low), _TINY)
        ends = -0.5 * (low**2 + high**2) - 2.0 * np.log(spread) + (self.n - 2.0) * np.log(between)
        mean, square = (
            np.exp(k * centre + 0.5 * (k * spread) ** 2) * (special.ndtr(high - k * spread) - special.ndtr(low - k * spread)) / between
            for k in (1.0, 2.0)
        )  # fmt: skip
        mean = np.maximum(mean, _TINY)
        variance = np.maximum(square - mean**2, (1e-3 * mean) ** 2) / np.maximum(self.n - 2.0, 1.0)
        middle = -0.5 * (self.others_s - mean) ** 2 / variance - 0.5 * np.log(variance) + np.log(self.high_s)
        return np.asarray(ends + np.where((self.n > 2) & np.isfinite(self.others_s), middle, 0.0))


class Summaries(NamedTuple):
    """All that rows of one benchmark state."""

    statements: Statements
    n: int  # downloads
    n_failed: int  # those known to have failed
    n_bounds: int  # failed ones that enter as lower bounds, since the time they ran is known
    hidden: bool  # whether some row does not show its failures


def read_summaries(runs: pd.DataFrame) -> Summaries:
    """Read rows of one benchmark, of `dfly_analysis.schema.RUNS`, without those that have no size or no time."""
    frame = _rows_with_size(runs)
    rows: Any = frame.astype(object).replace({pd.NA: None, np.nan: None}).to_dict("records")
    stated = [(place, row["size_bytes"], *times) for place, row in enumerate(rows) for times in _times(row)]
    statements = Statements(*np.array(stated, dtype=float).reshape(-1, len(Statements._fields)).T)
    is_sample, is_aggregate = frame["kind"].eq("sample"), frame["kind"].eq("aggregate")
    n = frame["n"].astype(float).mask(is_aggregate & ~frame["n"].gt(0.0), 1.0).mask(is_sample, 1.0)
    failed = (
        frame["failures"].astype(float).where(is_aggregate).fillna(0.0).sum()
        + (is_sample & ~frame["outcome"].fillna("ok").eq("ok")).sum()
    )
    bounds = statements.n[statements.kind == BOUND].sum()
    hidden = bool((is_aggregate & frame["failures"].isna()).any())
    return Summaries(statements, int(n.fillna(0.0).sum()), int(failed), int(bounds), hidden)


def _times(row: dict[str, Any]) -> Iterator[_Times]:
    """Yield what a row states, as `Statements` has it from ``kind`` on."""
    if row["kind"] == "sample":
        ok = row["outcome"] in (None, "ok")
        time = row["duration_s"] if ok or not row["timeout_s"] else row["timeout_s"]
        if time and time > 0 and row["outcome"] != "unknown":
            yield EXACT if ok else BOUND, 1.0, time, np.inf, np.nan
    elif row["kind"] == "histogram":
        yield RANGE, row["n"] or 0.0, row["lower_s"] or 0.0, row["upper_s"] or np.inf, np.nan
    else:
        failed = row["failures"] or 0.0
        if failed and row["timeout_s"]:
            yield BOUND, failed, row["timeout_s"], np.inf, np.nan
        yield from _times_of_aggregate(row, (row["n"] or 1.0) - failed)


def _times_of_aggregate(row: dict[str, Any], count: float) -> Iterator[_Times]:
    """Yield what an aggregate of so many finished downloads states: all of them where there are few, else bounds between which they lie."""
    low, mean, high = row["min_s"], row["mean_s"], row["max_s"]
    if count < 1:
        return
    if count == 1 or not (low and high and 0 < low < high):
        time = mean or low or high
        if time and time > 0:  # the mean of several, or all alike: one statement, for the spread is unknown
            yield EXACT, 1.0, time, np.inf, np.nan
        return
    edges = sorted({q: row[name] for name, q in _QUANTILES if row[name] and low <= row[name] <= high}.items())
    if len(edges) > 1 and count >= 20:
        probabilities, times = [0.0, *(q for q, _ in edges), 1.0], [low * 0.999, *(t for _, t in edges), high]
        for k, share in enumerate(np.diff(probabilities).tolist()):
            yield RANGE, share * count, times[k], max(times[k + 1], times[k] * 1.001), np.nan
        return
    others = (count * mean - low - high) / (count - 2) if mean and count > 2 else np.nan
    if count == 2 or (count == 3 and low <= others <= high):
        for time in (low, others, high) if count == 3 else (low, high):
            yield EXACT, 1.0, time, np.inf, np.nan
    else:
        yield EXTREMES, count, low, high, others


def _rows_with_size(runs: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a size, buckets in place of the aggregate of the same file."""
    rows = runs.reindex(columns=_COLUMNS)
    is_aggregate, is_bucket = rows["kind"].eq("aggregate"), rows["kind"].eq("histogram")
    size = rows["size_bytes"].astype(float).where(lambda size: size > 0)
    sizes = size[is_aggregate].groupby(rows["log_path"]).agg(["min", "max"])
    of_file = sizes["min"].where(sizes["min"] == sizes["max"])
    size = size.mask(is_bucket & size.isna(), rows["log_path"].map(of_file))
    bucketed = rows.loc[is_bucket & size.notna(), "log_path"].dropna()
    known = size.notna() & rows["kind"].isin(["sample", "histogram", "aggregate"])
    return rows.assign(size_bytes=size)[known & ~(is_aggregate & rows["log_path"].isin(bucketed))]
