"""Slow periods: when a host's pieces took longer than the others beyond chance, and whether another host was as fast as usual then.

A registry serves all hosts: where another host fetched at its usual pace at the same time, the registry was not the cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.models.censored_data import Flags, Index, flags
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
    """Which attempts are in a period that was slower than the rest.

    Attributes
    ----------
    row : array of int
        Places in the frame of the attempts with a start time.
    slow, quick, excluded : array of bool
        Of each: whether its period was slower than the others beyond chance; whether neither its period nor the one before or after it
        is slow; whether its period is, or is next to, a slow one in which another host was at its usual pace, so that the registry did
        not cause it.
    share, proven_share : float
        Share of slow attempts; share of the slowness, counted in ranks, that is proven to be the host's.
    hosts : tuple of str
        With slow periods, the one with most of the slowness first.
    """

    row: Index
    slow: Flags
    quick: Flags
    excluded: Flags
    share: float
    proven_share: float
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class _Periods:
    """Attempts in time: the moment, host and period of each, and the rank of those of the usual length (else not a number).

    ``follows``: whether a period follows the one before on the same host without a pause.
    """

    row: Index
    moment_s: Array
    host: Index
    task: Index
    period: Index
    follows: Flags
    rank: Array
    names: tuple[str, ...]

    @property
    def ranked(self) -> Flags:
        return np.isfinite(self.rank)


def find_slow_periods(pieces: pd.DataFrame) -> SlowPeriods | None:
    """Return the periods in which attempts at the source took longer than in the others.

    None where they do not differ beyond chance, or where the rows have no time or host. The frame is not changed.
    """
    found = _split_periods(pieces)
    if found is None:
        return None
    count, mean = _means(found)
    kept = _homogeneous(count, mean, float(np.var(found.rank[found.ranked])))
    judged = count > 0
    if kept[judged].all():
        return None
    usual = float(mean[kept] @ count[kept] / count[kept].sum())
    slow_periods = ~kept & judged
    excess = np.where(slow_periods, np.maximum(mean - usual, 0.0) * count, 0.0)
    shown = _whole_times(found, slow_periods, excess, _while_others_quick(found, mean, usual, slow_periods))
    certainly_quick = _certainly_quick(found, slow_periods, kept, count)
    near = shown | (kept & _adjacent(found, shown))
    slow, quick, excluded, known = (which[found.period] for which in (slow_periods, certainly_quick, near, judged))
    owner = np.zeros(len(excess), dtype=np.intp)
    owner[found.period] = found.host
    by_host = np.bincount(owner, weights=excess, minlength=len(found.names))
    return SlowPeriods(
        row=found.row[known], slow=slow[known], quick=quick[known], excluded=excluded[known], share=float(slow[known].mean()),
        proven_share=float(excess @ shown / max(excess.sum(), 1e-12)),
        hosts=tuple(found.names[code] for code in np.argsort(-by_host, kind="stable") if by_host[code] > 0),
    )  # fmt: skip


def _split_periods(pieces: pd.DataFrame) -> _Periods | None:
    if any(name not in pieces.columns for name in _NEEDED):
        return None
    size = pieces["size_bytes"].to_numpy(dtype="float64", na_value=np.nan)
    lasted = pieces["duration_s"].to_numpy(dtype="float64", na_value=np.nan)
    usable = flags(pieces["origin"] == "source") & pieces[["started", "host", "task_id"]].notna().all(axis=1).to_numpy()
    with np.errstate(invalid="ignore"):
        usable = usable & (lasted > 0) & (size > 0)
    if "successes_not_logged" in pieces.columns:
        usable &= ~flags(pieces["successes_not_logged"])
    row = np.flatnonzero(usable)
    if not len(row):
        return None
    some = pieces[[name for name in pieces.columns if name in (*_NEEDED, *_ORDER)]].iloc[row]
    lasted, size = lasted[row], size[row]
    (host, names), task = pd.factorize(some["host"]), pd.factorize(some["task_id"])[0]
    moment = _moments(some, lasted, np.asarray(host), np.asarray(task))
    lengths, counts = np.unique(size, return_counts=True)
    ranked = (size == lengths[counts.argmax()]) & some["outcome"].isin(_RANKED).to_numpy()
    if ranked.sum() < 2 * _ATTEMPTS:
        return None
    rank = np.full(len(row), np.nan)
    rank[ranked] = _ranks(lasted[ranked], (some["outcome"] == "ok").to_numpy(dtype=bool)[ranked])
    period, follows = _cut(moment, np.asarray(host), _PAUSE * float(np.median(lasted)))
    return _Periods(row, moment, np.asarray(host), np.asarray(task), period, follows, rank, tuple(map(str, names)))


def _moments(some: pd.DataFrame, lasted: Array, host: Index, task: Index) -> Array:
    """Return when each attempt ran, by its place in the order of its task on its host, seconds.

    Its own start is not used: a scheduler that hangs logs the ends late, and an order by starts would be one by durations.
    """
    started = some["started"].to_numpy(dtype="datetime64[ns]").astype("int64") * 1e-9
    started = started - started.min()
    own = host * (int(task.max()) + 1) + task
    keys = [some[name].to_numpy(dtype="float64", na_value=0.0) for name in _ORDER if name in some.columns]
    order = np.lexsort((started, *keys, own))
    grouped = own[order]
    first = np.flatnonzero(np.diff(grouped, prepend=-1))
    count = np.diff(first, append=len(grouped))
    begin = np.repeat(np.minimum.reduceat(started[order], first), count)
    end = np.repeat(np.maximum.reduceat((started + lasted)[order], first), count)
    place = (np.arange(len(grouped)) - np.repeat(first, count) + 0.5) / np.repeat(count, count)
    result = np.empty(len(grouped))
    result[order] = begin + (end - begin) * place
    return result


def _ranks(lasted: Array, finished: Flags) -> Array:
    """Return each attempt's mean rank, between 0 and 1, by the Kaplan-Meier survival; of a right-censored one, beyond its time."""
    points, place = np.unique(lasted, return_inverse=True)
    leaving, ended = np.bincount(place), np.bincount(place, weights=finished)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    after = np.cumprod(1.0 - ended / at_risk)
    before = np.concatenate([[1.0], after[: len(points) - 1]])
    return np.where(finished, 1.0 - 0.5 * (before + after)[place], 1.0 - 0.5 * after[place])


