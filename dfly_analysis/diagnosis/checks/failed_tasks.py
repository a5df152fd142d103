"""Checks of why tasks failed: timeouts, credentials, bugs of a release."""

from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.known_bugs import KnownBug, load_known_bugs
from dfly_analysis.catalog.releases import is_known
from dfly_analysis.config.ignored_keys import find_ignored_keys
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks, format_hosts, times_and_evidence
from dfly_analysis.findings import Finding
from dfly_analysis.messages import format_list, join, message, plural
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

_CUT = "outcome = 'timeout' AND ended IS NOT NULL AND origin <> 'local'"


def piece_timeout_reached(check: Check, dataset: Dataset) -> Finding:
    """Failed pieces ended at a configured timeout: that proves a timeout, whatever their error text."""
    query = sql("diagnosis", "pieces_at_timeout", CUT=_CUT, FAILED=FAILED)
    ((n, finished, failed, cut, hosts, first, last, median_s, limits, failed_tasks, tasks),) = dataset.rows(query)
    if not failed and (finished or (not n and dataset.rows("SELECT 1 FROM tasks LIMIT 1"))):
        return check.absent("no failed piece is logged")
    if not failed:
        return check.unknown(message("no end of a piece is logged") if n else message("no piece is logged"))
    if not cut:
        return check.absent("no failed piece ran as long as its timeout ({n:,} failed)", n=failed)
    timeouts = format_list(map(format_duration, limits or ()))
    limit = message("the timeout of {timeouts}", timeouts=timeouts) if limits else message("an unknown timeout")
    values = {"cut": cut, "n": failed, "hosts": format_hosts(hosts), "limit": limit}
    facts = [
        message("{cut:,} of {n:,} failed pieces on {hosts} hit {limit}", **values),
        message("median duration {median}", median=format_duration(median_s)) if median_s is not None else "",
        message("{tasks:,} of {n:,} failed tasks", tasks=tasks, n=failed_tasks) if failed_tasks else "",
    ]
    lines = evidence_of(dataset, f"(log_path, log_line) IN (SELECT (log_path, log_line) FROM pieces WHERE {_CUT})")
    return check.present("high", *facts, count=cut, tasks=tasks, times=[first, last], evidence=lines)


def wrong_timeout_key(check: Check, dataset: Dataset) -> Finding:
    """A timeout is set under a key that has no effect, or the opposite of the intended one."""
    settings = dataset.settings
    ignored = (key for key in find_ignored_keys(settings) if key.sure and "timeout" in key.text.lower())
    wrong = {key.shown: message("{key}: {reason}", key=key.shown, reason=key.reason) for key in ignored}
    if wrong:
        tasks = failed_tasks(dataset, "cause = 'timeout_too_short'")
        facts = [*wrong.values()]
        if tasks:
            facts.append(plural("timeouts failed {n} task", "timeouts failed {n} tasks", tasks))
        return check.present("medium", *facts, count=len(wrong), tasks=tasks)
    if not settings.user.entries and not settings.rendered:
        return check.unknown("no Helm values and no rendered configuration were given")
    return check.absent("its component reads every timeout in the given values")


_REFUSED = f"{FAILED} AND cause = 'auth'"


def token_expired_midway(check: Check, dataset: Dataset) -> Finding:
    """Credentials were accepted first and refused later: the token's lifetime is shorter than the preheat."""
    query = sql("diagnosis", "refused_tasks", REFUSED=_REFUSED)
    ((n, refused, first, last, after_s, served, later),) = dataset.rows(query)
    if not n:
        return check.unknown("no task is logged")
    if not refused:
        return check.absent("no task was refused for its credentials")
    if first is None:
        return check.unknown("the refused tasks have no time")
    if not served:
        return check.absent(
            "nothing was served before the first refusal: the credentials are missing or wrong, not expired"
        )
    reason = message(
        "the first refusal came {duration} after the start; tasks that had succeeded by then: {served:,}; refused tasks: {refused:,}; started later and successful: {later:,}",
        duration=format_duration(after_s), served=served, refused=refused, later=later,
    )  # fmt: skip
    lines = f"level IN ('ERROR', 'WARN') AND peer_id IN (SELECT peer_id FROM tasks WHERE {_REFUSED})"
    times, evidence = [first, last], evidence_of(dataset, lines)
    return check.present("high", reason, count=refused, tasks=refused, times=times, evidence=evidence)


def known_bug_in_release(check: Check, dataset: Dataset) -> Finding:
    """Tasks failed by a bug that the client's release has and a later one has not."""
    settings = dataset.settings
    role = "client" if settings.versions.get("client") else "seedClient"
    release = settings.versions.get(role)
    ((tasks, failed),) = dataset.rows(f"SELECT count(*), count(*) FILTER ({FAILED}) FROM tasks")
    if not failed:
        return check.absent("no task failed") if tasks else check.unknown("no task is logged")
    if release is None:
        return check.unknown("the client's release is unknown")
    errors = "SELECT peer_id, concat_ws(chr(10), first_error, last_error), duration_s FROM tasks"
    tasks_failed = dataset.rows(f"{errors} WHERE {FAILED} ORDER BY peer_id")
    bugs = [bug for bug in load_known_bugs() if bug.affects(release)]
    matches = [(peer, bug) for peer, *failure in tasks_failed for bug in bugs if _matches(bug, *failure)]
    if assumed := settings.assumed(role):
        return check.unknown(assumed)
    if not matches and not is_known("client", release):
        return check.unknown("client {release} is not known to this version of dfly-analysis", release=release)
    if not matches:
        return check.absent("no failed task shows a known bug of client {release}", release=release)
    peers = [*{peer for peer, _ in matches}]
    named = (
        message("{title} (up to {until}, fixed in {fixed_in})", title=bug.title, until=bug.until, fixed_in=bug.fixed_in)
        for bug in {bug.id: bug for _, bug in matches}.values()
    )
    reason = plural(
        "{n} failed task on client {release}: {bugs}", "{n} failed tasks on client {release}: {bugs}", len(peers),
        release=release, bugs=join(named, "; "),
    )  # fmt: skip
    lines = "event_id = 'task_failed' AND list_contains(?, peer_id)"
    proof = times_and_evidence(dataset, lines, (peers,))
    return check.present("high", reason, count=len(matches), tasks=len(peers), **proof)


def _matches(bug: KnownBug, text: str, duration_s: float | None) -> bool:
    if bug.longer_than_s and not (duration_s or 0.0) > bug.longer_than_s:
        return False
    return any(signature.id in bug.signatures for signature in signatures_in(text))
