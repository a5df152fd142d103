"""What every task may have to know of the whole input: when processes started, and what the preheats came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dfly_analysis.attempts.records import Records, missing_last, nanoseconds, whole_numbers, writing_order
from dfly_analysis.attempts.words import LAST, NumberArray, Words
from dfly_analysis.catalog.required_columns import EVERYWHERE, VERDICTS

if TYPE_CHECKING:
    import pandas as pd

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


class Told(NamedTuple):
    """A record of `EVERYWHERE`; its time is `LAST` and its line -1 where missing."""

    time: int
    event_id: str
    host: str | None
    task_id: str | None
    url: str | None
    error: str | None
    message: str | None
    log_path: str
    log_line: int


@dataclass(frozen=True)
class Background:
    """What is known of hosts and preheats.

    Attributes
    ----------
    starts : dict of str to numpy.ndarray of int
        By host: when its client process started, nanoseconds since 1970, in order; the second is the first restart.
    verdicts : dict of str to (str, str)
        By task id and by URL: ``failed`` or ``ok``, and the text that says so; the last record decides.
    terminations : dict of str to tuple of Death
        By host: what Kubernetes knows of the ends of its processes.
    failed_blobs : tuple of Loss
        Blobs that the last verdict on them calls failed.
    """

    starts: dict[str, NumberArray] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    terminations: dict[str, tuple[Death, ...]] = field(default_factory=dict)
    failed_blobs: tuple[Loss, ...] = ()

    def lives(self, records: Records) -> NumberArray:
        """Return for each record how often the process of its host had started by then, whichever file says so."""
        lives = np.zeros(len(records), dtype=np.int64)
        for host, times in self.starts.items():
            here = records.host.among({host})
            lives[here] = np.searchsorted(times, records.sort_time[here], side="right")
        return lives

    def restarted_after(self, host: str, after: int) -> bool:
        """Return whether the host's process started again after that time."""
        times = self.starts.get(host)
        return times is not None and bool(times[-1] > after)

    def died(self, host: str, after: int) -> bool:
        """Return whether the host's process started again after that time, or is known to have ended then."""
        ended = any(time is not None and time >= after - _EARLY for time, _, _ in self.terminations.get(host, ()))
        return ended or self.restarted_after(host, after)

    def termination_cause(self, host: str, after: int) -> tuple[str, str] | None:
        """Return cause and confidence of the end of the process that wrote at that time for the last time.

        Of several restarts Kubernetes keeps the last: an earlier one of the same host is taken to be alike, less surely.
        """
        known = self.terminations.get(host, ())
        times = self.starts.get(host, np.empty(0, np.int64))
        later = times[np.searchsorted(times, after, side="right") :]
        until = int(later[0]) + _EARLY if len(later) else LAST
        for time, cause, confidence in known:
            if time is not None and after - _EARLY <= time <= until:
                return cause, confidence
        return (known[-1][1], "medium") if known else None


def choose_everywhere(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events of `EVERYWHERE`, with the columns that are needed of them."""
    import pandas as pd

    chosen = Words.of(events["event_id"]).among(EVERYWHERE)
    return pd.DataFrame({name: events[name].array[chosen] for name in Told._fields})


def read_background(events: pd.DataFrame, terminations: Mapping[str, tuple[Death, ...]] | None = None) -> Background:
    """Read what the events of `EVERYWHERE` say.

    Parameters
    ----------
    events : pandas.DataFrame
        All events of those kinds in the input, or tasks get outcomes of half the story; other kinds are not looked at.
    terminations : mapping of str to tuple of Death, optional

    Returns
    -------
    Background
    """
    chosen = choose_everywhere(events)
    result = {name: [text if isinstance(text, str) else None for text in chosen[name]] for name in Told._fields}
    result |= {"time": missing_last(nanoseconds(chosen["time"])).tolist()}
    result |= {"log_line": whole_numbers(chosen["log_line"]).tolist()}
    return background_of([Told(*one) for one in zip(*result.values(), strict=True)], terminations)


def background_of(told: Sequence[Told], terminations: Mapping[str, tuple[Death, ...]] | None = None) -> Background:
    """Read what records of `EVERYWHERE` say; see `read_background`."""
    time, line = (np.array([getattr(one, name) for one in told], dtype=np.int64) for name in ("time", "log_line"))
    order = np.arange(len(told))[writing_order(time, Words.read(one.log_path for one in told), line)]
    starts: dict[str, list[int]] = {}
    verdicts: dict[str, tuple[str, str]] = {}
    failed_blobs: dict[str, Loss] = {}
    for row in (told[place] for place in order.tolist()):
        if row.event_id in VERDICTS:
            text = (row.message or "") if row.error is None else row.error
            keys = [key for key in (row.task_id, row.url) if key]
            verdicts |= dict.fromkeys(keys, (VERDICTS[row.event_id], text))
            if keys:
                failed_blobs[row.url or keys[0]] = Loss(
                    row.time, row.task_id, row.url, text, row.log_path, row.log_line
                )
        elif row.host is not None and row.time < LAST:
            starts.setdefault(row.host, []).append(row.time)
    lost = tuple(loss for key, loss in failed_blobs.items() if verdicts[key][0] == "failed")
    return Background(
        {host: np.array(times) for host, times in starts.items()}, verdicts, dict(terminations or {}), lost
    )
