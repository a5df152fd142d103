"""Slow, stuck, stampede: each named where it is planted, with whom and since when, and nowhere else."""

import pytest
from diagnosis_cases import dataset_of, event, finding, job

from tests.diagnosis.test_checks import task
from tests.reconstruction.test_task_time import piece, step

URL = "http://registry.example/v2/m/blobs/sha256:" + "a" * 64


def quick_pieces(n, *, peer="p", start=0.0, origin="source", **more):
    return [piece(number, start + number, start + number + 1, peer=peer, origin=origin, **more) for number in range(n)]


def retried(lost, n=20):
    """Return the pieces of a task, some of which were thrown away once."""
    thrown = [piece(number, number, number + 1, outcome="timeout") for number in range(lost)]
    return thrown + [piece(number, lost + number, lost + number + 1) for number in range(n)]


def test_retries_that_take_a_large_part_are_named():
    """20 of 40 s are named, 2 of 22 s are not, and nothing is said of tasks without pieces."""
    many = dataset_of(tasks=[task("p", lasts=40, n_pieces=20)], pieces=retried(20))
    found = finding(many, "retries")
    assert (found.verdict, found.count, found.severity) == ("present", 20, "medium")
    assert "50 %" in found.reason
    few = dataset_of(tasks=[task("p", lasts=22, n_pieces=20)], pieces=retried(2))
    assert finding(few, "retries").verdict == "absent"
    assert finding(dataset_of(tasks=[task("p")]), "retries").verdict == "unknown"


def stuck_task(**more):
    pieces = [*quick_pieces(9), piece(9, 9, 300)]
    return {"tasks": [task("p", lasts=300, n_pieces=10, url=URL)], "pieces": pieces} | more


def test_transfer_that_stands_still_is_stuck():
    """The registry is named, with begin and end; the job that was pending meanwhile counts as evidence."""
    found = finding(dataset_of(**stuck_task(jobs=[job("PENDING")])), "stuck")
    assert (found.verdict, found.count) == ("present", 1)
    assert "the registry registry.example" in found.reason
    assert "then the transfer went on" in found.reason
    assert "pending" in found.reason
    assert found.first == "2026-03-01T10:00:09Z"
    assert found.last == "2026-03-01T10:05:00Z"


def test_slow_transfer_is_not_stuck():
    """Pieces of 60 s that take 60 s are slow, not stuck."""
    pieces = [piece(number, 60 * number, 60 * number + 60) for number in range(10)]
    assert finding(dataset_of(tasks=[task("p", lasts=600, n_pieces=10)], pieces=pieces), "stuck").verdict == "absent"


@pytest.mark.parametrize(("last", "verdict"), [(12, "absent"), (300, "present")])
def test_log_that_was_cut_is_not_stuck(last, verdict):
    """A task without an end is stuck only if the log of its host goes on."""
    tasks = [task("p", ended=None, duration_s=None, outcome="unknown", n_pieces=20)]
    events = [event(0, "x", level="INFO"), event(last, "x", level="INFO")]
    found = finding(dataset_of(tasks=tasks, pieces=quick_pieces(9), events=events), "stuck")
    assert found.verdict == verdict
    assert verdict == "absent" or "had not ended when the log ended" in found.reason


def test_child_waits_for_a_parent_that_waits_itself():
    """The child names its parent, whose own wait is the reason."""
    child = [
        *quick_pieces(9, peer="c", origin="parent", host="client-0", role="client"),
        piece(9, 299, 301, peer="c", origin="parent", role="client"),
    ]
    tasks = [*stuck_task()["tasks"], task("c", lasts=302, n_pieces=10, url=URL, role="client", host="client-0")]
    events = [step(0, "parent_round_started", "c")]
    found = finding(dataset_of(tasks=tasks, pieces=stuck_task()["pieces"] + child, events=events), "stuck")
    assert "a parent that waits itself: 1" in found.reason


def pulls(n, *, events=(), seed="ok", task_id=None, source=True):
    """Return a preheated blob that clients pull, from the source or from the seed."""
    origin = "source" if source else "parent"
    tasks = [task("s-seed", outcome=seed, url=URL, n_pieces=4)]
    pieces = [] if seed != "ok" else quick_pieces(4, peer="s-seed")
    for number in range(n):
        own = {"url": URL, "role": "client", "host": f"client-{number}", "size_bytes": 1 << 24, "n_pieces": 4}
        tasks.append(task(f"c{number}", 100, **own, **({"task_id": task_id} if task_id else {})))
        pieces += quick_pieces(4, peer=f"c{number}", start=100, origin=origin, role="client")
    return dataset_of(
        tasks=tasks, pieces=pieces, events=[one | {"peer_id": f"c{number}"} for number in range(n) for one in events]
    )


_REGISTERED = step(100, "peer_registered", component="scheduler")
_TIMEOUT = 'download with scheduler error: TonicStatus(Status { code: Cancelled, message: "Timeout expired" })'


@pytest.mark.parametrize(
    ("more", "trigger"),
    [
        ({"events": [event(100, _TIMEOUT, event_id="scheduler_round_failed")]}, "the scheduler did not answer"),
        ({"events": [_REGISTERED], "seed": "failed"}, "the seed clients had failed"),
        ({"events": [_REGISTERED], "task_id": "other"}, "another task id"),
        ({"events": [_REGISTERED]}, "the scheduler sent them"),
        ({}, "no contact with a scheduler"),
    ],
)
def test_pulls_from_the_source_are_a_storm(more, trigger):
    """What set it off is named: the scheduler, the seeds, the task id, or none of them."""
    found = finding(pulls(6, **more), "back_to_source_storm")
    assert (found.verdict, found.count) == ("present", 6)
    assert trigger in found.reason
    assert "6 nodes" in found.reason
    assert "96 MiB" in found.reason


def test_pulls_from_parents_are_no_storm():
    """Nor is the first client of a blob that no other peer had."""
    assert finding(pulls(6, source=False), "back_to_source_storm").verdict == "absent"
    first = dataset_of(tasks=[task("c", url=URL, role="client", n_pieces=4)], pieces=quick_pieces(4, peer="c"))
    assert finding(first, "back_to_source_storm").verdict == "absent"
    assert finding(dataset_of(), "back_to_source_storm").verdict == "unknown"
