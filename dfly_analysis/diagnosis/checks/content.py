"""Checks of content that arrives damaged."""

from collections.abc import Iterator

from dfly_analysis.catalog.cache_removal import removal_commands
from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.known_bugs import load_known_bugs
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check, add_relation
from dfly_analysis.diagnosis.evidence import evidence_in, failed_tasks, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, join, message, plural
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_time

_SIGNATURES = frozenset({"digest_mismatch", "piece_without_digest", "content_length_changed"})
_MOST_COMMANDS = 3
_HOST_OF_PEER = r"nullif(regexp_extract({}, '^[0-9a-fA-F.:]+-(.+?)-[0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}(?:-seed)?$', 1), '')"
_LAYERS = "SELECT DISTINCT task_id FROM content_faults WHERE task_id IS NOT NULL AND parent_host IS NOT NULL ORDER BY 1"
_HOLDERS = """
    SELECT host FROM tasks WHERE outcome = 'ok' AND host IS NOT NULL AND task_id IN (SELECT task_id FROM content_faults)
    UNION SELECT parent_host FROM content_faults WHERE parent_host IS NOT NULL ORDER BY 1
"""


def corrupt_parent(check: Check, dataset: Dataset) -> Finding:
    """A parent serves content that does not match its digest."""
    failures = "component = 'client' AND level IN ('WARN', 'ERROR', 'FATAL') AND message IS NOT NULL"
    texts = dataset.rows(f"SELECT DISTINCT message FROM events WHERE {failures}")
    faults = [row for row in texts if any(one.id in _SIGNATURES for one in signatures_in(row[0]))]
    if not faults and not dataset.rows("SELECT 1 FROM events WHERE component = 'client' LIMIT 1"):
        return check.unknown("the input contains no client log")
    if not faults:
        return check.absent("no piece that did not match its digest is logged")
    add_relation(dataset, "content_fault_texts", faults, message=str)
    dataset.engine.execute(sql("diagnosis", "content_faults", HOST_OF_PARENT=_HOST_OF_PEER.format("parent")))
    parents = dataset.rows(sql("diagnosis", "faults_by_parent", HOST_OF_PARENT=_HOST_OF_PEER.format("piece.parent_id")))
    if not parents:
        return check.unknown("content did not match its digest, but no line names the parent that served it")
    ((first, last),) = dataset.rows("SELECT min(ns), max(ns) FROM content_faults WHERE parent_host IS NOT NULL")
    bad = sum(one for _, one, _, _ in parents)
    host, own, children, served = parents[0]
    others = format_list(f"{other} ({n:,})" for other, n, _, _ in parents[1:])
    facts = [
        message(
            "{host} served {bad:,} of the {total} that did not match, to {children}",
            host=host, bad=own, total=plural("{n} piece", "{n} pieces", bad), children=plural("{n} node", "{n} nodes", children),
        ),
        message("{served:,} other pieces of it came through", served=served),
        message("from {begin} to {end}", begin=format_time(first), end=format_time(last)),
        message("others: {parents}", parents=others) if len(parents) > 1 else "",
        *_layers(dataset), *_bugs(dataset),
    ]  # fmt: skip
    of_faults = "(peer_id IN (SELECT peer_id FROM content_faults) OR task_id IN (SELECT task_id FROM content_faults))"
    tasks, times = failed_tasks(dataset, of_faults), [first, last]
    evidence = evidence_in(dataset, "SELECT * FROM content_faults WHERE parent_host IS NOT NULL")
    return check.present("high", *facts, count=bad, tasks=tasks, times=times, evidence=evidence)


def _layers(dataset: Dataset) -> Iterator[Message]:
    """Yield which layers are concerned, which nodes hold them, and how they are removed there."""
    layers = [task for (task,) in dataset.rows(_LAYERS)]
    if not layers:
        return
    names, holders = format_list(layers), format_hosts(host for (host,) in dataset.rows(_HOLDERS))
    yield plural("{n} layer concerned ({tasks})", "{n} layers concerned ({tasks})", len(layers), tasks=names)
    yield message("nodes that hold it: {hosts}", hosts=holders)
    versions = dataset.settings.versions
    client = versions.get("client") or versions.get("seedClient")
    manager = versions.get("manager") or versions.get("scheduler")
    found = (removal_commands(layer, client=client, manager=manager) for layer in layers[:_MOST_COMMANDS])
    commands = [message("`{command}`", command=command) for some in found for command in some]
    yield message("remove it there: {commands}", commands=join(commands, ", "))


def _bugs(dataset: Dataset) -> Iterator[Message]:
    """Yield the known bugs of the client's release that can damage content."""
    versions = dataset.settings.versions
    release = versions.get("client") or versions.get("seedClient")
    for bug in load_known_bugs():
        if release and _SIGNATURES & set(bug.signatures) and bug.affects(release):
            values = {"release": release, "title": bug.title, "fixed_in": bug.fixed_in}
            yield message("known bug of client {release}: {title} (fixed in {fixed_in})", **values)
