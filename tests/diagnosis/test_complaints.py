"""Slow, stuck, stampede: each named where it is planted, with whom and since when, and nowhere else."""

import pytest
from diagnosis_cases import dataset_of, event, finding, job

import dfly_analysis as dfly
from dfly_analysis.dataset.dataset import REFUSED_FOR_LOAD
from dfly_analysis.sql_scripts import sql
from tests.diagnosis.test_checks import at, task
from tests.reconstruction.test_task_time import piece, step
from tests.synthetic.go_era import GO_COMPLAINTS, write_go_run

_EIGHT = dfly.Settings.resolve({"seedClient": {"config": {"download": {"concurrentPieceCount": 8}}}}, client="v1.5.1")
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


def rows_of(n_tasks, pieces, *, lasts=20.0, role="seedClient", n_pieces=20, **more):
    """Return the same pieces in several tasks, one after the other."""
    tasks, attempts = [], []
    for number in range(n_tasks):
        begin = number * (lasts + 1)
        tasks.append(task(f"p{number}", begin, lasts=lasts, n_pieces=n_pieces, role=role, **more))
        attempts += [
            one | {"peer_id": f"p{number}", "role": role, "started": one["started"] + (at(begin) - at(0)), "ended": one["ended"] + (at(begin) - at(0))}
            for one in pieces
        ]  # fmt: skip
    return {"tasks": tasks, "pieces": attempts}


def sized(rate_bps, n=20, *, side_by_side=1, **more):
    """Return pieces of 4 MB that take what their rate says, some side by side."""
    seconds = 4e6 / rate_bps
    begins = [(number // side_by_side) * seconds for number in range(n)]
    return [piece(number, begin, begin + seconds, size_bytes=4_000_000, **more) for number, begin in enumerate(begins)]


def test_slow_requests_are_a_slow_source():
    """1 MB/s a request is slow, 8 MB/s is not; both spend all their time on it."""
    slow = dataset_of(**rows_of(3, sized(1e6), lasts=80.0))
    assert "1 MB/s" in finding(slow, "slow_source").reason
    assert finding(slow, "slow_source").verdict == "present"
    assert finding(dataset_of(**rows_of(3, sized(8e6), lasts=10.0)), "slow_source").verdict == "absent"


def test_run_as_quick_as_its_link_has_no_slow_source():
    """Where the rate of a request falls as more are in flight, the link is the limit."""
    pieces, begin = [], 0.0
    for number in range(40):
        beside = 1 + number % 4 * 3
        seconds = 4.0 * beside
        pieces += [piece(number * 20 + k, begin, begin + seconds, size_bytes=4_000_000) for k in range(beside)]
        begin += seconds
    found = finding(dataset_of(**rows_of(1, pieces, lasts=begin, n_pieces=len(pieces))), "slow_source")
    assert found.verdict == "absent"
    assert "as quick as its link" in found.reason


def test_few_late_pieces_can_be_a_slow_source():
    """Two pieces that take 40 s each of a second's kind are named, however fast the median is."""
    pieces = [*sized(4e6, 30), *(piece(30 + k, 30 + 40 * k, 70 + 40 * k, size_bytes=4_000_000) for k in range(2))]
    assert (
        "four times the median"
        in finding(dataset_of(**rows_of(2, pieces, lasts=110.0, n_pieces=32)), "slow_source").reason
    )


def test_child_that_waits_for_pieces_has_slow_parents():
    """A quarter of the time between pieces of a parent is a wait for it; pieces one after the other are none."""
    waiting = [piece(number, number * 4, number * 4 + 1, origin="parent") for number in range(20)]
    found = finding(dataset_of(**rows_of(2, waiting, lasts=80.0, role="client")), "slow_parents")
    assert (found.verdict, found.count) == ("present", 2)
    busy = [piece(number, number * 4, number * 4 + 4, origin="parent") for number in range(20)]
    assert finding(dataset_of(**rows_of(2, busy, lasts=80.0, role="client")), "slow_parents").verdict == "absent"


def test_parents_slower_than_the_registry_are_named():
    """Pieces from parents take four times as long as those from the registry."""
    seeds = rows_of(2, sized(8e6), lasts=10.0)
    pulls = rows_of(2, sized(2e6, origin="parent"), lasts=40.0, role="client")
    pulls = {name: [one | {"peer_id": f"c-{one['peer_id']}"} for one in rows] for name, rows in pulls.items()}
    found = finding(
        dataset_of(tasks=seeds["tasks"] + pulls["tasks"], pieces=seeds["pieces"] + pulls["pieces"]), "slow_parents"
    )
    assert "2 MB/s (median), from the registry at 8 MB/s" in found.reason


def test_long_end_after_the_last_piece_is_a_slow_disk():
    """20 s of pieces and 20 s of writing; or a copy that takes as long after the task's end."""
    pieces = [piece(number, number, number + 1) for number in range(20)]
    assert finding(dataset_of(**rows_of(2, pieces, lasts=40.0)), "slow_disk").verdict == "present"
    assert finding(dataset_of(**rows_of(2, pieces)), "slow_disk").verdict == "absent"
    copied = [event(41, 'copy to "/x" success', event_id="task_output_written", peer_id="p0", level="INFO")]
    assert finding(dataset_of(**rows_of(1, pieces), events=copied), "slow_disk").verdict == "present"


def test_slots_that_stay_empty_are_too_few_in_flight():
    """One piece at a time where eight may be in flight; eight at a time are enough."""
    assert (
        finding(
            dataset_of(**rows_of(2, sized(4e6, 40), lasts=40.0, n_pieces=40), in_force=_EIGHT), "too_few_in_flight"
        ).verdict
        == "present"
    )
    full = sized(1e6, 40, side_by_side=8)
    assert (
        finding(dataset_of(**rows_of(2, full, lasts=20.0, n_pieces=40), in_force=_EIGHT), "too_few_in_flight").verdict
        == "absent"
    )
    assert finding(dataset_of(), "too_few_in_flight").verdict == "unknown"


def test_wait_for_permission_is_waiting_for_the_scheduler():
    """5 of 10 s until the scheduler answers are named; 50 ms are not."""
    for wait, verdict in ((5, "present"), (0.05, "absent")):
        pieces = quick_pieces(5, start=wait)
        rows = rows_of(2, pieces, lasts=5.0 + wait, n_pieces=5)
        events = [step(number * (6.0 + wait) + wait, "source_round_started", f"p{number}") for number in range(2)]
        assert finding(dataset_of(**rows, events=events), "waiting_for_scheduler").verdict == verdict
    assert finding(dataset_of(), "waiting_for_scheduler").verdict == "unknown"


def _started(peer, **fields):
    known = {
        "url": f'"{URL}"',
        "digest": "None",
        "tag": 'Some("")',
        "application": 'Some("")',
        "piece_length": "None",
    } | fields
    text = "download task started: Download { " + ", ".join(f"{name}: {value}" for name, value in known.items()) + " }"
    return step(0, "task_started", peer) | {"message": text}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tag": 'Some("d7y/manager")'}, "what differs: tag (2)"),
        ({"url": f'"{URL}?x=1"'}, "what differs: query of the URL (2)"),
        (
            {"url": f'"{URL.replace("registry.", "mirror.")}"', "application": 'Some("a")'},
            "address of the registry (2), application (2)",
        ),
        ({"piece_length": "Some(4194304)"}, "what differs: piece length (2)"),
        ({}, "what differs: not logged (2)"),
    ],
)
def test_reason_of_another_task_id_is_named(fields, words):
    """Query, tag, application, piece length and address are compared with the preheat's request."""
    tasks = [task("s-seed", url=URL), *(task(f"c{k}", 100, url=URL, role="client", task_id="other") for k in range(2))]
    events = [_started("s-seed"), *(_started(f"c{k}", **fields) for k in range(2))]
    found = finding(dataset_of(tasks=tasks, events=events), "preheat_not_used")
    assert (found.verdict, found.count) == ("present", 2)
    assert words in found.reason


