"""A parent serves content that does not match its digest."""

import pyarrow as pa

from dfly_analysis.catalog.cache_removal import removal_commands
from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.known_bugs import load_known_bugs
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_in, failed_tasks, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, join, message, plural
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_time

ABOUT = load_check("corrupt_parent")
SIGNATURES = frozenset({"digest_mismatch", "piece_without_digest", "content_length_changed"})
_MOST_COMMANDS = 3
_HOST_OF_PEER = r"nullif(regexp_extract({}, '^[0-9a-fA-F.:]+-(.+?)-[0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}(?:-seed)?$', 1), '')"
_HOLDERS = """
SELECT host FROM tasks WHERE outcome = 'ok' AND host IS NOT NULL AND task_id IN (SELECT task_id FROM content_faults)
UNION SELECT parent_host FROM content_faults WHERE parent_host IS NOT NULL ORDER BY 1
"""


def check(dataset: Dataset) -> Finding:
    texts = dataset.rows(
        "SELECT DISTINCT message FROM events WHERE component = 'client' AND level IN ('WARN', 'ERROR', 'FATAL') AND message IS NOT NULL"
    )
    rows = [{"message": text} for (text,) in texts if any(one.id in SIGNATURES for one in signatures_in(text))]
    if not rows:
        ((records,),) = dataset.rows("SELECT count(*) FROM events WHERE component = 'client'")
        no_fault = message("no piece that did not match its digest is logged")
        return ABOUT.absent(no_fault) if records else ABOUT.unknown(message("the input contains no client log"))
    dataset.engine.add_rows("content_fault_texts", rows, pa.schema([("message", pa.string())]))
    dataset.engine.execute(sql("diagnosis", "content_faults", HOST_OF_PARENT=_HOST_OF_PEER.format("parent")))
    parents = dataset.rows(sql("diagnosis", "faults_by_parent", HOST_OF_PARENT=_HOST_OF_PEER.format("piece.parent_id")))
    if not parents:
        return ABOUT.unknown(message("content did not match its digest, but no line names the parent that served it"))
    ((first, last),) = dataset.rows("SELECT min(ns), max(ns) FROM content_faults WHERE parent_host IS NOT NULL")
    bad = sum(one for _, one, _, _ in parents)
    host, own, children, served = parents[0]
    facts = [
        message(
            "{host} served {bad:,} of the {total} that did not match, to {children}",
            host=host, bad=own, total=plural("{n} piece", "{n} pieces", bad), children=plural("{n} node", "{n} nodes", children),
        ),
        message("{served:,} other pieces of it came through", served=served),
        message("from {begin} to {end}", begin=format_time(first), end=format_time(last)),
    ]  # fmt: skip
    if len(parents) > 1:
        facts.append(
            message("others: {parents}", parents=format_list(f"{other} ({n:,})" for other, n, _, _ in parents[1:]))
        )
    facts += [*_layers(dataset), *_bugs(dataset)]
    tasks = failed_tasks(
        dataset, "(peer_id IN (SELECT peer_id FROM content_faults) OR task_id IN (SELECT task_id FROM content_faults))"
    )
    evidence = evidence_in(dataset, "SELECT * FROM content_faults WHERE parent_host IS NOT NULL")
    return ABOUT.present("high", *facts, count=bad, tasks=tasks, times=[first, last], evidence=evidence)


def _layers(dataset: Dataset) -> list[Message]:
    """Return which layers are concerned, which nodes hold them, and how they are removed there."""
    layers = [
        task
        for (task,) in dataset.rows(
            "SELECT DISTINCT task_id FROM content_faults WHERE task_id IS NOT NULL AND parent_host IS NOT NULL ORDER BY 1"
        )
    ]
    if not layers:
        return []
    holders = format_hosts(host for (host,) in dataset.rows(_HOLDERS))
    versions = dataset.settings.versions
    client, manager = (
        versions.get("client") or versions.get("seedClient"),
        versions.get("manager") or versions.get("scheduler"),
    )
    commands = [
        command
        for layer in layers[:_MOST_COMMANDS]
        for command in removal_commands(layer, client=client, manager=manager)
    ]
    return [
        plural(
            "{n} layer concerned ({tasks})", "{n} layers concerned ({tasks})", len(layers), tasks=format_list(layers)
        ),
        message("nodes that hold it: {hosts}", hosts=holders),
        message(
            "remove it there: {commands}",
            commands=join([message("`{command}`", command=command) for command in commands], ", "),
        ),
    ]


def _bugs(dataset: Dataset) -> list[Message]:
    """Return the known bugs of the client's release that can damage content."""
    versions = dataset.settings.versions
    release = versions.get("client") or versions.get("seedClient")
    bugs = [bug for bug in load_known_bugs() if release and SIGNATURES & set(bug.signatures) and bug.affects(release)]
    return [
        message(
            "known bug of client {release}: {title} (fixed in {fixed_in})",
            release=release,
            title=bug.title,
            fixed_in=bug.fixed_in,
        )
        for bug in bugs
    ]
