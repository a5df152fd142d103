"""Several runs in one input: two clusters with the same host names, runs weeks apart, the same cluster before and after a change.

They are told apart by hosts whose logs lie below different folders or archives and cannot be of one run: two processes at once, two addresses
at once, or a later process that continues nothing of the earlier one. The hosts of each run get its name, so that nothing counts across runs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations, pairwise, takewhile
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.file_result import FileResult

_STEPS = re.compile("[/!]")
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tzst|zip|gz|zst|xz|bz2)(?=\.|$)", re.IGNORECASE)
_LONG_GAP_S, _VERY_LONG_GAP_S = 6 * 3600, 3 * 86_400
"""Without records: between runs in different folders, and in files of one folder, which may be those of one host."""
_BEGIN_S = 60.0  # a process logs its start that soon after the first record
_SAME_START_S = 5.0  # two logs of one process record its start that close together
_MOST_BRANCHES = 8  # of a host, compared each with each; of more only neighbours in time
_EVER, _NEVER = np.datetime64("1970-01-01", "ns"), np.datetime64("2200-01-01", "ns")
_Root: TypeAlias = tuple[str, ...]
_PROCESSES = """
SELECT log_path, mode(role), list(DISTINCT regexp_extract(host_id, '^([0-9a-fA-F.:]+)-', 1)) FILTER (host_id IS NOT NULL),
    list(epoch_ns(time)) FILTER (event_id = 'process_started' AND time IS NOT NULL)
FROM events WHERE component = 'client' AND (host_id IS NOT NULL OR event_id = 'process_started') GROUP BY log_path
"""
_SHARED_PEERS = """
SELECT DISTINCT one.root, other.root FROM peers_of_roots one JOIN peers_of_roots other USING (peer_id) WHERE one.root < other.root
"""
_RUN_OF_PEER = """
CREATE TABLE run_of_peer AS SELECT peer_id, min(run) AS run FROM events JOIN run_of_log USING (log_path)
WHERE component = 'client' AND peer_id IS NOT NULL GROUP BY peer_id
"""
_EVENTS = """
CREATE VIEW events AS
SELECT * REPLACE (CASE WHEN run IS NOT NULL AND host IS NOT NULL THEN concat(host, ' (', run, ')') ELSE host END AS host)
FROM (
    SELECT e.*, coalesce(l.run, p.run, t.run) AS run FROM events_of_all_runs e LEFT JOIN run_of_log l USING (log_path)
    LEFT JOIN run_of_peer p ON l.run IS NULL AND p.peer_id = e.peer_id
    LEFT JOIN run_times t ON l.run IS NULL AND p.run IS NULL AND e.time >= t.since AND e.time < t.until
)
"""
"""A log outside the folders of the runs, such as the one scheduler's of both, tells the run by peer, else by time."""


@dataclass(frozen=True)
class InputRun:
    """One of several runs in the input: its name, and its first and last record of a client."""

    name: str
    first: np.datetime64
    last: np.datetime64
    since: np.datetime64
    until: np.datetime64
    """Records that nothing else assigns to a run are of this one from then to then; equal where runs overlap."""
    roots: tuple[_Root, ...]

    def holds_time(self, time: Any) -> bool:
        """Return whether a moment is of this run."""
        return time is not None and bool(self.since <= moment(time) < self.until)

    def holds(self, path: object) -> bool:
        """Return whether a file lies below the folders and archives of this run."""
        steps = _steps(path)
        return any(steps[: len(root)] == root for root in self.roots)


@dataclass(frozen=True)
class _Branch:
    """The logs of a host below one folder, archive or file; roles and addresses that they name, and starts of processes."""

    host: str
    root: _Root
    paths: tuple[str, ...]
    first: np.datetime64
    last: np.datetime64
    is_file: bool
    roles: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    starts: tuple[np.datetime64, ...] = ()

    def with_processes(self, rows: Mapping[str, tuple[str, Iterable[str], Iterable[int]]]) -> _Branch:
        """Return the branch with what each of its logs names: role, addresses, and starts in nanoseconds."""
        known = [rows[path] for path in self.paths if path in rows]
        starts = np.array([start for *_, own in known for start in sorted(own or ())], "M8[ns]")
        addresses = frozenset(name for _, names, _ in known for name in names or ()) - {""}
        return replace(self, roles=frozenset(role for role, *_ in known), addresses=addresses, starts=tuple(starts))


def separate_runs(engine: Engine, result: FileResult, copies: Mapping[str, Any]) -> tuple[InputRun, ...]:
    """Return the runs of the input, none where it holds one; name the hosts of each by the run, in `events` (with a column `run`) and in the result."""
    branches = _branches(result.coverage, copies)
    if not branches:
        return ()
    runs = _runs(engine, branches)
    if len(runs) < 2:
        return ()
    _apply(engine, result, runs)
    return runs


