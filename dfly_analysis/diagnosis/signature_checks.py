"""Verdicts on the known error signatures: present or not, counted in failures rather than lines."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from dfly_analysis.catalog.error_signatures import Signature, is_benign, load_signatures, signatures_in
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts, iso
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, join, message, plural
from dfly_analysis.sql_scripts import sql

FOLD_S = 2.0
_BAD_LEVELS = "('WARN', 'ERROR', 'FATAL')"
# Logged at info level, yet reporting a failure.
_INFO_FAILURES = "('job_failed', 'peer_failed', 'job_processed')"
# Layers that fail something; the others repeat or wrap it.
_FAILING = ("cause", "symptom")


class _Counts(NamedTuple):
    """Counts over the records that match a signature; a failure counts once however many lines report it."""

    lines: int
    failures: int
    tasks: int
    first: int | None
    last: int | None
    echoes: int
    texts: int


def check_signatures(dataset: Dataset, *, is_fragment: bool = False) -> list[Finding]:
    """Return the verdict on every signature that is a finding; in a fragment every signature that it shows is one.

    ``count`` is failures: lines of one piece within two seconds are one, a task's line counts only if no piece of it does, and
    what scheduler and manager repeat counts only if no client logs it.
    """
    _match(dataset, is_fragment=is_fragment)
    counts = _count(dataset)
    failing = {one.id for one in load_signatures() if one.id in counts and one.layer in _FAILING}
    shown = failing or counts.keys()  # what wraps or repeats a failure is shown where nothing else is known of it
    components = {name for (name,) in dataset.rows("SELECT DISTINCT component FROM events WHERE component IS NOT NULL")}
    ((tasks, failed),) = dataset.rows(f"SELECT count(*), count(*) FILTER ({FAILED}) FROM tasks")
    return [
        _found(signature, counts[signature.id], dataset, tasks, failed)
        if signature.id in counts
        else _not_found(signature, components)
        for signature in load_signatures()
        if signature.finding or signature.id in shown
    ]


_SUSPECTS = f"""
    SELECT component, host, time, task_id, url, peer_id, piece_number, log_path, log_line, message, text FROM events
    WHERE message IS NOT NULL AND (level IN {_BAD_LEVELS} OR event_id IN {_INFO_FAILURES})
    UNION ALL SELECT 'manager', NULL, ended, NULL, NULL, NULL, NULL, log_path, log_line, error, NULL FROM jobs
    WHERE error IS NOT NULL
"""
"""Records that may report a failure; the error text of a job is one too: often it is all that a user has."""


def _match(dataset: Dataset, *, is_fragment: bool) -> None:
    """Make `matches`: the records that match a signature."""
    wanted = {one.id for one in load_signatures() if one.finding or (is_fragment and one.layer != "benign")}
    found = [
        {"message": text, "signature": one.id}
        for (text,) in dataset.rows(f"SELECT DISTINCT message FROM ({_SUSPECTS})")
        if not is_benign(text)
        for one in signatures_in(text)
        if one.id in wanted
    ]
    schema = pa.schema([("message", pa.string()), ("signature", pa.string())])
    dataset.engine.add_rows("signatures_of_messages", found, schema)
    echoes = [{"signature": one.id, "echo_of": one.echo_of} for one in load_signatures() if one.echo_of]
    dataset.engine.add_rows("echoes", echoes, pa.schema([("signature", pa.string()), ("echo_of", pa.string())]))
    dataset.engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE matches AS
        SELECT suspects.*, s.signature, other.signature IS NOT NULL AS is_echo_of FROM ({_SUSPECTS}) AS suspects
        JOIN signatures_of_messages s USING (message) LEFT JOIN echoes USING (signature)
        LEFT JOIN signatures_of_messages other ON other.message = suspects.message AND other.signature = echoes.echo_of
    """)


def _count(dataset: Dataset) -> dict[str, _Counts]:
    rows = dataset.rows(sql("diagnosis", "failure_counts"), (int(FOLD_S * 1e9),))
    return {signature: _Counts(*counts) for signature, *counts in rows}


