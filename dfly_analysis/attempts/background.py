"""What every task may have to know of the whole input: when processes started, and what the preheats came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.attempts.records import Records, missing_last, nanoseconds, whole_numbers, writing_order
from dfly_analysis.attempts.words import LAST, NumberArray, Words
from dfly_analysis.knowledge.needed import EVERYWHERE, VERDICTS

_SECOND = 1_000_000_000
_EARLY = 2 * _SECOND  # Kubernetes tells whole seconds
Death = tuple[int | None, str, str]
"""When a process ended against its will (nanoseconds since 1970), of which cause, and how sure that is."""


@dataclass(frozen=True)
class Loss:
    """A blob that the scheduler says a preheat did not get.

    Attributes
    ----------
    time : int
        Nanoseconds since 1970, `LAST` where missing.
    task_id, url : str or None
    text : str
        What is said of it.
    log_path : str
    log_line : int
    """

    time: int
    task_id: str | None
    url: str | None
    text: str
    log_path: str
    log_line: int


COLUMNS_EVERYWHERE = ("time", "event_id", "host", "task_id", "url", "error", "message", "log_path", "log_line")


@dataclass(frozen=True)
class Background:
    """What is known of hosts and preheats.

    Attributes
    ----------
    starts : dict of str to numpy.ndarray of int
        By host: when its client process started, nanoseconds since 1970, in order; the second is the first restart.
    verdicts : dict of str to (str, str)
        By task id and by URL: ``failed`` or ``ok``, and the text that says so; the last record decides.
    deaths : dict of str to tuple of Death
        By host: what Kubernetes knows of the ends of its processes.
    losses : tuple of Loss
        Blobs that the last verdict on them calls failed.
    """

    starts: dict[str, NumberArray] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    deaths: dict[str, tuple[Death, ...]] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()

    def lives(self, records: Records) -> NumberArray:
        """Return for each record how often the process of its host had started by then, whichever file says so."""
        lives = np.zeros(len(records), dtype=np.int64)
        for host, times in self.starts.items():
            here = records.host.among({host})
            lives[here] = np.searchsorted(times, records.sort_time[here], side="right")
        return lives

    def started_anew(self, host: str, after: int) -> bool:
        """Return whether the host's process started again after that time."""
        times = self.starts.get(host)
        return times is not None and bool(times[-1] > after)

    def died(self, host: str, after: int) -> bool:
        """Return whether the host's process started again after that time, or is known to have ended then."""
        ended = any(time is not None and time >= after - _EARLY for time, _, _ in self.deaths.get(host, ()))
        return ended or self.started_anew(host, after)

    def cause_of_death(self, host: str, after: int) -> tuple[str, str] | None:
        """Return cause and confidence of the end of the process that wrote at that time for the last time.

        Of several restarts Kubernetes keeps the last: an earlier one of the same host is taken to be alike, less surely.
        """
        known = self.deaths.get(host, ())
        times = self.starts.get(host, np.empty(0, np.int64))
        later = times[np.searchsorted(times, after, side="right") :]
        until = int(later[0]) + _EARLY if len(later) else LAST
        for time, cause, sure in known:
            if time is not None and after - _EARLY <= time <= until:
                return cause, sure
        return (known[-1][1], "medium") if known else None


def choose_everywhere(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events of `EVERYWHERE`, with the columns that are needed of them."""
    chosen = Words.of(events["event_id"]).among(EVERYWHERE)
    return pd.DataFrame({name: events[name].array[chosen] for name in COLUMNS_EVERYWHERE})


def read_background(events: pd.DataFrame, deaths: Mapping[str, tuple[Death, ...]] | None = None) -> Background:
    """Read what the events of `EVERYWHERE` say.

    Parameters
    ----------
    events : pandas.DataFrame
        All events of those kinds in the input, or tasks get outcomes of half the story; other kinds are not looked at.
    deaths : mapping of str to tuple of Death, optional

    Returns
    -------
    Background
    """
    chosen = choose_everywhere(events)
    time = missing_last(nanoseconds(chosen["time"]))
    order = writing_order(time, Words.of(chosen["log_path"]), whole_numbers(chosen["log_line"]))
    starts: dict[str, list[int]] = {}
    verdicts: dict[str, tuple[str, str]] = {}
    losses: dict[str, Loss] = {}
    row: Any
    for row in chosen.assign(time=time).iloc[order].itertuples():
        if row.event_id in VERDICTS:
            text = row.error if isinstance(row.error, str) else row.message
            task_id, url = (key if isinstance(key, str) else None for key in (row.task_id, row.url))
            keys = [key for key in (task_id, url) if key]
            verdicts |= dict.fromkeys(keys, (VERDICTS[row.event_id], text))
            if keys:
                losses[url or keys[0]] = Loss(row.time, task_id, url, text, row.log_path, row.log_line)
        elif isinstance(row.host, str) and row.time < LAST:
            starts.setdefault(row.host, []).append(row.time)
    lost = tuple(loss for key, loss in losses.items() if verdicts[key][0] == "failed")
    return Background({host: np.array(times) for host, times in starts.items()}, verdicts, dict(deaths or {}), lost)
