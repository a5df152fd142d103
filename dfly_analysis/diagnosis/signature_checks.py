"""Verdicts on the known error signatures: seen or not, counted in failures rather than lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from dfly_analysis.catalog.error_signatures import Signature, is_benign, load_signatures, signatures_in
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts, iso, plural
from dfly_analysis.findings import Finding

FOLD_S = 2.0
_BAD_LEVELS = "('WARN', 'ERROR', 'FATAL')"
# Logged at info level, yet reporting a failure.
_INFO_FAILURES = "('job_failed', 'peer_failed', 'job_processed')"
# Layers that fail something; the others repeat or wrap it.
_FAILING = ("cause", "symptom")


class _Counts(NamedTuple):
    """What the records that show a signature come to: failures are counted once however many lines report them."""

    lines: int
    failures: int
    tasks: int
    first: int | None
    last: int | None
    echoes: int
    texts: int


def check_signatures(dataset: Dataset) -> list[Finding]:
    """Give a verdict on every signature that is a finding.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    list of Finding
        ``count`` is failures: lines of one piece within two seconds are one, a task's line counts only where no piece
        of it does, and what scheduler and manager repeat counts only where no client logs it.
    """
    _match(dataset)
    counts = _count(dataset)
    components = {name for (name,) in dataset.rows("SELECT DISTINCT component FROM events WHERE component IS NOT NULL")}
    ((tasks, failed),) = dataset.rows("SELECT count(*), count(*) FILTER (outcome IN ('failed', 'died')) FROM tasks")
    return [
        _verdict(one, counts[one.id], dataset, tasks, failed) if one.id in counts else _not_found(one, components)
        for one in load_signatures()
        if one.finding
    ]


_SUSPECTS = f"""
    SELECT component, host, time, task_id, url, peer_id, piece_number, log_path, log_line, message, text FROM events
    WHERE message IS NOT NULL AND (level IN {_BAD_LEVELS} OR event_id IN {_INFO_FAILURES})
    UNION ALL SELECT 'manager', NULL, ended, NULL, NULL, NULL, NULL, log_path, log_line, error, NULL FROM jobs
    WHERE error IS NOT NULL
"""
"""Records that may report a failure; the error text of each job is one too: often it is all that a user has."""


def _match(dataset: Dataset) -> None:
    """Make `shown`: the records that show a signature."""
    wanted = {one.id for one in load_signatures() if one.finding}
    found = [
        {"message": message, "signature": one.id}
        for (message,) in dataset.rows(f"SELECT DISTINCT message FROM ({_SUSPECTS})")
        if not is_benign(message)
        for one in signatures_in(message)
        if one.id in wanted
    ]
    schema = pa.schema([("message", pa.string()), ("signature", pa.string())])
    dataset.engine.add_rows("signatures_of_messages", found, schema)
    echoes = [{"signature": one.id, "echo_of": one.echo_of} for one in load_signatures() if one.echo_of]
    dataset.engine.add_rows("echoes", echoes, pa.schema([("signature", pa.string()), ("echo_of", pa.string())]))
    dataset.engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE shown AS
        SELECT suspects.*, s.signature, other.signature IS NOT NULL AS is_echo_of FROM ({_SUSPECTS}) AS suspects
        JOIN signatures_of_messages s USING (message) LEFT JOIN echoes USING (signature)
        LEFT JOIN signatures_of_messages other ON other.message = suspects.message AND other.signature = echoes.echo_of
    """)


