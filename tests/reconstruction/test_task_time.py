"""Where the time of a task went: the parts add up to its duration, whatever its pieces and records."""

from itertools import pairwise

import pandas as pd
import pytest
from conftest import examples
from diagnosis_cases import BEGIN, dataset_of, event
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.diagnosis.time_parts import ensure_task_time, part_of_time
from dfly_analysis.reconstruction.task_time import PARTS, STEPS


def at(second):
    return BEGIN + pd.Timedelta(seconds=second)


def task(peer="p", start=0.0, end=10.0, **more):
    row = {"task_id": "t", "peer_id": peer, "host": "seed-0", "role": "seedClient", "outcome": "ok", "n_pieces": 2}
    return (
        row | {"started": at(start), "ended": at(end), "duration_s": end - start, "log_path": "x", "log_line": 1} | more
    )


def piece(number, start, end, *, peer="p", outcome="ok", origin="source", **more):
    row = {
        "task_id": "t",
        "peer_id": peer,
        "host": "seed-0",
        "role": "seedClient",
        "piece_number": number,
        "attempt": 1,
    }
    row |= {"origin": origin, "started": at(start), "ended": at(end), "duration_s": end - start, "outcome": outcome}
    return row | {"log_path": "x", "log_line": number + 1} | more


def step(second, event_id, peer="p", **more):
    return event(second, event_id, event_id=event_id, peer_id=peer, level="INFO", **more)


def parts(dataset, peer="p"):
    ensure_task_time(dataset)
    return dict(dataset.rows("SELECT part, seconds FROM task_time WHERE peer_id = ?", (peer,)))


_SECONDS = st.floats(0, 100, allow_nan=False).map(lambda second: round(second, 3))
_SPANS = st.tuples(_SECONDS, _SECONDS).map(sorted)
_PIECES = st.tuples(
    st.integers(0, 5), _SPANS, st.sampled_from(["ok", "timeout", "cancelled"]), st.sampled_from(["source", "parent", "local"]), st.sampled_from("pq")
)  # fmt: skip


@settings(max_examples=examples(60))
@given(
    st.lists(_SPANS, min_size=2, max_size=2),
    st.lists(_PIECES, max_size=12),
    st.lists(st.tuples(_SECONDS, st.sampled_from(sorted(STEPS)))),
)
def test_parts_add_up_to_the_duration(spans, pieces, steps):
    """Also for pieces outside the task, of no length, in the same moment, and steps in any order."""
    tasks = [task(peer, *span) for peer, span in zip("pq", spans, strict=True)]
    attempts = [
        piece(number, *span, outcome=outcome, origin=origin, peer=peer)
        for number, span, outcome, origin, peer in pieces
    ]
    dataset = dataset_of(tasks=tasks, pieces=attempts, events=[step(second, name) for second, name in steps])
    for peer, (start, end) in zip("pq", spans, strict=True):
        found = parts(dataset, peer)
        assert set(found) <= set(PARTS)
        assert sum(found.values()) == pytest.approx(end - start, abs=1e-6)
    rows = dataset.rows("SELECT peer_id, from_ns, until_ns FROM task_segments ORDER BY ALL")
    assert all(one[2] == other[1] for one, other in pairwise(rows) if one[0] == other[0])


def test_time_is_shared_by_the_attempts_in_flight():
    """From 1 s to 3 s a piece that fails is alone, then it shares a second with one that comes through."""
    events = [step(0.5, "peer_registered"), step(1, "source_round_started")]
    pieces = [piece(0, 1, 4, outcome="timeout"), piece(1, 3, 6), piece(0, 7, 9)]
    found = parts(dataset_of(tasks=[task()], pieces=pieces, events=events))
    expected = {"registration": 0.5, "scheduling": 0.5, "retries": 2.5, "source": 0.5 + 2 + 2, "idle": 1, "writing": 1}
    assert found == pytest.approx(expected)


def test_wait_between_pieces_is_for_slots_or_for_the_parent():
    """While other tasks of the host are in flight a task waits for a slot; a child waits for its parent."""
    tasks = [task(), task("q", task_id="u")]
    seed = dataset_of(tasks=tasks, pieces=[piece(0, 0, 1), piece(1, 9, 10), piece(0, 0, 10, peer="q")])
    assert parts(seed) == pytest.approx({"source": 2, "slots": 8})
    child = dataset_of(tasks=[task()], pieces=[piece(0, 0, 1, origin="parent"), piece(1, 9, 10, origin="parent")])
    assert parts(child) == pytest.approx({"parents": 2, "parent_wait": 8})


def test_round_without_logged_pieces_is_transfer():
    """A client at info level logs no piece that comes through: its round is transfer, and nothing is idle."""
    events = [step(0, "peer_registered"), step(1, "parent_round_started")]
    assert parts(dataset_of(tasks=[task()], events=events)) == pytest.approx({"scheduling": 1, "parents": 9})
    again = step(4, "pieces_planned", stage="downloading from scheduler", pieces="0, 1")
    found = parts(dataset_of(tasks=[task()], pieces=[piece(0, 0, 4, outcome="timeout")], events=[again]))
    assert found == pytest.approx({"retries": 4, "source": 6})
    assert parts(dataset_of(tasks=[task()])) == pytest.approx({"not_logged": 10})


def test_share_of_a_part_has_the_interval_of_a_ratio():
    """Two equal tasks give a point; two that differ give a range around it."""
    lost, kept = (
        [piece(0, 0, 5, peer=peer, outcome=outcome), piece(1, 5, 10, peer=peer)]
        for peer, outcome in (("p", "timeout"), ("q", "ok"))
    )
    alone = part_of_time(dataset_of(tasks=[task()], pieces=lost), ("retries",))
    assert (alone.share.low, alone.share.value, alone.share.high) == pytest.approx((0.5, 0.5, 0.5))
    differ = part_of_time(dataset_of(tasks=[task(), task("q")], pieces=lost + kept), ("retries",))
    assert differ.share.value == pytest.approx(0.25)
    assert differ.share.low < 0.25 < differ.share.high
    assert part_of_time(dataset_of(), ("retries",)) is None
