"""The likely cause where only a fragment of a log is there: by what its text says, and by the time between its lines."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dfly_analysis.catalog.ambiguous_texts import possible_causes
from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.error_signatures import Signature, signature, signatures_in
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Alternative, CauseProportion, Diagnosis, Finding, Strength
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.reconstruction.effective_timeouts import is_at_timeout
from dfly_analysis.units import format_duration, parse_duration

_MOST_RECORDS = 300
"""A longer log is no fragment."""
_ROLES = ("seedClient", "client")
_TIMEOUTS = {
    "download.pieceTimeout": ("download.pieceTimeout", "storage.writePieceTimeout"),
    "storage.writePieceTimeout": ("storage.writePieceTimeout", "download.pieceTimeout"),
}
"""Timeouts that may end the same step."""
_STARTS = ("piece_started", "pieces_planned", "task_started", "source_round_started", "parent_round_started")


class _Gap(NamedTuple):
    """Time from a first line to the line of a failure."""

    seconds: float
    is_of_piece: bool


class _Match(NamedTuple):
    """A timeout that a gap is as long as."""

    key: str
    timeout_s: float
    text: Message
    is_in_force: bool


def is_fragment(dataset: Dataset) -> bool:
    """Return whether the input is a fragment of a log: few records, and no task that can be followed to its end."""
    ((records, tasks, jobs),) = dataset.rows(
        "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM tasks WHERE outcome = 'ok'), (SELECT count(*) FROM jobs)"
    )
    return 0 < records <= _MOST_RECORDS and not tasks and not jobs


def explain(dataset: Dataset, findings: Sequence[Finding], causes: Sequence[CauseProportion]) -> Diagnosis:
    """Return the diagnosis of a fragment: the cause that its text carries, or the causes that it may have."""
    shown = _shown(dataset)
    if not shown:
        return Diagnosis(findings, causes, causes[0].cause if causes else None, strength="possible" if causes else None)
    top = shown[0]
    possible = [Alternative(one.cause, one.why) for one in possible_causes().get(top.id, ())]
    others = [
        Alternative(one.cause, one.title)
        for one in shown[1:]
        if one.layer == "cause" and one.cause not in ("unknown", top.cause)
    ]
    gap = _gap(dataset)
    match = _timeout_of(dataset, top, gap) if gap else None
    may_time_out = top.cause == "timeout_too_short" or (possible and possible[0].cause == "timeout_too_short")
    if match is not None and may_time_out:
        strength: Strength = "seen" if match.is_in_force else "likely"
        rest = [one for one in [*possible, *others] if one.cause != "timeout_too_short"]
        found = Alternative("timeout_too_short", match.text)
        return Diagnosis(
            findings, causes, "timeout_too_short", strength=strength, alternatives=[found, *rest], remedy=_raise(match),
            next_step=message("Run it again with the release you use: --chart VERSION or --client VERSION.")
            if not match.is_in_force else message("Run `dfly-analysis recommend` on the seed client's whole log for the value to set."),
        )  # fmt: skip
    if gap and gap.is_of_piece and possible and top.cause == "unknown":
        why = _no_timeout(dataset, _timeout_keys(top)[0], gap)
        rest = [one for one in possible if one.cause != "network_instability"]
        return Diagnosis(
            findings, causes, "network_instability", strength="likely", alternatives=[Alternative("network_instability", why), *rest],
            remedy=_remedy("connection_reset"), next_step=message("Compare with the timeout of your own values: --values FILE."),
        )  # fmt: skip
    primary = top.cause if top.cause != "unknown" and top.layer in ("cause", "symptom") else None
    if primary and possible and possible[0].cause != primary:
        possible.insert(0, Alternative(primary, top.title))
    return Diagnosis(
        findings, causes, primary or (causes[0].cause if causes else None), strength="likely" if primary else "possible",
        alternatives=[*possible, *others], remedy=top.remedy, next_step=_next_step(top, gap),
    )  # fmt: skip


def _shown(dataset: Dataset) -> list[Signature]:
    """Return the signatures that the records show, those that tell a cause first."""
    texts = dataset.rows("SELECT message FROM events WHERE message IS NOT NULL AND level IN ('WARN', 'ERROR', 'FATAL')")
    found = {one.id: one for (text,) in texts for one in signatures_in(text) if one.layer != "benign"}
    order = {"cause": 0, "symptom": 1, "wrapper": 2, "echo": 3}
    return sorted(found.values(), key=lambda one: (one.cause == "unknown", order[one.layer], one.priority))


def _gap(dataset: Dataset) -> _Gap | None:
    """Return the time from the start of a piece, or else from the first line with a time, to the first failure."""
    rows = dataset.rows("""
        SELECT nanoseconds(time), event_id, task_id, piece_number, level, message FROM events WHERE time IS NOT NULL
        ORDER BY time, log_path, log_line
    """)
    failures = [
        row
        for row in rows
        if row[4] in ("WARN", "ERROR", "FATAL") and any(one.layer != "benign" for one in signatures_in(row[5] or ""))
    ]
    for failure in failures:
        starts = [row for row in rows if row[1] in _STARTS and row[0] < failure[0]]
        same = [row for row in starts if row[2] == failure[2] and row[3] == failure[3] and row[1] == "piece_started"]
        start = (same or starts or rows)[-1 if same or starts else 0]
        if failure[0] - start[0] > 10**8:
            return _Gap((failure[0] - start[0]) / 1e9, start[1] == "piece_started")
    return None


def _timeout_keys(top: Signature) -> tuple[str, ...]:
    """Return the timeouts that may have ended the step, the one that governs the signature first."""
    key = top.knob if top.knob and top.knob.endswith("Timeout") else "download.pieceTimeout"
    return _TIMEOUTS.get(key, (key,))


def _no_timeout(dataset: Dataset, key: str, gap: _Gap) -> Message:
    """Return why the time to a failure is no timeout: of the timeout in force where it is known, else of all releases."""
    known = [setting for role in _ROLES if (setting := dataset.settings.get(key, role)).layer != "unknown"]
    if not known:
        return message(
            "the failure came {duration} after the start, which is not a default of {key} in any release",
            duration=format_duration(gap.seconds), key=key,
        )  # fmt: skip
    return message(
        "the failure came {duration} after the start, but {key} is {timeout} ({source})",
        duration=format_duration(gap.seconds), key=key, timeout=str(known[0].value), source=known[0].source,
    )  # fmt: skip


def _timeout_of(dataset: Dataset, top: Signature, gap: _Gap) -> _Match | None:
    """Return the timeout that a gap is as long as: the one in force where it is known, else a default of any release."""
    keys = _timeout_keys(top)
    for name in keys:
        for role in _ROLES:
            setting = dataset.settings.get(name, role)
            if setting.layer != "unknown" and setting.seconds and is_at_timeout(gap.seconds, setting.seconds):
                text = message(
                    "the failure came {duration} after the start: {key} is {timeout} ({source})",
                    duration=format_duration(gap.seconds), key=name, timeout=format_duration(setting.seconds), source=setting.source,
                )  # fmt: skip
                return _Match(name, setting.seconds, text, is_in_force=True)
    if any(dataset.settings.get(keys[0], role).layer != "unknown" for role in _ROLES):
        return None
    spans = {name: list(_defaults_of_length(name, gap.seconds)) for name in keys}
    reasons = [
        message("the default of {key} in {releases}", key=name, releases=format_list(list(dict.fromkeys(found)), 6))
        for name, found in spans.items() if found
    ]  # fmt: skip
    if not reasons:
        return None
    text = message(
        "the failure came {duration} after the start: {defaults}",
        duration=format_duration(gap.seconds),
        defaults=join(reasons, "; "),
    )
    return _Match(next(name for name, found in spans.items() if found), gap.seconds, text, is_in_force=False)


def _defaults_of_length(key: str, seconds: float) -> Iterator[Message]:
    """Yield the charts, and the clients without a chart, in which a timeout is as long as a gap."""
    found = {role: defaults_of(role, key) for role in _ROLES}
    charts = {
        role: [(run.since, run.until) for run in known.chart_runs if _is_length(run.value, seconds)] if known else []
        for role, known in found.items()
    }
    for since, until in dict.fromkeys([*charts["seedClient"], *charts["client"]]):
        span = message("charts {since} to {until}", since=since, until=until)
        roles = [role for role in _ROLES if (since, until) in charts[role]]
        if len(roles) == 2:
            yield span
        elif roles == ["seedClient"]:
            yield message("{charts} for seed clients", charts=span)
        else:
            yield message("{charts} for clients", charts=span)
    for era in found["client"].eras if found["client"] else ():
        if _is_length(era.default, seconds):
            yield message("clients {since} to {until} without a chart", since=era.since, until=era.until)


def _is_length(value: str | float | None, seconds: float) -> bool:
    try:
        return value is not None and is_at_timeout(seconds, parse_duration(value))
    except DflyError:
        return False


def _raise(match: _Match) -> Message:
    runs = [found.chart_runs[-1] for role in _ROLES if (found := defaults_of(role, match.key)) and found.chart_runs]
    longest = max(runs, key=lambda run: parse_duration(str(run.value)), default=None)
    text = message(
        "Raise {key} of seed client and client above {timeout}.",
        key=match.key,
        timeout=format_duration(match.timeout_s),
    )
    if longest is None:
        return text
    newest = message("Chart {chart} sets {value}.", chart=longest.until, value=str(longest.value))
    return join([text, newest])


def _remedy(signature_id: str) -> str:
    found = signature(signature_id)
    return found.remedy if found else ""


def _next_step(top: Signature, gap: _Gap | None) -> str:
    """Return the one thing that would settle the cause."""
    if top.cause == "unknown" and top.knob and top.knob.endswith("Timeout") and gap is None:
        return message(
            "Find the line `start to download piece` of the same piece: if it lies exactly {key} earlier, the timeout ended it.",
            key=top.knob,
        )
    return top.collect or message("Run it on the whole logs of seed clients and scheduler around that time.")
