"""From parts to one dataset: copies left out, releases and configuration put over what the user said, attempts rebuilt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis import jobs, metrics, pods
from dfly_analysis.loading.copies import Copies, find_copies, repeated_rows, with_notes
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.lacks import Seen, limits_of, what_lacks
from dfly_analysis.logs.arrow import flags, numbers
from dfly_analysis.logs.schema import arrow_schema, to_frame
from dfly_analysis.sources.memory import give_back
from dfly_analysis.sources.order import path_key
from dfly_analysis.tables import COVERAGE, EVENTS, PIECES, PODS, RUNS, TASKS

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.attempts import Death
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.reconstruction import Terminations
    from dfly_analysis.settings import Settings

_STEPS = re.compile("[/!]")
Finish: TypeAlias = "Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]"
"""What makes the records that are kept from those in order and the pieces rebuilt from them."""


def join(records: Iterable[pa.Table], gathered: Gathered, given: Settings, *, condensed: bool = False) -> Dataset:
    """Join what the files gave.

    Parameters
    ----------
    records : iterable of pyarrow.Table
        In the columns of `arrow_schema`. An iterator is let go of once it is read, so that records are held once.
    gathered : Gathered
        Of all files together.
    given : Settings
        What the user said.
    condensed : bool
        Whether records of pieces that `Dataset.pieces` tells of in full are left out of `Dataset.events`.

    Returns
    -------
    Dataset
    """
    from dfly_analysis.dataset import Dataset

    copies = find_copies(gathered.coverage, gathered.sketches)
    events, finish = _read(_one_table(records), copies, condensed=condensed)
    give_back()
    settings = settle(given, gathered)
    pieces, tasks = _reconstructed(events, settings, deaths_of(gathered))
    handed = events[(events["event_id"] == "job_received").to_numpy(bool)]
    job_frame = jobs.build_jobs(gathered.jobs, handed)
    owner = jobs.job_of_url(job_frame, handed)
    tasks["job_id"] = tasks["url"].map(owner).where(tasks["role"] == "seedClient").astype("str")
    components = set(events["component"].dropna().unique())
    give_back()
    events = EVENTS.check(finish(events, pieces))
    return Dataset(
        events=events, pieces=pieces, tasks=tasks, jobs=job_frame, runs=RUNS.frame(metrics.newest_dumps(gathered.runs) if gathered.runs else ()),
        coverage=COVERAGE.frame(with_notes(gathered.coverage, copies)), settings=settings,
        lacks=what_lacks(components, Seen.of(pieces, tasks)), problems=tuple(gathered.problems),
        pods=PODS.frame(gathered.pods),
    )  # fmt: skip


def _one_table(records: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([arrow_schema().empty_table(), *records])


def _read(table: pa.Table, copies: Copies, *, condensed: bool) -> tuple[pd.DataFrame, Finish]:
    """Return the records in order, and what makes of them those that are kept once pieces are rebuilt.

    Where records are to be condensed, their words and what else rebuilding does not read stay aside until few are left;
    unless there are copies, for these are told by their words.
    """
    import pandas as pd

    from dfly_analysis.loading.condensing import condense, plain, rows_left
    from dfly_analysis.loading.spilling import WORDS, without_words

    if not condensed or copies:
        events = without_copies(to_frame(table, categories=condensed), copies)
        return _taken(events, order_of(events)), condense if condensed else lambda events, _: events
    read = to_frame(without_words(table), categories=True)
    order, count = order_of(read), len(read)
    aside = table.select([name for name in table.column_names if name == WORDS or name not in read.columns])

    def finish(events: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
        left = np.flatnonzero(rows_left(events, pieces))
        places = left if order is None else order[left]
        kept = np.zeros(count, np.bool_)
        kept[places] = True
        few = aside.filter(flags(kept)).unify_dictionaries()  # chunk by chunk; to take rows would join all chunks first
        words = to_frame(few.take(numbers(np.searchsorted(np.flatnonzero(kept), places))))
        made = pd.concat([plain(events.drop(columns=WORDS).iloc[left].reset_index(drop=True)), words], axis=1)
        return made[list(arrow_schema().names)]

    return _taken(read, order), finish


def _reconstructed(events: pd.DataFrame, settings: Settings, terminations: Terminations) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return pieces and tasks, made from frames in an engine of their own until events live in one."""
    import duckdb

    from dfly_analysis.knowledge.needed import COLUMNS
    from dfly_analysis.reconstruction import EffectiveTimeouts, reconstruct

    limits = limits_of(settings)
    timeouts = EffectiveTimeouts(
        limits.piece_timeout_s, limits.pieces_in_flight, limits.siblings_cancelled, limits.write_timeout_s
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", pa.Table.from_pandas(events[list(COLUMNS)], preserve_index=False))
        reconstruct(connection, timeouts, terminations)
        pieces, tasks = (
            table.conform(connection.sql(f"FROM {table.name}").to_arrow_table().to_pandas()) for table in (PIECES, TASKS)
        )
    return pieces, tasks


def deaths_of(gathered: Gathered) -> dict[str, tuple[Death, ...]]:
    """Return what Kubernetes knows of the ends of processes, in the form that rebuilding takes."""
    return {
        host: tuple((_nanoseconds(one.time), one.cause, one.confidence) for one in deaths)
        for host, deaths in pods.deaths_by_host(gathered.pods).items()
    }


def _nanoseconds(time: datetime | None) -> int | None:
    if time is None:
        return None
    import pandas as pd

    return pd.Timestamp(time).value


def settle(given: Settings, gathered: Gathered) -> Settings:
    """Return the settings with the releases and configuration that the input itself names."""
    found = {
        component: max((release for name, release in gathered.versions if name == component), key=_order)
        for component, _ in gathered.versions
    }
    return given.with_versions(**found).with_rendered(gathered.rendered)


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def order_of(events: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """Return the places of records by time; None where they are in order as they are.

    Those of one moment come by their file, the older of a rotated set first, and as they were read: not by their lines, for
    in an export that lists the newest first a later line was written earlier.
    """
    import pandas as pd

    from dfly_analysis.attempts.records import missing_last, nanoseconds

    codes, names = pd.factorize(events["log_path"])
    place = np.empty(len(names), np.int64)
    place[sorted(range(len(names)), key=lambda at: path_key(tuple(_STEPS.split(str(names[at])))))] = np.arange(
        len(names)
    )
    file, time = place[codes], missing_last(nanoseconds(events["time"]))
    falls = (time[1:] < time[:-1]) | ((time[1:] == time[:-1]) & (file[1:] < file[:-1]))
    return np.lexsort((file, time)) if falls.any() else None


def _taken(events: pd.DataFrame, order: npt.NDArray[np.int64] | None) -> pd.DataFrame:
    # To take all rows anew holds all of them twice; a log alone is mostly in order as it is.
    return (events if order is None else events.iloc[order]).reset_index(drop=True)


def without_copies(events: pd.DataFrame, copies: Copies) -> pd.DataFrame:
    """Return the records without those that a copy repeats; what only the copy holds stays."""
    if not copies:
        return events
    places = events.groupby("log_path", observed=True).indices
    kept = np.ones(len(events), np.bool_)
    for copy, originals in copies.items():
        held = [places[path] for path in originals if path in places]
        if copy in places and held:
            own = places[copy]
            kept[own] = ~repeated_rows(events.iloc[own], events.iloc[np.concatenate(held)])
    return events[kept]
