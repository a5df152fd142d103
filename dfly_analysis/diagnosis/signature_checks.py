"""Verdicts on the known error signatures: present or not, counted in failures rather than lines."""

from collections.abc import Iterator
from typing import NamedTuple

from dfly_analysis.catalog.error_signatures import Signature, failures_in, load_signatures
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import add_relation
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts, iso
from dfly_analysis.findings import Finding, Verdict
from dfly_analysis.messages import Message, format_list, join, message, plural
from dfly_analysis.sql_scripts import sql

FOLD_S = 2.0
_SUSPECTS = sql("diagnosis", "suspects")
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

    Failures count once: lines of one piece within two seconds are one, and repetitions by scheduler and manager count only without a client's.
    """
    _match(dataset, is_fragment=is_fragment)
    rows = dataset.rows(sql("diagnosis", "failure_counts"), (int(FOLD_S * 1e9),))
    counts = {signature: _Counts(*own) for signature, *own in rows}
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


def _match(dataset: Dataset, *, is_fragment: bool) -> None:
    """Make `matches`: the records that match a signature."""
    wanted = {one.id for one in load_signatures() if one.finding or (is_fragment and one.layer != "benign")}
    suspects = _SUSPECTS if is_fragment else f"SELECT * FROM ({_SUSPECTS}) WHERE is_bad"
    texts = dataset.rows(f"SELECT message, bool_or(is_bad) FROM ({suspects}) GROUP BY message")
    shown = ((text, one.id) for text, is_bad in texts for one in failures_in(text, is_bad_level=is_bad))
    found = [(text, signature) for text, signature in shown if signature in wanted]
    add_relation(dataset, "signatures_of_messages", found, message=str, signature=str)
    echoes = [(one.id, one.echo_of) for one in load_signatures() if one.echo_of]
    add_relation(dataset, "echoes", echoes, signature=str, echo_of=str)
    dataset.engine.execute(sql("diagnosis", "matches", SUSPECTS=suspects))


def _found(signature: Signature, counts: _Counts, dataset: Dataset, tasks: int, failed: int) -> Finding:
    echo_of = signature.echo_of if signature.echo_of and counts.echoes * 2 > counts.texts else None
    of_failure = counts.tasks or not tasks  # where no task is seen, as in a paste, the text alone counts
    is_failing, lines = signature.layer in _FAILING, plural("{n} line", "{n} lines", counts.lines)
    severity = signature.severity if of_failure else "low" if is_failing else "info"
    failures = plural("{n} occurrence in {lines}", "{n} occurrences in {lines}", counts.failures, lines=lines)
    if is_failing:
        failures = plural("{n} failure in {lines}", "{n} failures in {lines}", counts.failures, lines=lines)
    of_tasks: str = message("no task failed") if is_failing and tasks else ""
    if failed:
        of_tasks = plural("{tasks:,} of {n} failed task", "{tasks:,} of {n} failed tasks", failed, tasks=counts.tasks)
    facts = [
        _with_source(failures, dataset, signature.id),
        of_tasks,
        message("duplicates of `{finding}`, not failures of their own", finding=echo_of) if echo_of else "",
        *(_outcomes(dataset) if signature.id == "error_decoding_response_body" else ()),
    ]
    return Finding(
        signature.id, signature.title, "present", severity, counts.failures, counts.tasks, iso(counts.first), iso(counts.last),
        signature.knob, message("{facts}.", facts=join(filter(None, facts), "; ")), echo_of,
        evidence_in(dataset, "SELECT * FROM matches WHERE signature = ?", (signature.id,)),
        signature.cause if signature.layer == "cause" and signature.cause != "unknown" else None,
    )  # fmt: skip


def _not_found(signature: Signature, components: set[str]) -> Finding:
    needs = {"any": {"client", "scheduler"}}.get(signature.component, {signature.component})
    names, reason = format_list(sorted(needs)), message("no line matches")
    verdict: Verdict = "absent"
    if not needs & components:
        reason = message("the input contains no log of these components: {components}", components=names)
        verdict = "unknown"
    return Finding(signature.id, signature.title, verdict, "info", knob=signature.knob, reason=reason)


def _with_source(failures: Message, dataset: Dataset, signature_id: str) -> Message:
    """Add where the lines were found."""
    own = "FROM matches WHERE signature = ?"
    by_host = f"SELECT host {own} AND host IS NOT NULL GROUP BY host ORDER BY count(*) DESC, host"
    if hosts := dataset.rows(by_host, (signature_id,)):
        return message("{failures} on {hosts}", failures=failures, hosts=format_hosts(host for (host,) in hosts))
    is_job = dataset.rows(f"SELECT bool_and(component = 'manager' AND text IS NULL) {own}", (signature_id,))[0][0]
    return message("{failures} of job records", failures=failures) if is_job else failures


def _outcomes(dataset: Dataset) -> Iterator[Message]:
    """Yield how the failed pieces of the tasks with this signature ended."""
    rows = dataset.rows("""
        SELECT outcome, count(*) FROM pieces
        WHERE peer_id IN (SELECT peer_id FROM matches WHERE signature = 'error_decoding_response_body')
            AND outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL GROUP BY outcome""")
    counts = dict(rows)
    total, cut, reset = sum(counts.values()), counts.get("timeout"), counts.get("reset")
    if cut:
        yield message("{cut:,} of {n:,} failed pieces hit the piece timeout or name a timeout", cut=cut, n=total)
    if reset:
        values = {"reset": reset, "n": total}
        yield message("{reset:,} of {n:,} failed pieces ended before their timeout: the connection was cut", **values)
