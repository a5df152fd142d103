"""Clients use an address of a scheduler that is stale, wrong, unreachable, or shared by several, or a service mesh answers for it."""

from dfly_analysis.catalog.scheduler_addresses import scheduler_address_patterns
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_in, failed_tasks, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.sql_scripts import text_literal

ABOUT = load_check("scheduler_address_wrong")
_MIN_FAILURES, _MIN_S, _SETTLING_S = 3, 60.0, 30.0


def check(dataset: Dataset) -> Finding:
    dataset.engine.execute(_lines())
    dataset.engine.execute(_ADDRESSES)
    ((lines,),) = dataset.rows("SELECT count(*) FROM scheduler_lines")
    if not lines:
        return ABOUT.unknown(message("no client log names an address of a scheduler"))
    facts = [*_stale(dataset), *_dead(dataset), *_shared(dataset), *_mesh(dataset)]
    if not facts:
        ((known,),) = dataset.rows("SELECT count(DISTINCT address) FROM scheduler_addresses WHERE address IS NOT NULL")
        return ABOUT.absent(message("clients use the addresses they were told ({n:,} addresses)", n=known))
    wrong = "SELECT * FROM scheduler_lines WHERE is_mesh OR (log_path, log_line) IN (SELECT (log_path, log_line) FROM wrong_addresses)"
    ((count, first, last),) = dataset.rows(f"SELECT count(*), min(ns), max(ns) FROM ({wrong})")
    tasks = failed_tasks(dataset, "cause = 'scheduler_unavailable'")
    evidence = evidence_in(dataset, wrong) or evidence_in(dataset, "SELECT * FROM scheduler_lines WHERE is_listed")
    return ABOUT.present("high", *facts, count=max(count, 1), tasks=tasks, times=[first, last], evidence=evidence)


def _lines() -> str:
    of = scheduler_address_patterns()
    listed, used, failed, dead, mesh = (
        f"regexp_matches(message, {text_literal(text.strip())})"
        for text in (of.listed, of.used, of.failed, of.dead, of.mesh)
    )
    return f"""
        CREATE OR REPLACE TEMP TABLE scheduler_lines AS
        SELECT *, epoch_ns(time) AS ns, {listed} AS is_listed, {used} AS is_used, {failed} AS is_failed, {failed} AND {dead} AS is_dead, {mesh} AS is_mesh,
            -- what follows a list is the request, with the client's own address
            regexp_extract_all(CASE WHEN is_listed THEN regexp_extract(message, '[\\[{{][^\\]}}]*') ELSE left(message, 400) END, {text_literal(of.address)}, 1) AS addresses
        FROM events WHERE component = 'client' AND message IS NOT NULL AND ({listed} OR {used} OR {failed} OR {mesh})
    """  # fmt: skip


_ADDRESSES = """
CREATE OR REPLACE TEMP TABLE scheduler_addresses AS
SELECT * EXCLUDE (address), split_part(address, ':', 1) AS address, address AS full_address
FROM (SELECT host, ns, is_listed, is_used, is_failed, is_dead, log_path, log_line, unnest(CASE WHEN is_listed THEN addresses ELSE addresses[1:1] END) AS address FROM scheduler_lines)
"""


def _stale(dataset: Dataset) -> list[Message]:
    """Name addresses that a client used well after it had been told others."""
    dataset.engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE wrong_addresses AS
        WITH told AS (SELECT host, ns, list(DISTINCT address) AS told FROM scheduler_addresses WHERE is_listed GROUP BY host, ns),
            since AS (SELECT host, address, max(ns) AS last_told FROM scheduler_addresses WHERE is_listed GROUP BY host, address)
        SELECT used.*, 'stale' AS reason
        FROM (FROM scheduler_addresses WHERE (is_used OR is_failed) AND NOT is_listed AND regexp_matches(address, '^[0-9.]+$')) AS used
        ASOF JOIN told ON told.host = used.host AND used.ns >= told.ns + {int(_SETTLING_S)} * 1000000000::BIGINT
        LEFT JOIN since ON since.host = used.host AND since.address = used.address
        WHERE NOT list_contains(told.told, used.address) AND (last_told IS NULL OR used.ns > last_told + {int(_SETTLING_S)} * 1000000000::BIGINT)
    """)
    rows = dataset.rows(
        "SELECT address, count(*), list(DISTINCT host ORDER BY host) FROM wrong_addresses GROUP BY address ORDER BY 2 DESC, 1"
    )
    return [
        message(
            "{address} is used on {hosts} although the manager does not name it there",
            address=address,
            hosts=format_hosts(hosts),
        )
        for address, _, hosts in rows
    ]


def _dead(dataset: Dataset) -> list[Message]:
    """Name addresses where nothing listens, for long and without a reply in between."""
    rows = dataset.rows(f"""
        WITH dead AS (
            SELECT address, host, count(*) AS n, min(ns) AS first, max(ns) AS last FROM scheduler_addresses WHERE is_dead GROUP BY address, host
        ), answered AS (
            SELECT host, epoch_ns(time) AS ns FROM events WHERE component = 'client' AND event_id IN ('source_round_started', 'parent_round_started')
        )
        SELECT address, sum(n)::BIGINT, list(host ORDER BY host) FROM dead
        WHERE n >= {_MIN_FAILURES} AND last - first >= {_MIN_S} * 1e9 AND NOT EXISTS (SELECT 1 FROM answered WHERE answered.host = dead.host AND ns BETWEEN first AND last)
        GROUP BY address ORDER BY 2 DESC, 1
    """)
    for address, _, _ in rows:
        dataset.engine.execute(
            "INSERT INTO wrong_addresses SELECT *, 'dead' FROM scheduler_addresses WHERE is_dead AND address = ?",
            (address,),
        )
    return [
        message("{address} does not answer, seen on {hosts}", address=address, hosts=format_hosts(hosts))
        for address, _, hosts in rows
    ]


def _shared(dataset: Dataset) -> list[Message]:
    """Name addresses that stand for several schedulers in one list."""
    rows = dataset.rows("""
        WITH pairs AS (
            SELECT regexp_extract_all(message, '"([^"]+)": "?[0-9.]+(?::[0-9]+)?', 1) AS names, regexp_extract_all(message, '"[^"]+": "?([0-9.]+(?::[0-9]+)?)', 1) AS addresses
            FROM (SELECT DISTINCT message FROM scheduler_lines WHERE is_listed)
        ), flat AS (SELECT DISTINCT unnest(names) AS name, unnest(addresses) AS address FROM pairs)
        SELECT address, list(name ORDER BY name) FROM flat GROUP BY address HAVING count(DISTINCT name) > 1 ORDER BY 1
    """)
    return [
        message("{address} stands for several schedulers: {names}", address=address, names=format_list(names))
        for address, names in rows
    ]


def _mesh(dataset: Dataset) -> list[Message]:
    """Say where a service mesh answered in the place of a scheduler."""
    ((n, hosts),) = dataset.rows(
        "SELECT count(*), list(DISTINCT host ORDER BY host) FROM scheduler_lines WHERE is_mesh"
    )
    return (
        [
            message(
                "a service mesh answers in the place of the scheduler: {n:,} replies on {hosts}",
                n=n,
                hosts=format_hosts(hosts),
            )
        ]
        if n
        else []
    )
