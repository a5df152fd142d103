"""Checks of how clients reach the scheduler."""

from collections.abc import Iterator

from dfly_analysis.catalog.scheduler_addresses import scheduler_address_patterns
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_in, failed_tasks, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.sql_scripts import sql, text_literal

_LIMITS = {"MIN_FAILURES": 3, "MIN_S": 60.0, "SETTLING_NS": 30_000_000_000}
_STALE = """
    SELECT address, list(DISTINCT host ORDER BY host) FROM wrong_addresses WHERE reason = 'stale' GROUP BY address
    ORDER BY count(*) DESC, 1"""
_DEAD = "SELECT address, list(host ORDER BY host) FROM dead_addresses GROUP BY address ORDER BY sum(n) DESC, 1"


def scheduler_address_wrong(check: Check, dataset: Dataset) -> Finding:
    """Clients use an address of a scheduler that is stale, wrong, unreachable, or shared by several, or a service mesh answers for it."""
    known = scheduler_address_patterns()
    patterns = {name: getattr(known, name).strip() for name in ("listed", "used", "failed", "dead", "mesh")}
    patterns["told"] = "|".join(f"(?:{patterns[name]})" for name in ("listed", "used", "failed", "mesh"))
    matches = {name.upper(): f"regexp_matches(message, {text_literal(text)})" for name, text in patterns.items()}
    dataset.engine.execute(sql("diagnosis", "scheduler_lines", ADDRESS=text_literal(known.address), **matches))
    if not dataset.rows("SELECT 1 FROM scheduler_lines LIMIT 1"):
        return check.unknown("no client log names an address of a scheduler")
    dataset.engine.execute(sql("diagnosis", "wrong_addresses", **_LIMITS))
    facts = list(_facts(dataset))
    if not facts:
        ((n,),) = dataset.rows("SELECT count(DISTINCT address) FROM scheduler_addresses WHERE address IS NOT NULL")
        return check.absent("clients use the addresses they were told ({n:,} addresses)", n=n)
    wrong = "SELECT * FROM scheduler_lines WHERE is_mesh OR (log_path, log_line) IN (SELECT (log_path, log_line) FROM wrong_addresses)"
    ((count, first, last),) = dataset.rows(f"SELECT count(*), min(ns), max(ns) FROM ({wrong})")
    tasks = failed_tasks(dataset, "cause = 'scheduler_unavailable'")
    evidence = evidence_in(dataset, wrong) or evidence_in(dataset, "SELECT * FROM scheduler_lines WHERE is_listed")
    return check.present("high", *facts, count=max(count, 1), tasks=tasks, times=[first, last], evidence=evidence)


def _facts(dataset: Dataset) -> Iterator[Message]:
    """Yield addresses used well after others were told, those where nothing listens, and those that are shared; and a mesh's replies."""
    for address, hosts in dataset.rows(_STALE):
        values = {"address": address, "hosts": format_hosts(hosts)}
        yield message("{address} is used on {hosts} although the manager does not name it there", **values)
    for address, hosts in dataset.rows(_DEAD):
        yield message("{address} does not answer, seen on {hosts}", address=address, hosts=format_hosts(hosts))
    for address, names in dataset.rows(sql("diagnosis", "shared_addresses")):
        yield message("{address} stands for several schedulers: {names}", address=address, names=format_list(names))
    replies = "SELECT count(*), list(DISTINCT host ORDER BY host) FROM scheduler_lines WHERE is_mesh"
    for n, hosts in dataset.rows(f"{replies} HAVING count(*) > 0"):
        values = {"n": n, "hosts": format_hosts(hosts)}
        yield message("a service mesh answers in the place of the scheduler: {n:,} replies on {hosts}", **values)
