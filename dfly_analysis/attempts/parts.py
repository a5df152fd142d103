"""Pieces and tasks of an input that does not fit into memory: part by part, with the same result as of all at once.

What happened to one task depends on the records of that task and on little else, so each part holds all records of some
tasks. A reader that writes parts

* leaves out what `needed_rows` does not name, and every column that is not in `COLUMNS`;
* puts a record that names its task into the part of that task (any hash of `task_id` will do, the same for all files);
* keeps a record that names a peer alone until the input is read, then puts it where the task of that peer is
  (`tasks_of_peers`; logs of real clients hold none), or by its `peer_id` where nobody says the task;
* puts each record into one part, and the events of `EVERYWHERE` into a small frame of their own besides.

`assign_parts` does so for frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.observed import observe_limits
from dfly_analysis.attempts.rebuild import Tables, observe_part, rebuild, rebuild_part
from dfly_analysis.attempts.records import needed_rows
from dfly_analysis.attempts.background import choose_everywhere, read_background
from dfly_analysis.attempts.words import NONE, NumberArray, Words

if TYPE_CHECKING:
    import pandas as pd

Part: TypeAlias = "Callable[[], pd.DataFrame]"


def rebuild_parts(parts: Sequence[Part], limits: Limits, everywhere: pd.DataFrame | None = None) -> Iterator[Tables]:
    """Rebuild pieces and tasks part by part; only one part is in memory at a time.

    Each part is read twice, unless it is the only one: first to learn which limits were in force (`observe_limits`), then
    for its tables.

    Parameters
    ----------
    parts : sequence of callable
        Each returns the events of some tasks as a frame with the columns of `COLUMNS`; every record of the input that is
        needed is in one of them and in one only.
    limits : Limits
        Settings in force.
    everywhere : pandas.DataFrame, optional
        The events of `EVERYWHERE` of the whole input; where not given, the parts are read once more to collect them.

    Yields
    ------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        Pieces and tasks of each part, in the order of the parts. Together they are the rows of `rebuild`; a peer's are in
        one part.
    """
    known = collect_everywhere(part() for part in parts) if everywhere is None else everywhere
    run_context = read_background(known)
    if len(parts) == 1:
        yield rebuild(parts[0](), limits, run_context)
        return
    corrected = observe_limits((observe_part(part(), limits, run_context) for part in parts), limits)
    for part in parts:
        yield rebuild_part(part(), corrected, run_context)


def collect_everywhere(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the events of `EVERYWHERE` of all frames."""
    import pandas as pd

    return pd.concat([choose_everywhere(frame) for frame in frames], ignore_index=True)


def tasks_of_peers(events: pd.DataFrame) -> dict[str, str]:
    """Return the task of each peer that some record names together with it; of several the first."""
    both = events.loc[events["peer_id"].notna() & events["task_id"].notna(), ["peer_id", "task_id"]].astype("str")
    firsts = both.drop_duplicates("peer_id")
    return dict(zip(firsts["peer_id"], firsts["task_id"], strict=True))


def assign_parts(events: pd.DataFrame, n_parts: int, known: Mapping[str, str] | None = None) -> NumberArray:
    """Return for each event the part it belongs to.

    Parameters
    ----------
    events : pandas.DataFrame
    n_parts : int
    known : mapping of str to str, optional
        Task of each peer in the whole input, as `tasks_of_peers` says of each of its frames.

    Returns
    -------
    numpy.ndarray of int
        From 0; -1 for events that need not be in any part. The same task has the same part in every frame and process.
    """
    task, peer = Words.of(events["task_id"]), Words.of(events["peer_id"])
    of_peer = tasks_of_peers(events) if known is None else known
    by_task = np.append(_hash(task.words) % n_parts, NONE)
    by_peer = np.append(_hash([of_peer.get(peer_id, peer_id) for peer_id in peer.words]) % n_parts, NONE)
    part = np.where(task.codes == NONE, by_peer[peer.codes], by_task[task.codes])
    return np.where(needed_rows(events), np.maximum(part, 0), NONE)  # what names neither is of `EVERYWHERE`: anywhere


def _hash(words: Iterable[str]) -> NumberArray:
    import pandas as pd

    hashed = pd.util.hash_array(np.array([*words, ""], dtype=object), categorize=False)
    return (hashed[:-1] >> np.uint64(1)).astype(np.int64)
