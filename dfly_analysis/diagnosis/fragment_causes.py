"""The likely cause where only a fragment of a log is there: by what its text says, and by the time between its lines."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.error_signatures import Signature, failures_in, possible_causes, signature
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Alternative, CauseProportion, Diagnosis, Finding
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.readers.progress import SOURCE
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
_TIMEOUT = "timeout_too_short"
_BAD = ("WARN", "ERROR", "FATAL")
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
    tables = ("events", "tasks WHERE outcome = 'ok'", "jobs")
    records, tasks, jobs = (dataset.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables)
    return 0 < records <= _MOST_RECORDS and not tasks and not jobs


def explain(dataset: Dataset, findings: Sequence[Finding], causes: Sequence[CauseProportion]) -> Diagnosis:
    """Return the diagnosis of a fragment: the cause that its text carries, or the causes that it may have."""
    shown = _shown(dataset)
    if not shown:
        is_progress = dataset.rows("SELECT count(*) FROM events WHERE source = ?", (SOURCE,))[0][0]
        stuck = [one.reason for one in findings if one.id == "stuck" and one.verdict == "unknown" and is_progress]
        primary = causes[0].cause if causes else None
        return Diagnosis(
            findings, causes, primary, strength="possible" if causes else None, next_step=next(iter(stuck), "")
        )
    top, *more = shown
    possible = [Alternative(one.cause, one.why) for one in possible_causes().get(top.id, ())]
    listed = {"unknown", top.cause, *(one.cause for one in possible)}
    named = {one.cause: one.title for one in reversed(more) if one.layer == "cause" and one.cause not in listed}
    others = [Alternative(cause, title) for cause, title in reversed(named.items())]
    gap = _gap(dataset)
    match = _timeout_of(dataset, top, gap) if gap else None
    likeliest = top.cause if top.cause == _TIMEOUT or not possible else possible[0].cause
    if match is not None and likeliest == _TIMEOUT:
        step = message("Run it again with the release you use: --chart VERSION or --client VERSION.")
        if match.is_in_force:
            step = message("Run `dfly-analysis recommend` on the seed client's whole log for the value to set.")
        return Diagnosis(
            findings, causes, _TIMEOUT, strength="seen" if match.is_in_force else "likely",
            alternatives=_with_first(Alternative(_TIMEOUT, match.text), [*possible, *others]), remedy=_raise(match), next_step=step,
        )  # fmt: skip
    if gap and gap.is_of_piece and possible and top.cause == "unknown":
        first = Alternative("network_instability", _no_timeout(dataset, _timeout_keys(top)[0], gap))
        remedy = signature("connection_reset")
        return Diagnosis(
            findings, causes, first.cause, strength="likely", alternatives=_with_first(first, possible),
            remedy=remedy.remedy if remedy else "", next_step=message("Compare with the timeout of your own values: --values FILE."),
        )  # fmt: skip
    primary = top.cause if top.cause != "unknown" and top.layer in ("cause", "symptom") else None
    if primary and possible and possible[0].cause != primary:
        possible.insert(0, Alternative(primary, top.title))
    return Diagnosis(
        findings, causes, primary or (causes[0].cause if causes else None), strength="likely" if primary else "possible",
        alternatives=[*possible, *others], remedy=join([top.remedy, *_values_of(dataset, top)]) if top.remedy else "",
        next_step=_next_step(top, gap),
    )  # fmt: skip


def _with_first(first: Alternative, others: Sequence[Alternative]) -> list[Alternative]:
    return [first, *(one for one in others if one.cause != first.cause)]


def _shown(dataset: Dataset) -> list[Signature]:
    """Return the signatures that the records show, those that tell a cause first."""
    texts = dataset.rows("SELECT message, level FROM events WHERE message IS NOT NULL")
    found = {one.id: one for text, level in texts for one in failures_in(text, is_bad_level=level in _BAD)}
    order = {"cause": 0, "symptom": 1, "wrapper": 2, "echo": 3}
    return sorted(found.values(), key=lambda one: (one.cause == "unknown", order[one.layer], one.priority))


def _gap(dataset: Dataset) -> _Gap | None:
    """Return the time from the start of a piece, or else from the first line with a time, to the first failure."""
    columns = "nanoseconds(time), event_id, task_id, piece_number, level, message"
    rows = dataset.rows(f"SELECT {columns} FROM events WHERE time IS NOT NULL ORDER BY time, log_path, log_line")
    for failure in (row for row in rows if failures_in(row[5] or "", is_bad_level=row[4] in _BAD)):
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
    values = {"duration": format_duration(gap.seconds), "key": key}
    if not known:
        return message("the failure came {duration} after the start, which is not a default of {key} in any release", **values)  # fmt: skip
    values |= {"timeout": str(known[0].value), "source": known[0].source}
    return message("the failure came {duration} after the start, but {key} is {timeout} ({source})", **values)


def _timeout_of(dataset: Dataset, top: Signature, gap: _Gap) -> _Match | None:
    """Return the timeout that a gap is as long as: the one in force where it is known, else a default of any release."""
    keys, duration = _timeout_keys(top), format_duration(gap.seconds)
    settings = {(name, role): dataset.settings.get(name, role) for name in keys for role in _ROLES}
    for (name, _), one in settings.items():
        if one.layer != "unknown" and one.seconds and is_at_timeout(gap.seconds, one.seconds):
            values = {"duration": duration, "key": name, "timeout": format_duration(one.seconds), "source": one.source}
            text = message("the failure came {duration} after the start: {key} is {timeout} ({source})", **values)
            return _Match(name, one.seconds, text, is_in_force=True)
    if any(settings[keys[0], role].layer != "unknown" for role in _ROLES):
        return None
    found = {name: list(dict.fromkeys(_defaults_of_length(name, gap.seconds))) for name in keys}
    spans = {name: format_list(releases, 6) for name, releases in found.items() if releases}
    if not spans:
        return None
    reasons = [message("the default of {key} in {releases}", key=name, releases=text) for name, text in spans.items()]
    defaults = join(reasons, "; ")
    text = message("the failure came {duration} after the start: {defaults}", duration=duration, defaults=defaults)
    return _Match(next(iter(spans)), gap.seconds, text, is_in_force=False)


def _defaults_of_length(key: str, seconds: float) -> Iterator[Message]:
    """Yield the charts, and the clients without a chart, in which a timeout is as long as a gap."""
    found = {role: defaults_of(role, key) for role in _ROLES}
    charts = {
        role: [(run.since, run.until) for run in known.chart_runs if _is_length(run.value, seconds)] if known else []
        for role, known in found.items()
    }
    for since, until in dict.fromkeys([*charts["seedClient"], *charts["client"]]):
        span = message("charts {since} to {until}", since=since, until=until)
        if (since, until) not in charts["client"]:
            yield message("{charts} for seed clients", charts=span)
        else:
            yield span if (since, until) in charts["seedClient"] else message("{charts} for clients", charts=span)
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
    values = {"key": match.key, "timeout": format_duration(match.timeout_s)}
    text = message("Raise {key} of seed client and client above {timeout}.", **values)
    if longest is None:
        return text
    return join([text, message("Chart {chart} sets {value}.", chart=longest.until, value=str(longest.value))])


def _values_of(dataset: Dataset, top: Signature) -> Iterator[Message]:
    """Yield the value in force of the timeout that governs a signature, or else what the charts set."""
    if not (top.knob and top.knob.endswith("Timeout")):
        return
    settings = {role: dataset.settings.get(top.knob, role) for role in _ROLES}
    known = {role: one for role, one in settings.items() if one.layer != "unknown"}
    for role, one in known.items():
        values = {"key": top.knob, "role": role, "value": str(one.value), "source": str(one.source)}
        yield message("{key} of {role} is {value} ({source}).", **values)
    found = None if known else defaults_of("seedClient", top.knob)
    if found and found.chart_runs:
        runs = [
            message("{value} in {since} to {until}", value=str(run.value), since=run.since, until=run.until)
            for run in found.chart_runs
        ]
        yield message("Charts set {key} of seedClient to {values}.", key=top.knob, values=format_list(runs, 8))


def _next_step(top: Signature, gap: _Gap | None) -> str:
    """Return the one thing that would settle the cause."""
    if top.cause == "unknown" and top.knob and top.knob.endswith("Timeout") and gap is None:
        return message(
            "Find the line `start to download piece` of the same piece: if it lies exactly {key} earlier, the timeout ended it.",
            key=top.knob,
        )
    return top.collect or message("Run it on the whole logs of seed clients and scheduler around that time.")