def test_layer_evicted_before_its_pull_is_named():
    """The seed evicts the layer between preheat and pull; an eviction after the pull does not count."""
    tasks = [task("s-seed", url=URL, task_id="t1"), task("c", 100, url=URL, role="client", task_id="t1")]
    for second, verdict in ((50, "present"), (500, "absent")):
        events = [event(second, "evict task t1 size 17", role="seedClient", level="INFO")]
        assert finding(dataset_of(tasks=tasks, events=events), "preheat_not_used").verdict == verdict


def _peer(host):
    return f"10.0.0.7-{host}-01234567-89ab-cdef-0123-456789abcdef-seed"


def _mismatch(second, number, **more):
    text = "download piece finished: digest mismatch expected: crc32:7, actual: crc32:9"
    return event(
        second, text, event_id="piece_failed", peer_id="c", task_id="t1", piece_number=number, host="client-0", **more
    )


def test_parent_that_spreads_damage_is_named():
    """With the nodes that hold the layer, the commands that remove it, and the known bug of the release."""
    good = [
        piece(number, number, number + 1, peer="c", origin="parent", parent_id=_peer("seed-2")) for number in range(9)
    ]
    bad = [
        piece(20 + number, number, number + 1, peer="c", origin="parent", parent_id=_peer("seed-1"), outcome="unknown")
        for number in range(3)
    ]
    tasks = [
        task("c", role="client", host="client-0", task_id="t1"),
        task("d", role="client", host="client-9", task_id="t1"),
    ]
    events = [_mismatch(number + 0.9, 20 + number) for number in range(3)]
    old = dfly.Settings.resolve(client="v1.4.5")
    found = finding(dataset_of(tasks=tasks, pieces=good + bad, events=events, in_force=old), "corrupt_parent")
    assert (found.verdict, found.count) == ("present", 3)
    for words in (
        "seed-1 served 3 of the 3 pieces",
        "client-0, client-9 and seed-1",
        "dfctl task rm t1",
        "known bug of client v1.4.5",
    ):
        assert words in found.reason
    assert found.first == "2026-03-01T10:00:00.900000Z"


