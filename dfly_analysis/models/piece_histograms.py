"""Prometheus' histograms of piece durations as interval-censored attempts, less those that logs of the same hosts show.

A histogram observes pieces that finished, last pieces of layers among them, and not their sizes. What a client requested from the
source more often was begun and did not finish: it timed out, or was cancelled because another piece had.
"""

from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.models.censored_data import PIECE_STEP_BYTES
from dfly_analysis.models.distribution import Array
from dfly_analysis.sql_scripts import sql

PIECE_DURATION_METRIC = "dragonfly_client_download_piece_duration_milliseconds"
# Pieces of several lengths are counted together where more bytes are missing than last pieces lack.
_MOST_MISSING = 0.2
_LAST_PER_MISSING = 1.5
_USUAL_IN_FLIGHT, _PASSES = 8, 2
_REPORTED_FAILURES = """
    SELECT sum(failures)::DOUBLE FROM runs
    WHERE metric = 'dragonfly_scheduler_download_piece_finished_total' AND label LIKE '%traffic_type=BACK_TO_SOURCE%'"""


def histogram_attempts(dataset: Dataset) -> pd.DataFrame:
    """Return attempts that histograms count and logs do not show, in the columns of `weighted_attempts.PIECES_SQL`; empty without any.

    Finished ones are interval-censored by the bounds of their bucket. Of the others a share is right-censored at the piece timeout,
    the rest at the ages of the pieces in flight.
    """
    if not dataset.rows("SELECT 1 FROM runs WHERE metric = ? LIMIT 1", [PIECE_DURATION_METRIC]):
        return pd.DataFrame()
    buckets = dataset.sql(sql("models", "piece_buckets", METRIC=PIECE_DURATION_METRIC))
    counts = dataset.sql(sql("models", "piece_counts")).set_index("host")
    counts = counts.reindex(sorted({*counts.index, *buckets["host"]}))
    finished = buckets[buckets["origin"] == "source"].groupby("host")["n"].sum()
    counts["begun"] = (counts["requests"] - finished - counts["unfinished"].fillna(0.0)).clip(lower=0.0).fillna(0.0)
    shares = _shares_timed_out(dataset, counts)
    totals: dict[Any, dict[Any, float]] = counts.to_dict("index")
    parts: list[pd.DataFrame] = []
    for (host, origin), rows in ((tuple(map(str, key)), rows) for key, rows in buckets.groupby(["host", "origin"])):
        lower, upper, n = (rows[name].to_numpy(dtype=float) for name in ("lower_s", "upper_s", "n"))
        role, own = str(rows["role"].iloc[0]), totals[host]
        left, lowest, size_bytes = _not_logged(rows, own[origin], own["piece_bytes"])
        part = pd.DataFrame({"duration_s": lowest, "upper_s": upper, "weight": left, "outcome": "ok"})
        if origin == "source":
            timeout_s = own["timeout_s"] if own["timeout_s"] > 0 else _timeout_s(dataset, role, host)
            if timeout_s > 0:
                part["upper_s"] = part["upper_s"].mask(lower < timeout_s, np.minimum(upper, timeout_s))
            elif own["begun"]:  # the timeout may lie inside the last bucket
                part.loc[part.index[-1], ["upper_s", "outcome"]] = np.nan, "unknown"
            part["timeout_s"] = timeout_s
            part = pd.concat([part, _unfinished(lower, upper, n, own["begun"], shares, timeout_s)])
        parts.append(part.assign(host=host, origin=origin, role=role, size_bytes=size_bytes))
    found = pd.concat(parts) if parts else pd.DataFrame({"weight": []})
    return found[found["weight"] > 0].assign(successes_not_logged=False)