def _count(dataset: Dataset) -> dict[str, _Counts]:
    rows = dataset.rows(
        """
        WITH client AS (
            SELECT signature, peer_id, piece_number, host, nanoseconds(time) AS ns,
                CASE WHEN peer_id IS NULL THEN 'free' WHEN piece_number IS NULL THEN 'task' ELSE 'piece' END AS kind
            FROM shown WHERE component = 'client'
        ), gaps AS (
            SELECT signature, kind, ns - lag(ns) OVER (
                PARTITION BY signature, kind, CASE WHEN kind = 'free' THEN host ELSE peer_id END,
                    CASE WHEN kind = 'piece' THEN piece_number END ORDER BY ns
            ) AS gap FROM client WHERE kind <> 'task'
        ), bursts AS (
            SELECT signature, count(*) AS n FROM gaps WHERE gap IS NULL OR gap > ? GROUP BY signature
        ), of_tasks AS (
            SELECT signature, count(DISTINCT peer_id) AS n FROM client t WHERE kind = 'task' AND NOT EXISTS (
                SELECT 1 FROM client p WHERE p.kind = 'piece' AND p.signature = t.signature AND p.peer_id = t.peer_id
            ) GROUP BY signature
        ), repeated AS (
            SELECT signature, count(DISTINCT coalesce(task_id, url, message)) AS n FROM shown GROUP BY signature
            HAVING count(*) FILTER (component = 'client') = 0
        ), failed AS (SELECT peer_id, task_id, url FROM tasks WHERE outcome IN ('failed', 'died')
        ), numbered AS (SELECT row_number() OVER () AS place, * FROM failed
        ), concerned AS (
            SELECT DISTINCT signature, place FROM numbered JOIN shown USING (peer_id)
            UNION SELECT DISTINCT signature, place FROM numbered n JOIN shown s ON s.peer_id IS NULL AND s.task_id = n.task_id
            UNION SELECT DISTINCT signature, place FROM numbered n JOIN shown s ON s.peer_id IS NULL AND s.url = n.url
        ), of_failed AS (SELECT signature, count(*) AS n FROM concerned GROUP BY signature)
        SELECT signature, count(*), coalesce(any_value(bursts.n), 0) + coalesce(any_value(of_tasks.n), 0) + coalesce(any_value(repeated.n), 0),
            coalesce(any_value(of_failed.n), 0), min(nanoseconds(time)), max(nanoseconds(time)),
            count(*) FILTER (is_echo_of), count(message)
        FROM shown LEFT JOIN bursts USING (signature) LEFT JOIN of_tasks USING (signature)
        LEFT JOIN repeated USING (signature) LEFT JOIN of_failed USING (signature)
        GROUP BY signature
        """,
        (int(FOLD_S * 1e9),),
    )
    return {signature: _Counts(*counts) for signature, *counts in rows}


def _verdict(one: Signature, counts: _Counts, dataset: Dataset, tasks: int, failed: int) -> Finding:
    echo_of = one.echo_of if one.echo_of and counts.echoes * 2 > counts.texts else None
    severity = one.severity if counts.tasks else "low" if one.layer in _FAILING else "info"
    return Finding(
        one.id, one.title, "present", severity, counts.failures, counts.tasks, iso(counts.first), iso(counts.last), one.knob,
        _reason(one, counts, dataset, echo_of, tasks, failed), echo_of,
        evidence_in(dataset, "SELECT * FROM shown WHERE signature = ?", (one.id,)),
    )  # fmt: skip


def _not_found(one: Signature, components: set[str]) -> Finding:
    needs = {"any": {"client", "scheduler"}, "kubernetes": {"kubernetes"}}.get(one.component, {one.component})
    if needs & components:
        return Finding(one.id, one.title, "absent", "info", knob=one.knob, reason="no line shows it")
    reason = f"the input holds no log of a {' or '.join(sorted(needs))}"
    return Finding(one.id, one.title, "unknown", "info", knob=one.knob, reason=reason)


def _reason(one: Signature, counts: _Counts, dataset: Dataset, echo_of: str | None, tasks: int, failed: int) -> str:
    noun = "failure" if one.layer in _FAILING else "sighting"
    parts = [f"{plural(counts.failures, noun)} in {plural(counts.lines, 'line')}{_where(dataset, one.id)}"]
    if failed:
        parts.append(f"{counts.tasks} of {plural(failed, 'failed task')}")
    elif one.layer in _FAILING and tasks:
        parts.append("no task failed")
    if echo_of:
        parts.append(f"repeats `{echo_of}`, no failure of its own")
    if one.id == "error_decoding_response_body":
        parts += _timing(dataset)
    return "; ".join(parts) + "."


def _where(dataset: Dataset, signature_id: str) -> str:
    hosts = dataset.rows(
        "SELECT host FROM shown WHERE signature = ? AND host IS NOT NULL GROUP BY host ORDER BY count(*) DESC, host",
        (signature_id,),
    )
    if hosts:
        return f" on {format_hosts([host for (host,) in hosts])}"
    query = "SELECT bool_and(component = 'manager') FROM shown WHERE signature = ?"
    return " of job records" if dataset.rows(query, (signature_id,))[0][0] else ""


def _timing(dataset: Dataset) -> Iterator[str]:
    counts = dict(
        dataset.rows("""
            SELECT outcome, count(*) FROM pieces
            WHERE peer_id IN (SELECT peer_id FROM shown WHERE signature = 'error_decoding_response_body')
            AND outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL GROUP BY outcome
        """)
    )
    total = sum(counts.values())
    for outcome, words in (
        ("timeout", "hit the piece timeout in force, or name a timeout"),
        ("reset", "ended before their timeout: the connection was cut"),
    ):
        if counts.get(outcome):
            yield f"{counts[outcome]} of {plural(total, 'failed piece')} {words}"