def _found(signature: Signature, counts: _Counts, dataset: Dataset, tasks: int, failed: int) -> Finding:
    echo_of = signature.echo_of if signature.echo_of and counts.echoes * 2 > counts.texts else None
    of_failure = counts.tasks or not tasks  # where no task is seen, as in a paste, the text alone counts
    severity = signature.severity if of_failure else "low" if signature.layer in _FAILING else "info"
    return Finding(
        signature.id, signature.title, "present", severity, counts.failures, counts.tasks, iso(counts.first), iso(counts.last),
        signature.knob, _reason(signature, counts, dataset, echo_of, tasks, failed), echo_of,
        evidence_in(dataset, "SELECT * FROM matches WHERE signature = ?", (signature.id,)),
        signature.cause if signature.layer == "cause" and signature.cause != "unknown" else None,
    )  # fmt: skip


def _not_found(signature: Signature, components: set[str]) -> Finding:
    component = signature.component
    needs = {"any": {"client", "scheduler"}, "kubernetes": {"kubernetes"}}.get(component, {component})
    if needs & components:
        return Finding(
            signature.id, signature.title, "absent", "info", knob=signature.knob, reason=message("no line matches")
        )
    reason = message(
        "the input contains no log of these components: {components}", components=format_list(sorted(needs))
    )
    return Finding(signature.id, signature.title, "unknown", "info", knob=signature.knob, reason=reason)


def _reason(
    signature: Signature, counts: _Counts, dataset: Dataset, echo_of: str | None, tasks: int, failed: int
) -> Message:
    is_failing = signature.layer in _FAILING
    lines = plural("{n} line", "{n} lines", counts.lines)
    if is_failing:
        failures = plural("{n} failure in {lines}", "{n} failures in {lines}", counts.failures, lines=lines)
    else:
        failures = plural("{n} occurrence in {lines}", "{n} occurrences in {lines}", counts.failures, lines=lines)
    facts = [_with_source(failures, dataset, signature.id)]
    if failed:
        facts.append(
            plural("{tasks:,} of {n} failed task", "{tasks:,} of {n} failed tasks", failed, tasks=counts.tasks)
        )
    elif is_failing and tasks:
        facts.append(message("no task failed"))
    if echo_of:
        facts.append(message("duplicates of `{finding}`, not failures of their own", finding=echo_of))
    if signature.id == "error_decoding_response_body":
        facts += _outcomes(dataset)
    return message("{facts}.", facts=join(facts, "; "))


def _with_source(failures: Message, dataset: Dataset, signature_id: str) -> Message:
    """Add where the lines were found."""
    hosts = dataset.rows(
        "SELECT host FROM matches WHERE signature = ? AND host IS NOT NULL GROUP BY host ORDER BY count(*) DESC, host",
        (signature_id,),
    )
    if hosts:
        return message("{failures} on {hosts}", failures=failures, hosts=format_hosts(host for (host,) in hosts))
    query = "SELECT bool_and(component = 'manager') FROM matches WHERE signature = ?"
    is_job = dataset.rows(query, (signature_id,))[0][0]
    return message("{failures} of job records", failures=failures) if is_job else failures


def _outcomes(dataset: Dataset) -> Iterator[Message]:
    """Yield how the failed pieces of the tasks with this signature ended."""
    counts = dict(
        dataset.rows("""
            SELECT outcome, count(*) FROM pieces
            WHERE peer_id IN (SELECT peer_id FROM matches WHERE signature = 'error_decoding_response_body')
            AND outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL GROUP BY outcome
        """)
    )
    total = sum(counts.values())
    if cut := counts.get("timeout"):
        yield message("{cut:,} of {n:,} failed pieces hit the piece timeout or name a timeout", cut=cut, n=total)
    if reset := counts.get("reset"):
        yield message(
            "{reset:,} of {n:,} failed pieces ended before their timeout: the connection was cut", reset=reset, n=total
        )
