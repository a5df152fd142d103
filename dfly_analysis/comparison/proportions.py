"""Shares of failures in two runs, and their difference, where things that share a fate count for less than their number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dfly_analysis.comparison.settings_diff import Effect
from dfly_analysis.estimates import Interval, wilson

if TYPE_CHECKING:
    import pandas as pd

LEVEL, STRICT = 0.95, 1.0 - 0.05 / 3.0
MIN_TASKS = 5
"""With fewer tasks than this, pieces are grouped by stretches of time within a task instead."""
_USUAL_BLOCK_S = 10.0
_SMALLEST_LAYER_BYTES = 2**20


@dataclass(frozen=True)
class Proportion:
    """Failures in groups that share a fate.

    Attributes
    ----------
    bad, n : tuple of int
        By group.
    """

    bad: tuple[int, ...]
    n: tuple[int, ...]

    @property
    def share(self) -> float:
        """Of all; 0 where there are none."""
        return sum(self.bad) / max(sum(self.n), 1)

    @property
    def design_effect(self) -> float | None:
        """How much wider groups make the spread of the share than single failures would; None where it cannot be seen."""
        share, total, groups = self.share, sum(self.n), len(self.n)
        if not 0.0 < share < 1.0 or groups < 2:
            return None
        spread = groups / (groups - 1) * sum((b - n * share) ** 2 for b, n in zip(self.bad, self.n, strict=True))
        return max(1.0, spread / (total * share * (1.0 - share)))


def effect_of(effect_id: str, before: Proportion, after: Proportion) -> Effect | None:
    """Compare two shares by Newcombe's interval on effective counts.

    Parameters
    ----------
    effect_id : str
    before, after : Proportion

    Returns
    -------
    Effect or None
        None where one of the runs holds nothing to count.

    Notes
    -----
    Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10: Wilson's intervals of both shares, put together. Counts
    are divided by the larger of the two runs' design effects; where failures of one run come in bursts, so may those of
    the other, even if none was seen.
    """
    if not sum(before.n) or not sum(after.n):
        return None
    factor = max(before.design_effect or 1.0, after.design_effect or 1.0)
    before_rate, after_rate = ((counted.share, max(sum(counted.n) / factor, 1.0)) for counted in (before, after))
    return Effect(
        id=effect_id,
        before=_wilson(*before_rate, LEVEL),
        after=_wilson(*after_rate, LEVEL),
        n_before=sum(before.n),
        n_after=sum(after.n),
        bad_before=sum(before.bad),
        bad_after=sum(after.bad),
        difference=_newcombe(before_rate, after_rate, LEVEL),
        strict=_newcombe(before_rate, after_rate, STRICT),
        clusters_before=len(before.n),
        clusters_after=len(after.n),
    )


def _wilson(share: float, n: float, level: float) -> Interval:
    return wilson(min(share * n, n), n, level)


def _newcombe(before: tuple[float, float], after: tuple[float, float], level: float) -> Interval:
    first, second = _wilson(*before, level), _wilson(*after, level)
    difference = second.value - first.value
    down = math.hypot(second.value - second.low, first.high - first.value)
    up = math.hypot(second.high - second.value, first.value - first.low)
    return Interval(difference, max(difference - down, -1.0), min(difference + up, 1.0))


def tasks_counted(tasks: pd.DataFrame, *, layers_only: bool = False) -> Proportion:
    """Count tasks with a known end, each a group of its own; or only the layers that seed clients fetched."""
    known = tasks[tasks["outcome"].isin(["ok", "failed", "died"])]
    if layers_only:
        large = (known["size_bytes"].isna() | (known["size_bytes"] >= _SMALLEST_LAYER_BYTES)).fillna(value=True)
        known = known[large & (known["role"] == "seedClient")]
    bad = (known["outcome"] != "ok").astype(int)
    return Proportion(tuple(bad), (1,) * len(known))


def source_pieces(pieces: pd.DataFrame) -> pd.DataFrame:
    """Return the attempts at pieces from the source whose end is known, of runs that also tell of those that finished."""
    usable = (pieces["origin"] == "source") & pieces["ended"].notna()
    if "successes_not_logged" in pieces.columns:
        usable &= ~pieces["successes_not_logged"].fillna(value=False).astype(bool)
    return pieces[usable.fillna(value=False).astype(bool)]


def pieces_counted(pieces: pd.DataFrame, outcomes: tuple[str, ...]) -> Proportion:
    """Count attempts at pieces that ended in some way, among those that ended by themselves; siblings cancelled do not count."""
    ended = pieces[~pieces["outcome"].isin(["cancelled", "unknown"])]
    if not len(ended):
        return Proportion((), ())
    bad = ended["outcome"].isin(outcomes).astype(int).groupby(groups_of(ended)).agg(["sum", "size"])
    return Proportion(tuple(map(int, bad["sum"])), tuple(map(int, bad["size"])))


def groups_of(pieces: pd.DataFrame) -> Any:
    """Return which attempts share a fate: those of one task, or of one stretch of time in it where tasks are few."""
    task = pieces["task_id"].fillna("").astype(str)
    if task.nunique() >= MIN_TASKS:
        return task
    limit = pieces["timeout_s"].median()
    block_s = float(limit) if limit == limit and limit > 0 else _USUAL_BLOCK_S  # noqa: PLR0124 - not a number
    begin = pieces["started"].fillna(pieces["ended"])
    return task + (((begin - begin.min()).dt.total_seconds() // block_s).astype(int)).astype(str).radd("#")