def result_of_run(result: FileResult, run: InputRun | None, runs: Sequence[InputRun]) -> FileResult:
    """Return what the files of a run gave besides records, and what no run could be told of; the latter alone where no run is given."""

    def is_own(path: object, time: Any = None) -> bool:
        if run is None:
            return not any(one.holds(path) or one.holds_time(time) for one in runs)
        return run.holds(path) or (not any(one.holds(path) for one in runs) and run.holds_time(time))

    def may_be_own(path: object) -> bool:
        return is_own(path) or not any(one.holds(path) for one in runs)

    return replace(
        result,
        rendered=[file for file in result.rendered if may_be_own(file.path)],
        values=[values for values in result.values if may_be_own(values.address)],
        versions=[found for found in result.versions if may_be_own(found[2])],
        jobs=[job for job in result.jobs if is_own(job["log_path"], job["created"])],
        pods=[row for row in result.pods if is_own(row["log_path"], row.get("time"))],
    )


def _steps(path: object) -> _Root:
    return tuple(_STEPS.split(str(path)))


def _branches(coverage: Iterable[Mapping[str, Any]], copies: Mapping[str, Any]) -> list[list[_Branch]]:
    """Return for each host whose logs lie below several folders, archives or files those branches, in the order of time."""
    logs: defaultdict[tuple[str, str], list[tuple[_Root, Mapping[str, Any]]]] = defaultdict(list)
    for row in coverage:
        is_log = row["kind"] == "log" and row["component"] == "client" and row.get("first") is not None
        if is_log and row.get("host") and row["path"] not in copies:
            logs[row["component"], row["host"]].append((_steps(row["path"]), row))
    found = []
    for (_, host), listed in logs.items():
        if len(listed) < 2:
            continue
        depth = len(_common([steps for steps, _ in listed]))
        of_root: defaultdict[_Root, list[tuple[_Root, Mapping[str, Any]]]] = defaultdict(list)
        for steps, row in listed:
            of_root[steps[: depth + 1]].append((steps, row))
        if len(of_root) < 2 or any(host in step for step in listed[0][0][:depth]):  # one folder of the host
            continue
        branches = [
            _Branch(
                host, root, tuple(row["path"] for _, row in rows), min(moment(row["first"]) for _, row in rows),
                max(moment(row["last"]) for _, row in rows), any(len(steps) == len(root) for steps, _ in rows),
            )
            for root, rows in of_root.items()
        ]  # fmt: skip
        found.append(sorted(branches, key=lambda branch: branch.first))
    return found


def moment(time: Any) -> np.datetime64:
    """Return a time in UTC as numpy has it, nanoseconds."""
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if isinstance(time, datetime) else time, "ns")


