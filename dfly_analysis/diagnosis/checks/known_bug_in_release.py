"""Tasks failed by a bug that the client's release has and a later one has not."""

from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.known_bugs import KnownBug, load_known_bugs
from dfly_analysis.catalog.releases import is_known
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import times_and_evidence
from dfly_analysis.findings import Finding
from dfly_analysis.messages import join, message, plural

ABOUT = load_check("known_fault_of_release")


def check(dataset: Dataset) -> Finding:
    versions = dataset.settings.versions
    release = versions.get("client") or versions.get("seedClient")
    ((tasks, failed),) = dataset.rows(f"SELECT count(*), count(*) FILTER ({FAILED}) FROM tasks")
    if not failed:
        return ABOUT.absent("no task failed") if tasks else ABOUT.unknown("no task is logged")
    if release is None:
        return ABOUT.unknown("the client's release is unknown")
    errors = "SELECT peer_id, concat_ws(chr(10), first_error, last_error), duration_s FROM tasks"
    tasks_failed = dataset.rows(f"{errors} WHERE {FAILED} ORDER BY peer_id")
    bugs = [bug for bug in load_known_bugs() if bug.affects(release)]
    matches = [(peer, bug) for peer, *failure in tasks_failed for bug in bugs if _matches(bug, *failure)]
    if not matches and not is_known("client", release):
        return ABOUT.unknown("client {release} is not known to this version of dfly-analysis", release=release)
    if not matches:
        return ABOUT.absent("no failed task shows a known bug of client {release}", release=release)
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
    return ABOUT.present("high", reason, count=len(matches), tasks=len(peers), **proof)


def _matches(bug: KnownBug, text: str, duration_s: float | None) -> bool:
    if bug.longer_than_s and not (duration_s or 0.0) > bug.longer_than_s:
        return False
    return any(signature.id in bug.signatures for signature in signatures_in(text))