def test_mismatch_without_a_parent_names_nobody():
    """Content from the registry, or a line without its piece, leaves the parent open."""
    assert finding(dataset_of(events=[_mismatch(1, 3)]), "corrupt_parent").verdict == "unknown"
    assert finding(dataset_of(events=[event(1, "x")]), "corrupt_parent").verdict == "absent"
    assert finding(dataset_of(), "corrupt_parent").verdict == "unknown"


_TOLD = event(
    0, 'refresh available scheduler addresses: {"scheduler-0": 10.77.0.3:8002}', level="INFO", host="client-0"
)
_REFUSED = "check scheduler http://10.77.0.3:8002 health failed: status: Unavailable, message: tcp connect error: Connection refused (os error 111)"
_MESH = 'check scheduler health failed: status: Unavailable, message: "upstream connect error or disconnect/reset before headers"'


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            [
                _TOLD,
                *(event(300 + k, "announce host to 10.9.9.9:8002", level="INFO", host="client-0") for k in range(2)),
            ],
            "10.9.9.9 is used on client-0",
        ),
        ([_TOLD, *(event(300 + 40 * k, _REFUSED, host="client-0") for k in range(4))], "10.77.0.3 does not answer"),
        (
            [
                _TOLD
                | {"message": 'refresh available scheduler addresses: {"s-0": 10.7.0.3:8002, "s-1": 10.7.0.3:8002}'}
            ],
            "s-0 and s-1",
        ),
        ([event(0, _MESH, host="client-0")], "service mesh"),
    ],
)
def test_wrong_addresses_of_schedulers_are_named(events, words):
    """Stale, dead, shared, and answered by a mesh: from the clients' logs alone."""
    found = finding(dataset_of(events=events), "scheduler_address_wrong")
    assert found.verdict == "present"
    assert words in found.reason


def test_scheduler_that_restarts_has_no_wrong_address():
    """A minute of refused calls, or a new address just announced, is no wrong address."""
    calm = [_TOLD, *(event(300 + 10 * k, _REFUSED, host="client-0") for k in range(4))]
    assert finding(dataset_of(events=calm), "scheduler_address_wrong").verdict == "absent"
    moved = [
        _TOLD,
        event(
            300, 'refresh available scheduler addresses: {"scheduler-0": 10.77.0.9:8002}', level="INFO", host="client-0"
        ),
    ]
    moved.append(event(310, "announce host to 10.77.0.3:8002", level="INFO", host="client-0"))
    assert finding(dataset_of(events=moved), "scheduler_address_wrong").verdict == "absent"
    assert finding(dataset_of(), "scheduler_address_wrong").verdict == "unknown"


def test_refusals_of_the_registry_in_a_storm_are_counted():
    """With the requests in flight then: how much concurrency the registry took."""
    refused = event(100.5, "backend get failed: 429 Too Many Requests", host="client-0")
    storm = pulls(6)
    dataset = storm.with_frames(events=dataset_of(events=[refused]).events)
    assert (
        "refused 1 requests (429, 401) meanwhile, with 6 to 6 others in flight"
        in finding(dataset, "back_to_source_storm").reason
    )


@pytest.mark.parametrize("complaint", [None, *GO_COMPLAINTS])
def test_complaints_in_logs_of_the_go_client_are_answered(complaint, tmp_path):
    write_go_run(tmp_path, complaint, 3)
    answers = {one.id for one in dfly.diagnose([tmp_path]).present()} & set(GO_COMPLAINTS.values())
    assert answers == ({GO_COMPLAINTS[complaint]} if complaint else set())


@pytest.mark.parametrize(("minutes", "verdict"), [(60, "present"), (1, "unknown")])
def test_a_job_that_nobody_takes_is_stuck(minutes, verdict):
    """Jobs alone tell it: pending for an hour is stuck, for a minute not yet."""
    found = finding(dataset_of(jobs=[job("PENDING") | {"created": at(0), "ended": at(60 * minutes)}]), "stuck")
    assert found.verdict == verdict
    assert "pending" in found.reason


def test_the_load_at_which_refusals_begin_is_measured():
    """Ten requests start one a second and last 60 s; the registry refuses one when six are in flight, and one when nine are."""
    pieces = [piece(number, number, number + 60) for number in range(10)]
    events = [event(at_s, "backend error: 429 Too Many Requests") for at_s in (5.5, 8.5)]
    dataset = dataset_of(tasks=[task("p", lasts=70, n_pieces=10)], pieces=pieces, events=events)
    peak, refused = dataset.rows(sql("recommendation", "refused_load", REFUSED=REFUSED_FOR_LOAD))[0]
    assert peak == 10
    assert 6 <= refused < 7
