"""Tables that `load -o` reconstructed, used again where the same records, settings and release would give the same."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from dfly_analysis.dataset.clock_offsets import ClockOffset
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.event_parts import package_hash
from dfly_analysis.reconstruction import EffectiveTimeouts, Terminations
from dfly_analysis.sql_scripts import text_literal

METADATA_KEY = b"dfly_analysis.reconstruction"
REST_PART = "part-rest.parquet"  # part without records
INCOMPLETE = "events.parquet/incomplete.json"
"""Stands beside the parts while they are written: says which process writes them."""
_ROLES = ("client", "seedClient")


_Known: TypeAlias = tuple[EffectiveTimeouts, Terminations, Sequence[ClockOffset]]


def reconstruction_key(engine: Engine, parts: Sequence[Path], known: _Known) -> str:
    """Return a hash of all that pieces and tasks follow from: the parts, the settings of each host, what Kubernetes knows, offsets of clocks, the release."""
    timeouts, terminations, clocks = known
    hosts = [host for (host,) in engine.rows("SELECT DISTINCT host FROM events ORDER BY host")]
    own = timeouts.shortest_s, timeouts.pieces_in_flight, timeouts.siblings_cancelled
    settings = [[host, role, *(setting(role, host) for setting in own)] for host in hosts for role in _ROLES]
    records = sorted((path.name, path.stat().st_size) for path in parts if path.name != REST_PART)
    other = [sorted(terminations.items()), [str(clock) for clock in clocks]]
    return hashlib.sha256(json.dumps([package_hash(), records, settings, *other]).encode()).hexdigest()


def use_stored_tables(engine: Engine, parts: Sequence[Path], known: _Known) -> bool:
    """Define `pieces` and `tasks` from the files next to the folder of the parts; return False where there are none that fit."""
    folders = {path.parent for path in parts}
    if len(folders) != 1:
        return False
    pieces, tasks = (folder.parent / f"{name}.parquet" for folder in folders for name in ("pieces", "tasks"))
    keys = {_stored_key(pieces), _stored_key(tasks)}
    if None in keys or keys != {reconstruction_key(engine, parts, known)}:
        return False
    engine.execute(f"CREATE VIEW pieces AS SELECT * FROM read_parquet({text_literal(str(pieces))})")
    engine.execute(f"CREATE TABLE tasks AS SELECT * FROM read_parquet({text_literal(str(tasks))})")
    return True


def _stored_key(path: Path) -> str | None:
    try:
        return (pq.read_metadata(path).metadata or {}).get(METADATA_KEY, b"").decode() or None
    except (pa.ArrowException, OSError, ValueError):
        return None