def _runs(engine: Engine, hosts: Sequence[Sequence[_Branch]]) -> tuple[InputRun, ...]:
    """Return the groups of roots that hosts tell apart, by their first record."""
    rows = {path: (role, names, starts) for path, role, names, starts in engine.rows(_PROCESSES)}
    hosts = [[branch.with_processes(rows) for branch in branches] for branches in hosts]
    votes: Counter[tuple[_Root, _Root]] = Counter()
    spans: dict[_Root, tuple[np.datetime64, np.datetime64]] = {}
    for branches in hosts:
        for branch in branches:
            first, last = spans.get(branch.root, (branch.first, branch.last))
            spans[branch.root] = min(first, branch.first), max(last, branch.last)
        pairs = combinations(branches, 2) if len(branches) <= _MOST_BRANCHES else pairwise(branches)
        for one, other in pairs:
            key = min(one.root, other.root), max(one.root, other.root)
            votes[key] += 1 if _are_apart(one, other) else -1
    roots = sorted(spans, key=lambda root: (spans[root][0], root))
    group = {root: root for root in roots}
    together = [pair for pair, count in votes.items() if count <= 0] + _sharing_peers(engine, hosts, roots)
    for joined in together:
        kept, dropped = sorted((group[root] for root in joined), key=roots.index)
        group = {root: kept if own == dropped else own for root, own in group.items()}
    members = {head: tuple(root for root in roots if group[root] == head) for head in dict.fromkeys(group.values())}
    names = _names(members, hosts)
    ends = {head: max(spans[root][1] for root in members[head]) for head in names}
    apart = all(spans[later][0] > ends[one] for one, later in pairwise(names))
    middles = [ends[one] + (spans[later][0] - ends[one]) // 2 for one, later in pairwise(names)]
    sinces, untils = ([_EVER, *middles], [*middles, _NEVER]) if apart else ([_EVER] * len(names), [_EVER] * len(names))
    return tuple(
        InputRun(name, spans[head][0], ends[head], since, until, members[head])
        for (head, name), since, until in zip(names.items(), sinces, untils, strict=True)
    )


def _are_apart(one: _Branch, later: _Branch) -> bool:
    """Return whether two branches of a host cannot be of one run; a node's client and seed client may share its name."""
    if one.roles != later.roles:
        return False
    if later.first < one.last:
        differ = one.addresses and later.addresses and not one.addresses & later.addresses
        return bool(differ) or _starts_within(later, one) or _starts_within(one, later)
    gap_s = _seconds(one.last, later.first)
    if one.is_file or later.is_file:
        return gap_s >= _VERY_LONG_GAP_S
    return gap_s >= _LONG_GAP_S or any(_seconds(later.first, start) <= _BEGIN_S for start in later.starts)


def _starts_within(other: _Branch, branch: _Branch) -> bool:
    """Return whether a process of one branch starts while another one of the same name, which the other logs, goes on."""
    within = [start for start in other.starts if branch.first < start < branch.last]
    return any(all(abs(_seconds(start, known)) > _SAME_START_S for known in branch.starts) for start in within)


def _seconds(one: np.datetime64, other: np.datetime64) -> float:
    return float((other - one) / np.timedelta64(1, "s"))


def _sharing_peers(
    engine: Engine, hosts: Sequence[Sequence[_Branch]], roots: Sequence[_Root]
) -> list[tuple[_Root, _Root]]:
    """Return the roots whose clients log the same peer: they continue one another."""
    place = {root: number for number, root in enumerate(roots)}
    rows = [(path, place[branch.root]) for branches in hosts for branch in branches for path in branch.paths]
    engine.add_rows("root_of_log", rows, pa.schema([("log_path", pa.string()), ("root", pa.int64())]))
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE peers_of_roots AS
        SELECT DISTINCT peer_id, root FROM events JOIN root_of_log USING (log_path) WHERE component = 'client' AND event_id = 'task_started'
    """)
    return [(roots[one], roots[other]) for one, other in engine.rows(_SHARED_PEERS)]


def _names(members: Mapping[_Root, Sequence[_Root]], hosts: Iterable[Iterable[_Branch]]) -> dict[_Root, str]:
    """Return a name for each run: the last folder or archive above those of its hosts, else the root that tells it from the others."""
    folders: defaultdict[_Root, list[_Root]] = defaultdict(list)
    for branch in (branch for branches in hosts for branch in branches):
        for steps in map(_steps, branch.paths):
            own = next((at for at, step in enumerate(steps) if at >= len(branch.root) and branch.host in step), -1)
            folders[branch.root].append(steps[: max(own, len(branch.root))])
    names: dict[_Root, str] = {}
    for head, roots in members.items():
        common = _common([steps for root in roots for steps in folders[root]])
        for steps in (common if len(common) > len(head) else head, head):
            name = _ARCHIVE.split(steps[-1], maxsplit=1)[0] or steps[-1]
            if name not in names.values():
                break
        names[head] = name if name not in names.values() else "/".join(head)
    return names


def _common(paths: Sequence[_Root]) -> _Root:
    """Return the steps that paths begin with alike."""
    return tuple(steps[0] for steps in takewhile(lambda steps: len(set(steps)) == 1, zip(*paths)))  # noqa: B905


def _apply(engine: Engine, result: FileResult, runs: Sequence[InputRun]) -> None:
    run_of = {path: run.name for path in [row["path"] for row in result.coverage] for run in runs if run.holds(path)}

    def named(path: object, host: str | None) -> str | None:
        run = run_of.get(str(path))
        return f"{host} ({run})" if run and host else host

    text, time = pa.string(), pa.timestamp("ns", "UTC")
    engine.add_rows("run_of_log", list(run_of.items()), pa.schema([("log_path", text), ("run", text)]))
    times = [(run.name, run.since, run.until) for run in runs]
    engine.add_rows("run_times", times, pa.schema([("run", text), ("since", time), ("until", time)]))
    engine.execute(_RUN_OF_PEER)
    engine.execute("ALTER VIEW events RENAME TO events_of_all_runs")
    engine.execute(_EVENTS)
    result.coverage = [{**row, "host": named(row["path"], row.get("host"))} for row in result.coverage]
    result.rendered = [replace(file, host=named(file.path, file.host)) for file in result.rendered]
    result.runs = [{**row, "host": named(row.get("log_path"), row.get("host"))} for row in result.runs]
    result.pods = [{**row, **{name: named(row.get("log_path"), row.get(name)) for name in ("pod", "node")}} for row in result.pods]  # fmt: skip
