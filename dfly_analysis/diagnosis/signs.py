"""Verdicts on the known signatures: seen or not, counted in failures rather than lines."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dfly_analysis.catalog.error_signatures import Signature, is_benign, load_signatures, signatures_in
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.evidence import evidence_of, hosts_in_words, iso, plural
from dfly_analysis.findings import Finding
from dfly_analysis.tables import EVENTS

FOLD_S = 2.0
_BAD_LEVELS = ("WARN", "ERROR", "FATAL")
# Said at info level, yet reporting a failure.
_INFO_FAILURES = ("job_failed", "peer_failed", "job_processed")
# Layers that fail something; the others repeat or wrap it.
_FAILING = ("cause", "symptom")


def find_signs(dataset: Dataset) -> list[Finding]:
    """Give a verdict on every signature that is a finding.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    list of Finding
        ``count`` is failures: lines of one piece within two seconds are one, a task's line counts only where no piece
        of it does, and what scheduler and manager repeat counts only where no client says it.
    """
    events = dataset.events
    bad = events[events["level"].isin(_BAD_LEVELS) | events["event_id"].isin(_INFO_FAILURES)]
    bad = _with_job_errors(bad, dataset.jobs)
    matched = _match(bad)
    failed = set(dataset.failed_tasks["peer_id"].dropna())
    components = set(events["component"].dropna().unique())
    return [_verdict(one, matched.get(one.id), dataset, failed, components) for one in load_signatures() if one.finding]


def _with_job_errors(bad: pd.DataFrame, jobs: pd.DataFrame) -> pd.DataFrame:
    """Add the error text of each job: often it is all that a user holds."""
    failed = jobs[jobs["error"].notna()]
    if failed.empty:
        return bad
    rows = EVENTS.frame(
        {
            "time": failed["ended"], "level": "ERROR", "component": "manager", "message": failed["error"], "job_id": failed["job_id"],
            "log_path": failed["log_path"], "log_line": failed["log_line"],
        }
    )  # fmt: skip
    return pd.concat([bad, rows], ignore_index=True)


def _match(bad: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows that show each finding's signature; each distinct text is looked at once."""
    wanted = {one.id for one in load_signatures() if one.finding}
    shown: dict[str, list[str]] = {}
    for text in bad["message"].dropna().unique():
        if not is_benign(text):
            for one in signatures_in(text):
                if one.id in wanted:
                    shown.setdefault(one.id, []).append(text)
    return {signature_id: bad[bad["message"].isin(texts)] for signature_id, texts in shown.items()}


def _verdict(
    one: Signature, rows: pd.DataFrame | None, dataset: Dataset, failed: set[str], components: set[str]
) -> Finding:
    if rows is None or rows.empty:
        return _not_seen(one, components)
    count = count_failures(rows)
    tasks = _tasks(rows, dataset.failed_tasks, failed)
    echo_of = one.echo_of if one.echo_of and _is_echo(rows, one.echo_of) else None
    severity = one.severity if tasks else "low" if one.layer in _FAILING else "info"
    return Finding(
        one.id, one.title, "present", severity, count, tasks, iso(rows["time"].min()), iso(rows["time"].max()), one.knob,
        _reason(rows, count, tasks, dataset, echo_of, one), echo_of, evidence_of(rows),
    )  # fmt: skip


def _not_seen(one: Signature, components: set[str]) -> Finding:
    needs = {"any": {"client", "scheduler"}, "kubernetes": {"kubernetes"}}.get(one.component, {one.component})
    if needs & components:
        return Finding(one.id, one.title, "absent", "info", knob=one.knob, reason="no line shows it")
    reason = f"the input holds no log of a {' or '.join(sorted(needs))}"
    return Finding(one.id, one.title, "unknown", "info", knob=one.knob, reason=reason)


def count_failures(rows: pd.DataFrame) -> int:
    """Count failures behind lines: echoes of one failure count once."""
    client = rows[rows["component"] == "client"]
    if client.empty:
        ids = rows["task_id"].fillna(rows["url"]).fillna(rows["message"])
        return int(ids.nunique())
    pieces = client[client["piece_number"].notna() & client["peer_id"].notna()]
    rest = client[
        client["piece_number"].isna() & client["peer_id"].notna() & ~client["peer_id"].isin(pieces["peer_id"])
    ]
    free = client[client["peer_id"].isna()]
    return _bursts(pieces, ["peer_id", "piece_number"]) + int(rest["peer_id"].nunique()) + _bursts(free, ["host"])


def _bursts(rows: pd.DataFrame, keys: list[str]) -> int:
    if rows.empty:
        return 0
    ordered = rows.sort_values("time")
    gaps = ordered.groupby(keys, dropna=False)["time"].diff().dt.total_seconds()
    return int((gaps.isna() | (gaps > FOLD_S)).sum())


def _tasks(rows: pd.DataFrame, failed_tasks: pd.DataFrame, failed: set[str]) -> int:
    by_peer = failed_tasks["peer_id"].isin(set(rows["peer_id"].dropna()) & failed)
    named = rows[rows["peer_id"].isna()]
    same = failed_tasks["task_id"].isin(named["task_id"].dropna()) | failed_tasks["url"].isin(named["url"].dropna())
    return int((by_peer | same).sum())


def _is_echo(rows: pd.DataFrame, of: str) -> bool:
    texts = rows["message"].dropna()
    return bool(sum(of in (one.id for one in signatures_in(text)) for text in texts) * 2 > len(texts))


def _reason(rows: pd.DataFrame, count: int, tasks: int, dataset: Dataset, echo_of: str | None, one: Signature) -> str:
    lines = len(rows)
    noun = "failure" if one.layer in _FAILING else "sighting"
    parts = [f"{plural(count, noun)} in {plural(lines, 'line')}{_where(rows)}"]
    total = len(dataset.failed_tasks)
    if total:
        parts.append(f"{tasks} of {plural(total, 'failed task')}")
    elif one.layer in _FAILING and len(dataset.tasks):
        parts.append("no task failed")
    if echo_of:
        parts.append(f"repeats `{echo_of}`, no failure of its own")
    if one.id == "error_decoding_response_body":
        parts += _timing(rows, dataset.pieces)
    return "; ".join(parts) + "."


def _where(rows: pd.DataFrame) -> str:
    return (
        f" on {hosts_in_words(rows)}"
        if rows["host"].notna().any()
        else " of job records"
        if rows["component"].eq("manager").all()
        else ""
    )


def _timing(rows: pd.DataFrame, pieces: pd.DataFrame) -> Iterable[str]:
    failed = pieces[
        pieces["peer_id"].isin(rows["peer_id"].dropna())
        & ~pieces["outcome"].isin(["ok", "cancelled"])
        & pieces["ended"].notna()
    ]
    for outcome, words in (
        ("timeout", "had run as long as their limit allows, or say so"),
        ("reset", "ended before their limit: the connection was cut"),
    ):
        number = int((failed["outcome"] == outcome).sum())
        if number:
            yield f"{number} of {plural(len(failed), 'failed piece')} {words}"
