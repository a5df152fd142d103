"""The columns a fit needs of a frame of attempts: which rows count, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.models.censored_data import OK, Attempts, Flags, Index
from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

REQUIRED = ("size_bytes", "duration_s", "outcome", "timeout_s")
CLUSTERS = ("task_id", "host")
COLUMNS = (*REQUIRED, *CLUSTERS, "upper_s", "weight", "origin", "successes_not_logged", "started")
"""All that is read of a frame of attempts; to take rows of these alone is several times as quick as to take whole rows."""
ORIGINS = ("source", "parent", "local")
_PIECE_STEP_BYTES = 4 << 20
_WHOLE_SHARE, _FEWEST_WHOLE = 0.5, 10


def read_attempts(pieces: pd.DataFrame, *, of_pieces: bool = True) -> Attempts:
    """Read the columns a fit needs, without changing the frame.

    Where the frame says where pieces came from and there are several places, the source's alone are read: another link
    has another law. Rows of rounds that show only their failures (``successes_not_logged``) and short last pieces of layers
    among many whole ones are left out.

    Parameters
    ----------
    pieces : DataFrame
        ``size_bytes``, ``duration_s``, ``outcome``, ``timeout_s``; perhaps ``upper_s`` (then ``duration_s`` is the lower
        bound of a bucket), ``origin``, ``successes_not_logged``, ``task_id``, ``host``, ``started``, ``weight``.
    of_pieces : bool
        Whether rows of other origins and short last pieces are to be left out.

    Returns
    -------
    Attempts

    Raises
    ------
    TableError
        Where a column is missing, or is not numbers.
    """
    for column in REQUIRED:
        if column not in pieces.columns:
            hint = (
                suggest_similar(column, (str(name) for name in pieces.columns)) or f"needed are {', '.join(REQUIRED)}"
            )
            raise TableError(f"column {column!r} is missing", where="table pieces", hint=hint)
    size, outcome = _numbers(pieces, "size_bytes"), _outcomes(pieces["outcome"])
    observed, upper, event, late = _bounds(pieces, outcome)
    weight = _numbers(pieces, "weight") if "weight" in pieces.columns else np.ones(len(pieces))
    with np.errstate(invalid="ignore"):
        keep = (
            np.isfinite(observed)
            & (observed > 0)
            & (upper >= observed)
            & np.isfinite(size)
            & (size > 0)
            & (outcome >= 0)
        )
        keep &= np.isfinite(weight) & (weight > 0)
    aside = _excluded(pieces, size, keep) if of_pieces else {}
    left_out = {"unusable": int(len(pieces) - keep.sum()), **{why: int(rows.sum()) for why, rows in aside.items()}}
    for rows in aside.values():
        keep &= ~rows
    clusters, hosts = _clusters(pieces if keep.all() else pieces[keep])
    return Attempts(
        duration_s=observed[keep],
        upper_s=upper[keep],
        size_bytes=size[keep],
        weight=weight[keep],
        event=event[keep],
        outcome=outcome[keep],
        clusters=clusters,
        hosts=hosts,
        window=_window(pieces, keep),
        left_out={why: count for why, count in left_out.items() if count},
        n_late=int((late & keep).sum()),
    )


def _bounds(pieces: pd.DataFrame, outcome: npt.NDArray[np.int8]) -> tuple[Array, Array, Flags, Flags]:
    """Return the time seen of each row, its upper bound, whether the time itself was seen, and whether it ended after its limit."""
    duration, limit = _numbers(pieces, "duration_s"), _numbers(pieces, "timeout_s")
    limited = np.isfinite(limit) & (limit > 0)
    late = _finished_late(outcome, duration, np.where(limited, limit, np.inf))
    observed = np.where(((outcome == OUTCOMES.index("timeout")) & limited) | late, limit, duration)
    event = (outcome == OK) & ~late
    upper = np.where(event, observed, np.inf)
    if "upper_s" in pieces.columns:
        observed, upper, event = _bucketed(_numbers(pieces, "upper_s"), observed, upper, event)
    return observed, upper, event, late


def _clusters(kept: pd.DataFrame) -> tuple[dict[str, Index], tuple[str, ...]]:
    """Return codes of the tasks and hosts of rows, where there are several, and the hosts' names."""
    coded = {name: pd.factorize(kept[name]) for name in CLUSTERS if name in kept.columns}
    codes = {name: np.asarray(found) for name, (found, _) in coded.items()}
    several = {name: found for name, found in codes.items() if found.size and found.min() != found.max()}
    return several, tuple(str(name) for name in coded["host"][1]) if "host" in coded else ()


