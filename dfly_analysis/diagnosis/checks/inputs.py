"""Checks of whether the inputs fit together."""

from collections import defaultdict
from collections.abc import Iterator

from dfly_analysis.config.setting import KEYS_THAT_MATTER
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, message, plural
from dfly_analysis.schema import Severity
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_time

_SHARED_PEERS = """
    SELECT peer_id FROM events WHERE event_id = 'peer_registered'
    INTERSECT SELECT peer_id FROM events WHERE event_id = 'task_started' AND component = 'client'
"""


def clock_or_zone_wrong(check: Check, dataset: Dataset) -> Finding:
    """The clocks or time zones of the logs disagree."""
    if not dataset.clocks:
        if not dataset.rows(f"{_SHARED_PEERS} LIMIT 1"):
            return check.unknown("no task is logged by both a client and a scheduler")
        return check.absent("clients, schedulers and jobs log the same tasks in the order they must")
    hosts = [one.clock for one in dataset.clocks if one.component == "client"]
    where = f"event_id IN ('task_started', 'peer_registered') AND peer_id IN ({_SHARED_PEERS})"
    if hosts and len(hosts) == len(dataset.clocks):
        where += f" AND host IN ({', '.join('?' * len(hosts))})"
    else:
        hosts = []
    evidence = evidence_of(dataset, where, hosts)
    severity: Severity = "low" if all(one.is_corrected for one in dataset.clocks) else "medium"
    facts = [one.describe() for one in dataset.clocks]
    return check.present(severity, *facts, count=len(facts), tasks=0, evidence=evidence)


PERIOD_S = 86_400.0
"""Time without a task between two periods of one run."""


def inputs_of_different_runs(check: Check, dataset: Dataset) -> Finding:
    """The input holds several runs, releases or configurations."""
    mixed = [*_runs(dataset), *_releases(dataset), *_configurations(dataset), *_periods(dataset)]
    facts = [*mixed, *_copies(dataset)]
    if facts:
        return check.present("low" if mixed else "info", *facts, count=len(facts), tasks=0)
    ((logged,),) = dataset.rows("SELECT EXISTS (FROM events) OR EXISTS (FROM tasks)")
    return check.absent("all logs may be of one run") if logged else check.unknown("no task is logged")


def _copies(dataset: Dataset) -> Iterator[Message]:
    n, logs = len(dataset.copies), format_list(dataset.copies, 3)
    if n:
        yield plural(
            "{n} log repeats records of others, which count once: {logs}",
            "{n} logs repeat records of others, which count once: {logs}", n, logs=logs,
        )  # fmt: skip


def _runs(dataset: Dataset) -> Iterator[Message]:
    spans = [
        (run.name, *(format_time(int(time.astype(int))) for time in (run.first, run.last)))
        for run in dataset.input_runs
    ]
    runs = [message("{name} ({first} to {last})", name=name, first=first, last=last) for name, first, last in spans]
    if runs:
        yield message("several runs: {runs}", runs=format_list(runs))


def _releases(dataset: Dataset) -> Iterator[Message]:
    """Yield which clients' releases one run mixes, and where one host ran several."""
    of_run: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for host, releases, run in dataset.rows(sql("diagnosis", "announced_releases")):
        for release in releases:
            of_run[run][release].append(host)
    for hosts in of_run.values():
        if len(hosts) > 1:
            listed = [message("{release} on {hosts}", release=release, hosts=format_hosts(on)) for release, on in sorted(hosts.items())]  # fmt: skip
            yield message("several releases of the client: {releases}; all are judged as the newest", releases=format_list(listed))  # fmt: skip


def _configurations(dataset: Dataset) -> Iterator[Message]:
    """Yield the settings that several files of one host set to different values."""
    files = defaultdict(list)
    for file in (*dataset.settings.rendered, *dataset.settings.rendered_elsewhere):
        if file.host:
            files[file.role, file.host].append(file)
    for (role, host), own in sorted(files.items()):
        keys = [key for key in KEYS_THAT_MATTER if len({repr(file.values.get(key)) for file in own}) > 1]
        if keys:
            used = [message("{key} = {value} is used", key=key, value=str(dataset.settings.get(key, role, host).value)) for key in keys]  # fmt: skip
            yield message("several configurations of {host} ({files}): {used}", host=host, files=format_list(file.path for file in own), used=format_list(used, 3))  # fmt: skip


def _periods(dataset: Dataset) -> Iterator[Message]:
    gaps = dataset.rows(sql("diagnosis", "pauses", PERIOD_S=PERIOD_S))
    if gaps:
        longest = max(began - until for began, until in gaps) / 1e9
        yield plural("tasks ran in {n} periods, up to {gap} apart; the settings found may be those of the last one only", "tasks ran in {n} periods, up to {gap} apart; the settings found may be those of the last one only", len(gaps) + 1, gap=format_duration(longest))  # fmt: skip
