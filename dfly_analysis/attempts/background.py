"""What every task may have to know of the whole input: when processes started, and what the preheats came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.attempts.records import (
    EVERYWHERE,
    LAST,
    VERDICTS,
    NumberArray,
    Records,
    Words,
    missing_last,
    nanoseconds,
    whole_numbers,
    writing_order,
)

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
    """

    starts: dict[str, NumberArray] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)

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


def choose_everywhere(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events of `EVERYWHERE`, with the columns that are needed of them."""
    chosen = Words.of(events["event_id"]).among(EVERYWHERE)
    return pd.DataFrame({name: events[name].array[chosen] for name in COLUMNS_EVERYWHERE})


def read_background(events: pd.DataFrame) -> Background:
    """Read what the events of `EVERYWHERE` say.

    Parameters
    ----------
    events : pandas.DataFrame
        All events of those kinds in the input, or tasks get outcomes of half the story; other kinds are not looked at.

    Returns
    -------
    Background
    """
    chosen = choose_everywhere(events)
    time = missing_last(nanoseconds(chosen["time"]))
    order = writing_order(time, Words.of(chosen["log_path"]), whole_numbers(chosen["log_line"]))
    starts: dict[str, list[int]] = {}
    verdicts: dict[str, tuple[str, str]] = {}
    row: Any
    for row in chosen.assign(time=time).iloc[order].itertuples():
        if row.event_id in VERDICTS:
            text = row.error if isinstance(row.error, str) else row.message
            verdicts |= {key: (VERDICTS[row.event_id], text) for key in (row.task_id, row.url) if isinstance(key, str)}
        elif isinstance(row.host, str) and row.time < LAST:
            starts.setdefault(row.host, []).append(row.time)
    return Background({host: np.array(times) for host, times in starts.items()}, verdicts)