def _bucketed(bound: Array, observed: Array, upper: Array, event: Flags) -> tuple[Array, Array, Flags]:
    """Take finished rows with an upper bound above their time as buckets; a first bucket begins just above 0."""
    with np.errstate(invalid="ignore"):
        between = event & np.isfinite(bound) & ~(bound <= observed)
        observed = np.where(between & ~(observed > bound * 1e-6), bound * 1e-6, observed)
        endless = event & np.isposinf(bound)
    return observed, np.where(endless, np.inf, np.where(between, bound, upper)), event & ~between & ~endless


def _excluded(pieces: pd.DataFrame, size: Array, keep: Flags) -> Mapping[str, Flags]:
    """Return rows that are what they seem but belong to another law, by why; each row once."""
    found: dict[str, Flags] = {}
    left = keep.copy()
    if "successes_not_logged" in pieces.columns:
        unlogged = pieces["successes_not_logged"].fillna(value=False).to_numpy(dtype=bool)
        found["successes_not_logged"] = left & unlogged
        left &= ~unlogged
    if "origin" in pieces.columns:
        origin = pieces["origin"].astype("object").to_numpy()
        first = next((place for place in ORIGINS if (left & (origin == place)).any()), None)
        if first is not None:
            found["other_origin"] = left & (origin != first)
            left &= ~found["other_origin"]
    whole = left & (np.where(left, size, 1.0) % _PIECE_STEP_BYTES == 0)
    # A last piece may be of any size down to a byte, and its time is mostly set-up: a few bend the law where no whole
    # piece ever is. Piece lengths are multiples of 4 MiB in every release.
    if whole.sum() >= max(_WHOLE_SHARE * left.sum(), _FEWEST_WHOLE):
        found["last_piece"] = left & ~whole
    return found


def _finished_late(outcome: npt.NDArray[np.int8], duration: Array, limit: Array) -> Flags:
    """Return which attempts slipped through after the limit that cut others of the same length.

    They are the lucky ones of their kind: as finished they would bend the law down. Where they outnumber those cut, the
    limit was not in force, and they are what they seem.
    """
    late = (outcome == OK) & (duration > limit)
    return late if late.sum() <= (outcome == OUTCOMES.index("timeout")).sum() else np.zeros(len(late), dtype=bool)


def _numbers(pieces: pd.DataFrame, column: str) -> Array:
    try:
        return np.asarray(pd.to_numeric(pieces[column]).to_numpy(dtype="float64", na_value=np.nan))
    except (TypeError, ValueError) as problem:
        raise TableError(f"column {column!r} is not numbers: {problem}", where="table pieces") from problem


def _outcomes(column: pd.Series[str]) -> npt.NDArray[np.int8]:
    codes, names = pd.factorize(column)
    known = {name: place for place, name in enumerate(OUTCOMES)}
    table = np.array([known.get(str(name), -1) for name in names] + [-1], dtype=np.int8)
    return table[codes]


def _window(pieces: pd.DataFrame, keep: Flags) -> tuple[str, str] | None:
    if "started" not in pieces.columns:
        return None
    started: Any = pd.Series(pd.to_datetime(pieces["started"], utc=True, errors="coerce")[keep]).dropna()
    return (started.min().isoformat(), started.max().isoformat()) if len(started) else None