def _not_logged(rows: pd.DataFrame, counted_bytes: float, piece_bytes: float) -> tuple[Array, Array, float]:
    """Return how many pieces of each bucket no log shows, the buckets' lower ends, and the length of a piece.

    The bytes that whole pieces would have more tell of last pieces: as many lack them whole, twice as many lack half. Those between
    are taken out as the shortest, and the bucket they end in keeps only its upper bound.
    """
    n, logged = rows["n"].to_numpy(dtype=float), rows["logged"].to_numpy(dtype=float)
    total, left = max(n.sum() - logged.sum(), 0.0), np.maximum(n - logged, 0.0)
    left *= total / max(left.sum(), 1e-9)  # a duration near a bound may be counted beyond it
    lower = rows["lower_s"].to_numpy(dtype=float)
    mean_bytes = max(counted_bytes - rows["logged_bytes"].sum(), 0.0) / max(total, 1.0)
    size_bytes = piece_bytes
    if not size_bytes > 0:
        size_bytes = PIECE_STEP_BYTES * 2.0 ** max(np.ceil(np.log2(max(mean_bytes, 1.0) / PIECE_STEP_BYTES)), 0.0)
        if mean_bytes and mean_bytes < (1.0 - _MOST_MISSING) * size_bytes:
            size_bytes = mean_bytes
    short = _LAST_PER_MISSING * total * max(1.0 - mean_bytes / size_bytes, 0.0) if mean_bytes else 0.0
    before = np.cumsum(left) - left
    return left - np.clip(short - before, 0.0, left), np.where(before < short, 0.0, lower), size_bytes


def _timeout_s(dataset: Dataset, role: str, host: str) -> float:
    """Return the timeout of a piece from the source as far as the input tells it; not a number where only a default is known."""
    is_configured = any(file.role == role for file in dataset.settings.rendered)
    keys = ("download.pieceTimeout", "storage.writePieceTimeout")
    found = [dataset.settings.get(key, role, host) for key in keys]
    if not is_configured and found[0].layer in ("binary", "unknown"):
        return np.nan
    return min((one.seconds for one in found if one.seconds is not None), default=np.nan)


def _shares_timed_out(dataset: Dataset, counts: pd.DataFrame) -> tuple[float, float, float]:
    """Return the share of unfinished attempts that timed out: an estimate, the least and the most.

    The estimate is the share in the logs, else the geometric mean of the other two: a piece that times out cancels at most the others in
    flight, once in each pass, and each lost pass is reported to the scheduler.
    """
    logged, begun = counts["unfinished"].sum(), counts["begun"].sum()
    if logged or not begun:
        return (float(counts["timeouts"].sum() / max(logged, 1.0)),) * 3
    in_flight = dataset.settings.pieces_in_flight("seedClient").number or _USUAL_IN_FLIGHT
    ((lost,),) = dataset.rows(_REPORTED_FAILURES)
    fewest = begun / in_flight if lost is None else max(lost, begun - _PASSES * (in_flight - 1) * lost)
    least = min(fewest / begun, 1.0)
    return sqrt(least), least, 1.0


def _unfinished(
    lower: Array, upper: Array, n: Array, begun: float, shares: tuple[float, float, float], timeout_s: float
) -> pd.DataFrame:
    """Return right-censored rows of attempts that did not finish.

    Where the timeout is not known, it is at least the lower end of the last bucket; where it is beyond all buckets, nothing timed out.
    """
    timed_out = begun * np.array(shares) * (not timeout_s > upper[-1])
    limit_s = timeout_s if timeout_s > 0 else float(lower[-1])
    end = np.minimum(np.where(np.isfinite(upper), upper, lower), max(limit_s, float(lower[-1])))
    # At each age, of pieces that run one after another.
    in_flight = (end - lower) * (np.cumsum(n[::-1])[::-1] - 0.5 * n)
    cancelled = np.tile(0.5 * in_flight / max(in_flight.sum(), 1e-9), 2)
    weight, fewest, most = ([*cancelled * (begun - cut), cut] for cut in timed_out)
    # At the bounds of buckets: between them, where finished pieces have no times, any would bend a flexible distribution.
    return pd.DataFrame({
        "duration_s": [*np.maximum(lower, 1e-3 * end), *end, limit_s], "weight": weight, "timeout_s": timeout_s,
        "weight_if_fewest": fewest, "weight_if_most": most, "outcome": [*["cancelled" if timed_out.any() else "unknown"] * (2 * len(n)), "timeout"],
    })  # fmt: skip
