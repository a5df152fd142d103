"""From records and the rest of the files to a dataset: copies removed, settings completed, attempts reconstructed."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dfly_analysis import reconstruction
from dfly_analysis.catalog.releases import is_release, parse_version
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset.clock_offsets import correct_clocks
from dfly_analysis.dataset.completeness import effective_timeouts, missing_inputs
from dfly_analysis.dataset.dataset import Dataset
from dfly_analysis.dataset.deduplication import find_duplicates, remove_copies, with_notes
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.dataset.parquet_schema import table_schema
from dfly_analysis.dataset.run_separation import InputRun, moment, result_of_run, separate_runs
from dfly_analysis.dataset.stored_tables import use_stored_tables
from dfly_analysis.errors import SettingsError
from dfly_analysis.io.file_names import path_key
from dfly_analysis.readers import jobs, pods, prometheus
from dfly_analysis.reconstruction import Terminations
from dfly_analysis.schema import COVERAGE, JOBS, PIECES, PODS, RUNS, TASKS
from dfly_analysis.sql_scripts import text_literal

_STEPS = re.compile("[/!]")
_RECONSTRUCTED = (PIECES.name, TASKS.name, JOBS.name)
_NO_JOBS = pa.schema([*table_schema(JOBS), ("missing_urls", pa.list_(pa.string())), ("checked", pa.bool_()), ("false_success", pa.bool_())])  # fmt: skip
_GIT_VERSION = r'git_version: "v?(\d[\w.+-]*)"'
_CRATE = r"\bdragonfly-client(?:-[a-z]+)*-(\d+\.\d+\.\d+[\w.+-]*)/src/"  # of a client that was built from its published crate


def assemble(
    engine: Engine,
    tables: Sequence[pa.Table],
    parts: Sequence[Path],
    result: FileResult,
    given: Settings,
    *,
    reconstruct: bool = True,
) -> Dataset:
    """Make a dataset of records (`tables`, and `parts` on disk) and what else the files gave; pieces, tasks and jobs unless not `reconstruct`."""
    engine.set_events(tables, parts, _file_order(result))
    copies = find_duplicates(result.coverage, result.fingerprints)
    if copies:
        remove_copies(engine, copies)
    runs = separate_runs(engine, result, copies)
    clocks = correct_clocks(engine, result)
    engine.add_rows(COVERAGE.name, with_notes(result.coverage, copies), table_schema(COVERAGE))
    for table, rows in ((RUNS, prometheus.newest_dumps(result.runs) if result.runs else ()), (PODS, result.pods)):
        engine.add_table_rows(table, rows)
    if runs:
        settings = _assemble_runs(engine, given, result, runs, reconstruct=reconstruct)
    else:
        settings = infer_settings(given, engine, result)
        if reconstruct:
            known = effective_timeouts(settings), terminations(result), clocks
            _add_tables(engine, settings, result, use_stored=not tables and use_stored_tables(engine, parts, known))
    missing = missing_inputs(engine) if reconstruct else ()
    return Dataset(engine, settings, missing, tuple(result.problems), copies, clocks, runs)


def _add_tables(engine: Engine, settings: Settings, result: FileResult, *, use_stored: bool = False) -> None:
    """Add pieces and tasks unless they are there, and jobs."""
    if not use_stored:
        timeouts, ended = effective_timeouts(settings), terminations(result)
        engine.with_memory(lambda: reconstruction.reconstruct(engine.connection, timeouts, ended))
    _add_jobs(engine, result)


def _assemble_runs(
    engine: Engine, given: Settings, result: FileResult, runs: Sequence[InputRun], *, reconstruct: bool
) -> Settings:
    """Add the tables of each run by itself, under its own settings; return those of the last run, with the files of the others for their hosts alone."""
    engine.execute("ALTER VIEW events RENAME TO events_of_runs")
    select = "SELECT * EXCLUDE (run) FROM events_of_runs"
    settings: list[Settings] = []
    for place, run in enumerate((None, *runs)):  # none: what no run could be told of
        name = "NULL" if run is None else text_literal(run.name)
        engine.execute(f"CREATE OR REPLACE VIEW events AS {select} WHERE run IS NOT DISTINCT FROM {name}")
        part = result_of_run(result, run, runs)
        settings.append(infer_settings(given, engine, part))
        if reconstruct:
            _add_tables(engine, settings[-1], part)
            for table in _RECONSTRUCTED:
                engine.execute(f"CREATE TABLE {table}_{place} AS FROM {table}")
    engine.execute(f"CREATE OR REPLACE VIEW events AS {select}")
    for table in _RECONSTRUCTED if reconstruct else ():
        union = " UNION ALL BY NAME ".join(f"FROM {table}_{place}" for place in range(len(settings)))
        if table == JOBS.name:
            engine.add_arrow(table, engine.arrow(union))
        else:
            engine.execute(f"CREATE OR REPLACE TABLE {table} AS {union}")
        for place in range(len(settings)):
            engine.execute(f"DROP TABLE {table}_{place}")
    return replace(settings[-1], rendered_elsewhere=tuple(file for one in settings[:-1] for file in one.rendered))


def _file_order(result: FileResult) -> list[tuple[str, int, bool]]:
    """Return each log with its place in natural order, the older of a rotated set first."""
    newest_first = set(result.newest_first)
    paths = [str(row["path"]) for row in result.coverage if row["kind"] == "log"]
    paths.sort(key=lambda path: path_key(tuple(_STEPS.split(path))))
    return [(path, place, path in newest_first) for place, path in enumerate(paths)]


def infer_settings(given: Settings, engine: Engine, result: FileResult) -> Settings:
    """Return the settings with the releases and configuration that the input itself names."""
    named = engine.rows(
        """
        SELECT DISTINCT component, detail FROM events
        WHERE event_id = 'service_version' AND NOT contains(message, 'GitCommit: unknown') AND detail IS NOT NULL
        UNION SELECT DISTINCT 'client', 'v' || regexp_extract(message, ?, 1) FROM events
        WHERE event_id = 'host_announced' AND regexp_matches(message, ?)
        UNION SELECT DISTINCT 'client', 'v' || regexp_extract(source, ?, 1) FROM (SELECT DISTINCT source FROM events)
        WHERE regexp_matches(source, ?)
        """,
        (_GIT_VERSION, _GIT_VERSION, _CRATE, _CRATE),
    )
    releases: dict[str, str] = {}
    for component, release in [*(found[:2] for found in result.versions), *named]:
        if is_release(release):  # else a label such as `dev` of a build of one's own
            older = releases.get(component, release)
            releases[component] = max(release, older, key=lambda one: parse_version(one).release)
    found = given.with_versions(**releases).with_rendered(result.rendered)
    if not result.values or given.user.entries:
        return found
    if any(one.entries != result.values[0].entries for one in result.values):
        names = ", ".join(one.address for one in result.values[:3])
        hint = "name those of this run with --values"
        result.problems.append(str(SettingsError("several files of Helm values; none is used", where=names, hint=hint)))
        return found
    return found.with_values(result.values[0])


def terminations(result: FileResult) -> Terminations:
    """Return by host what Kubernetes knows of the ends of its processes: time in nanoseconds, cause, confidence."""
    return {
        host: tuple(
            (int(moment(one.time).astype(np.int64)) if one.time else None, one.cause, one.confidence) for one in ends
        )
        for host, ends in pods.terminations_by_host(result.pods).items()
    }


def _add_jobs(engine: Engine, result: FileResult) -> None:
    """Add `jobs`, and the job of each task of a seed client; without jobs pandas is not loaded."""
    if not result.jobs and not engine.rows("SELECT 1 FROM events WHERE event_id = 'job_received' LIMIT 1"):
        engine.add_rows(JOBS.name, (), _NO_JOBS)
        return
    received = engine.frame("SELECT event_id, message FROM events WHERE event_id = 'job_received'")
    frame = jobs.build_jobs(result.jobs, received)
    engine.add_frame(JOBS, frame)
    owner = jobs.job_of_url(frame, received)
    if not owner:
        return
    engine.add_rows("job_of_url", list(owner.items()), pa.schema([("url", pa.string()), ("job_id", pa.string())]))
    is_owned = "tasks.url = job_of_url.url AND tasks.role = 'seedClient'"
    engine.execute(f"UPDATE tasks SET job_id = job_of_url.job_id FROM job_of_url WHERE {is_owned}")
