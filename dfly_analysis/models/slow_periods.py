"""Slow periods: when a host's pieces took longer than the others beyond chance, and whether another host was as fast as usual then.

A registry serves all hosts: where another host fetched at its usual pace at the same time, the registry was not the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.models.censored_data import Flags, Index, flags, numbers, seconds
from dfly_analysis.models.distribution import Array

_NEEDED = ("started", "duration_s", "size_bytes", "outcome", "origin", "host", "task_id")
# What orders a task's attempts, the last one first.
_ORDER = ("piece_number", "retry_round")
# A period has forty attempts, so that its mean rank can be compared; longer tables have longer periods.
_ATTEMPTS, _MOST_PERIODS = 40, 200
# A pause of so many usual durations begins a new period.
_PAUSE = 5.0
# Their times, or lower bounds; storage and registry errors come at the end of a transfer or at its start, and bound nothing.
_RANKED = ("ok", "timeout", "reset", "cancelled")
# Periods that differ by more than chance does in one of a thousand tables are not alike.
_CHANCE = 1e-3
# Where some differ, so does one that is so many standard errors slower than the rest.
_OUTLYING = 2.5
# So many attempts must remain to compare the others with.
_FEWEST_LEFT, _LEAST_LEFT = 50, 0.1
# Another host counts from so many attempts at the same time on, where they are so many standard errors quicker.
_FEWEST_ELSEWHERE, _APART = 8, 3.0
_TASKS_AT_ONCE, _TASKS_OVER_TIME = 2, 3


@dataclass(frozen=True)
class SlowPeriods:
    """Which attempts are in a period that was slower than the rest."""

    row: Index  # places in the frame
    slow: Flags  # whether its period was slower than the others beyond chance
    quick: Flags  # whether neither its period nor the one before or after it is slow
    excluded: Flags  # whether its period is, or is next to, a slow one in which another host was at its usual pace
    share: float  # of the attempts that are slow
    proven_share: float  # of the slowness, counted in ranks, that is proven to be the host's
    hosts: tuple[str, ...]  # those with slow periods, the one with most of the slowness first


def find_slow_periods(pieces: pd.DataFrame) -> SlowPeriods | None:
    """Return the periods in which attempts at the source took longer than in the others; None where they do not differ beyond chance."""
    found = _attempts(pieces)
    if found is None:
        return None
    attempts, follows = found
    periods = attempts.groupby("period")["rank"].agg(["count", "mean"])
    count, mean = periods["count"].to_numpy(dtype=float), periods["mean"].fillna(0.0).to_numpy()
    kept = _homogeneous(count, mean, float(attempts["rank"].var(ddof=0)))
    judged = count > 0
    if kept[judged].all():
        return None
    usual = float(mean[kept] @ count[kept] / count[kept].sum())
    slow = ~kept & judged
    excess = np.where(slow, np.maximum(mean - usual, 0.0) * count, 0.0)
    shown = _whole_times(follows, slow, excess, _while_others_quick(attempts, mean, usual, slow))
    quick = kept & ~_adjacent(follows, slow) & (count >= _ATTEMPTS // 2)
    quick = quick if count[quick].sum() >= _FEWEST_LEFT else kept
    known = attempts[judged[attempts["period"]]]
    near = shown | (kept & _adjacent(follows, shown))
    slow_rows, quick_rows, near_rows = (which[known["period"]] for which in (slow, quick, near))
    by_host = pd.Series(excess).groupby(attempts.groupby("period")["host"].first()).sum()
    by_host = by_host.sort_values(ascending=False, kind="stable")
    return SlowPeriods(
        known["row"].to_numpy(), slow_rows, quick_rows, near_rows, share=float(slow_rows.mean()),
        proven_share=float(excess @ shown / max(excess.sum(), 1e-12)), hosts=tuple(map(str, by_host[by_host > 0].index)),
    )  # fmt: skip


def _attempts(pieces: pd.DataFrame) -> tuple[pd.DataFrame, Flags] | None:
    """Return attempts in time, with the rank of those of the usual length, and whether each period follows the one before."""
    if any(name not in pieces.columns for name in _NEEDED):
        return None
    size, lasted = numbers(pieces, "size_bytes"), numbers(pieces, "duration_s")
    usable = flags(pieces["origin"] == "source") & pieces[["started", "host", "task_id"]].notna().all(axis=1).to_numpy()
    with np.errstate(invalid="ignore"):
        usable = usable & (lasted > 0) & (size > 0)
    if "successes_not_logged" in pieces.columns:
        usable &= ~flags(pieces["successes_not_logged"])
    row = np.flatnonzero(usable)
    some = pieces[[name for name in ("host", "task_id", "outcome", *_ORDER) if name in pieces.columns]].iloc[row]
    size, lasted, ok = size[row], lasted[row], (some["outcome"] == "ok").to_numpy(dtype=bool)
    lengths, counts = np.unique(size, return_counts=True)
    ranked = some["outcome"].isin(_RANKED).to_numpy()
    ranked = ranked & (size == lengths[counts.argmax()]) if len(row) else ranked
    if ranked.sum() < 2 * _ATTEMPTS:
        return None
    start = seconds(pieces["started"].iloc[row])
    result = some.reset_index(drop=True).assign(row=row, start_s=start - start.min(), rank=np.nan)
    result["end_s"] = result["start_s"] + lasted
    result.loc[ranked, "rank"] = _ranks(lasted[ranked], ok[ranked])
    result["moment_s"] = _moments(result)
    return _cut(result, _PAUSE * float(np.median(lasted)))


def _moments(attempts: pd.DataFrame) -> pd.Series[float]:
    """Return when each attempt ran, by its place in its task on its host, seconds; logged starts are late where a scheduler hangs."""
    keys = [name for name in reversed(_ORDER) if name in attempts.columns]
    ordered = attempts.fillna(dict.fromkeys(keys, 0)).sort_values([*keys, "start_s"], kind="stable")
    tasks = ordered.groupby(["host", "task_id"], sort=False, observed=True)
    begin, end = tasks["start_s"].transform("min"), tasks["end_s"].transform("max")
    return begin + (end - begin) * ((tasks.cumcount() + 0.5) / tasks["row"].transform("size"))


def _ranks(lasted: Array, finished: Flags) -> Array:
    """Return each attempt's mean rank, between 0 and 1, by the Kaplan-Meier survival; of a right-censored one, beyond its time."""
    points, place = np.unique(lasted, return_inverse=True)
    leaving, ended = np.bincount(place), np.bincount(place, weights=finished)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    after = np.cumprod(1.0 - ended / at_risk)
    before = np.concatenate([[1.0], after[: len(points) - 1]])
    return np.where(finished, 1.0 - 0.5 * (before + after)[place], 1.0 - 0.5 * after[place])


