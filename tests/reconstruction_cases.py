"""Reconstruction from a few lines of log, or from records given as mappings, without the rest of loading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from reading_cases import PEER, TASK, line, read

from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.reconstruction import EffectiveTimeouts, Terminations, reconstruct
from dfly_analysis.schema import PIECES, TASKS

Tables = tuple[pd.DataFrame, pd.DataFrame]
CLIENT_LOG = "seed-client-0/dfdaemon/dfdaemon.log"
SCHEDULER_LOG = "s/scheduler/core.log"
TIMED_OUT = "error decoding response body: request or response body error: operation timed out"


def timeouts(
    timeout_s: float | None = 6.0,
    *,
    in_flight: int | None = 2,
    cancelled: bool = True,
    write_timeout_s: float | None = None,
) -> EffectiveTimeouts:
    """Return the same settings for all hosts."""
    return EffectiveTimeouts(
        lambda _role, _host: timeout_s, lambda _role, _host: in_flight, lambda _role, _host: cancelled, lambda _role, _host: write_timeout_s
    )  # fmt: skip


def records_of(*files: tuple[str, str]) -> pa.Table:
    """Return the records of logs, each an address and its text."""
    frames = [read(text, address).events for address, text in files]
    return to_arrow(pd.concat(frames, ignore_index=True))


def to_arrow(events: pd.DataFrame) -> pa.Table:
    """Return records in the columns of a reader."""
    plain = pa.schema(
        [(one.name, one.type.value_type if pa.types.is_dictionary(one.type) else one.type) for one in arrow_schema()]
    )
    return pa.Table.from_pandas(events.reindex(columns=plain.names), plain, preserve_index=False)


def records(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return records given as mappings; what one lacks is missing."""
    listed = list(rows)
    return to_arrow(pd.DataFrame({name: [row.get(name) for row in listed] for name in arrow_schema().names}))


def connect(*parts: pa.Table, memory_limit: str = "400MB") -> duckdb.DuckDBPyConnection:
    """Return an engine whose `events` are the records of all parts."""
    connection = duckdb.connect(config={"memory_limit": memory_limit, "threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    for number, part in enumerate(parts):
        connection.register(f"part_{number}", part)
    union = " UNION ALL ".join(f"FROM part_{number}" for number in range(len(parts)))
    connection.execute(f"CREATE VIEW events AS {union}")
    return connection


def tables_of(connection: duckdb.DuckDBPyConnection) -> Tables:
    """Return pieces and tasks in the types of their tables."""
    pieces, tasks = (
        table.conform(connection.sql(f"FROM {table.name}").to_arrow_table().to_pandas()) for table in (PIECES, TASKS)
    )
    return pieces, tasks


def reconstructed(
    *parts: pa.Table, settings: EffectiveTimeouts | None = None, terminations: Terminations | None = None
) -> Tables:
    """Return pieces and tasks of records."""
    with connect(*parts) as connection:
        reconstruct(connection, settings or timeouts(), terminations)
        return tables_of(connection)


def rebuilt(*files: tuple[str, str], **settings: Any) -> Tables:
    """Return pieces and tasks of logs."""
    return reconstructed(records_of(*files), settings=timeouts(**settings))


def client(*lines: str, address: str = CLIENT_LOG) -> tuple[str, str]:
    return address, "\n".join(lines) + "\n"


def scheduler(*lines: str) -> tuple[str, str]:
    return SCHEDULER_LOG, "\n".join(lines) + "\n"


def restarted(second: float) -> str:
    return line(second, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans="")


def began(second: float) -> str:
    return line(second, "download task started: Download {  }")


def started(second: float, number: int) -> str:
    return line(second, f"start to download piece {TASK}-{number} from source")


def finished(second: float, number: int) -> str:
    return line(second, f"finished piece {TASK}-{number} from source")


def failed(second: float, number: int, words: str = "error decoding response body") -> str:
    ids = f'task_id="{TASK}" peer_id="{PEER}" piece_id="{TASK}-{number}"'
    return "\n".join(
        [
            line(second, f'copy "/content/{TASK}" failed: {words}', level="ERROR", ids=ids),
            line(second + 0.0001, f"download piece finished: {words}", level="ERROR", ids=ids),
        ]
    )


def deleted(second: float, number: int) -> str:
    return line(second, f"delete piece metadata {TASK}-{number}")


def planned(second: float, numbers: Iterable[int], stage: str = "downloading from scheduler") -> str:
    return line(second, f"interested pieces after {stage}: {list(numbers)}")