def _cut(moment: Array, host: Index, pause_s: float) -> tuple[Index, Flags]:
    """Return the period of each attempt, and whether each period follows the one before without a pause.

    A host's attempts in the order of their moments are cut at pauses, and then into periods of nearly equal numbers.
    """
    order = np.lexsort((moment, host))
    new = (np.diff(host[order], prepend=-1) != 0) | (np.diff(moment[order], prepend=-np.inf) > pause_s)
    first = np.flatnonzero(new)
    count = np.diff(first, append=len(order))
    each = max(_ATTEMPTS, len(order) // _MOST_PERIODS)
    parts = np.maximum((count + each // 2) // each, 1)
    place = np.arange(len(order)) - np.repeat(first, count)
    part = place * np.repeat(parts, count) // np.repeat(count, count)
    result = np.empty(len(order), dtype=np.intp)
    begins = np.cumsum(parts) - parts
    result[order] = np.repeat(begins, count) + part
    follows = np.ones(int(parts.sum()), dtype=bool)
    follows[begins] = False
    return result, follows


def _means(found: _Periods) -> tuple[Array, Array]:
    """Return how many attempts of each period are ranked, and their mean rank."""
    ranked, size = found.ranked, int(found.period.max()) + 1
    count = np.bincount(found.period[ranked], minlength=size).astype(float)
    total = np.bincount(found.period[ranked], weights=found.rank[ranked], minlength=size)
    return count, total / np.maximum(count, 1.0)


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


def _whole_times(found: _Periods, slow_periods: Flags, excess: Array, shown: Flags) -> Flags:
    """Extend what is shown of most of a slow time to all its periods, which follow each other: a slow host ends last, alone."""
    goes_on = slow_periods & np.roll(slow_periods, 1) & found.follows
    time = np.cumsum(~goes_on) - 1
    proven = np.bincount(time, weights=excess * shown) > 0.5 * np.bincount(time, weights=excess)
    return np.asarray(slow_periods & proven[time])


def _adjacent(found: _Periods, slow_periods: Flags) -> Flags:
    """Return which periods come right before or after one of these on their host, without a pause."""
    after = found.follows & np.roll(slow_periods, 1)
    return np.asarray(after | np.append(found.follows[1:] & slow_periods[1:], False))


def _certainly_quick(found: _Periods, slow_periods: Flags, kept: Flags, count: Array) -> Flags:
    """Return the kept periods that are long enough and not next to a slow one; where those are too few, all that are kept."""
    result = kept & ~_adjacent(found, slow_periods) & (count >= _ATTEMPTS // 2)
    return result if count[result].sum() >= _FEWEST_LEFT else kept


def _while_others_quick(found: _Periods, mean: Array, usual: float, slow: Flags) -> Flags:
    """Return which slow periods ran while another host took no longer than usual.

    A slow period of one task proves nothing, since the blob may be the cause; two tasks at once do, or three on one host over time.
    """
    result = np.zeros(len(mean), dtype=bool)
    tasks_of: dict[int, set[int]] = {}
    hosts = {}
    for one in np.flatnonzero(slow):
        own = found.period == one
        if _quick_elsewhere(found, own, float(mean[one]), usual):
            tasks, hosts[one] = set(found.task[own].tolist()), int(found.host[own][0])
            tasks_of.setdefault(hosts[one], set()).update(tasks)
            result[one] = len(tasks) >= _TASKS_AT_ONCE
    for one, host in hosts.items():
        result[one] |= len(tasks_of[host]) >= _TASKS_OVER_TIME
    return result


def _quick_elsewhere(found: _Periods, own: Flags, mean: float, usual: float) -> bool:
    """Return whether another host's attempts at the moments of a slow period were nearer to the usual than its mean."""
    moment, hosts = found.moment_s[own], len(found.names)
    others = found.ranked & (found.host != found.host[own][0])
    others &= (found.moment_s >= moment.min()) & (found.moment_s <= moment.max())
    count = np.bincount(found.host[others], minlength=hosts)
    theirs = np.bincount(found.host[others], weights=found.rank[others], minlength=hosts) / np.maximum(count, 1)
    is_far = (mean - theirs) * np.sqrt(count) > _APART * float(found.rank[found.ranked].std())
    return bool(((theirs < 0.5 * (usual + mean)) & is_far & (count >= _FEWEST_ELSEWHERE)).any())