def _cut(attempts: pd.DataFrame, pause_s: float) -> tuple[pd.DataFrame, Flags]:
    """Cut hosts at pauses, then into periods of nearly equal numbers; return whether each follows the one before without a pause."""
    ordered = attempts.sort_values(["host", "moment_s"], kind="stable")
    new = ordered["host"].ne(ordered["host"].shift()) | ordered["moment_s"].diff().gt(pause_s)
    stretch = ordered.groupby(new.cumsum())
    count, each = stretch["row"].transform("size"), max(_ATTEMPTS, len(ordered) // _MOST_PERIODS)
    parts = ((count + each // 2) // each).clip(lower=1)
    part = stretch.cumcount() * parts // count
    begins = new | part.diff().ne(0)
    attempts["period"] = begins.cumsum() - 1
    return attempts, ~new[begins].to_numpy()


def _homogeneous(count: Array, mean: Array, variance: float) -> Flags:
    """Return the periods left when the slowest ones are removed until the rest do not differ beyond chance (Kruskal-Wallis test)."""
    kept = count > 0
    total = count.sum()
    while kept.sum() > 1:
        centre = float(mean[kept] @ count[kept] / count[kept].sum())
        errors = np.where(kept, (mean - centre) * np.sqrt(count / max(variance, 1e-12)), 0.0)
        slowest = int(np.argmax(errors))
        alike = special.chdtrc(kept.sum() - 1, errors @ errors) > _CHANCE
        if alike and (kept.sum() == (count > 0).sum() or errors[slowest] < _OUTLYING):
            break
        if count[kept].sum() - count[slowest] < max(_FEWEST_LEFT, _LEAST_LEFT * total):
            break
        kept[slowest] = False
    return kept


def _whole_times(follows: Flags, slow: Flags, excess: Array, shown: Flags) -> Flags:
    """Extend what is shown of most of a slow time to all its periods, which follow each other: a slow host ends last, alone."""
    time = np.cumsum(~(slow & np.roll(slow, 1) & follows)) - 1
    proven = np.bincount(time, weights=excess * shown) > 0.5 * np.bincount(time, weights=excess)
    return np.asarray(slow & proven[time])


def _adjacent(follows: Flags, periods: Flags) -> Flags:
    """Return which periods come right before or after one of these on their host, without a pause."""
    after = follows & np.roll(periods, 1)
    return np.asarray(after | np.append(follows[1:] & periods[1:], False))


def _while_others_quick(attempts: pd.DataFrame, mean: Array, usual: float, slow: Flags) -> Flags:
    """Return which slow periods ran while another host took no longer than usual."""
    # One task proves nothing, since the blob may be the cause; two at once do, or three on one host over time.
    result = np.zeros(len(mean), dtype=bool)
    tasks_of: dict[str, set[str]] = {}
    hosts = {}
    for one, own in attempts[slow[attempts["period"]]].groupby("period"):
        place, host = int(str(one)), str(own["host"].iloc[0])
        between = attempts["moment_s"].between(own["moment_s"].min(), own["moment_s"].max())
        others = attempts[between & attempts["host"].ne(host)].groupby("host", observed=True)["rank"]
        count, rank = others.count(), others.mean()
        apart = (mean[place] - rank) * np.sqrt(count) > _APART * attempts["rank"].std(ddof=0)
        if (apart & (rank < 0.5 * (usual + mean[place])) & (count >= _FEWEST_ELSEWHERE)).any():
            tasks, hosts[place] = set(own["task_id"]), host
            tasks_of.setdefault(host, set()).update(tasks)
            result[place] = len(tasks) >= _TASKS_AT_ONCE
    for place, host in hosts.items():
        result[place] |= len(tasks_of[host]) >= _TASKS_OVER_TIME
    return result
