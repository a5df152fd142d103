"""Bandwidth from pieces in flight: sharing is found where it is planted, and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.models import fit_capacity
from dfly_analysis.models.concurrency import count_load, shared_speed, take_spans
from dfly_analysis.models.link_capacity import AT_USUAL_LOAD, CapacityFit, fit_link
from dfly_analysis.models.weighted_attempts import failing_tasks, source_attempts
from dfly_analysis.schema import PIECES, TASKS
from tests.synthetic import CASES, write_run

MIB = 2**20
BEGIN = pd.Timestamp("2026-03-01T10:00:00Z")


def frame(start_s, duration_s, host="a", outcome="ok", size=4 * MIB) -> pd.DataFrame:
    """Make attempts at the source."""
    count = len(start_s)
    started = BEGIN + pd.to_timedelta(np.asarray(start_s), "s")
    return PIECES.frame(
        {
            "task_id": [f"{place // 8}" for place in range(count)], "host": [host] * count, "role": ["seedClient"] * count,
            "origin": ["source"] * count, "size_bytes": [size] * count, "started": started,
            "ended": started + pd.to_timedelta(np.asarray(duration_s), "s"), "duration_s": duration_s, "outcome": [outcome] * count,
        }
    )  # fmt: skip


def loaded(folder, link_bps: float):
    origin = dataclasses.replace(CASES["slow-source"].origin, rate_bps=2.5e6, rate_sigma=0.4, link_bps=link_bps)
    case = dataclasses.replace(CASES["slow-source"], origin=origin, piece_timeout_s=15.0, pulls=0)
    write_run(folder, case=case, client="v1.5.1", seed=5, images=4)
    return dfly.load([folder / "run"])


def test_a_planted_link_is_found_with_its_bandwidth(tmp_path):
    """16 MB/s a host, shared by about sixteen pieces: found within a twenty-fifth, and the distribution at the usual load is fitted beside it."""
    dataset = loaded(tmp_path, 16e6)
    made = fit_link(source_attempts(dataset), failing_tasks(dataset))
    found = made["source_capacity"]
    assert found.shared
    assert found.scope == "host"
    assert found.bandwidth_bps.value == pytest.approx(16e6, rel=0.04)
    assert found.throughput(40).value == pytest.approx(16e6, rel=0.04)
    assert made[AT_USUAL_LOAD].quantile(4 * MIB, 0.5).value > 0


def test_requests_with_rates_of_their_own_share_nothing(tmp_path):
    """No sharing is claimed; throughput grows with concurrency."""
    found = fit_capacity(loaded(tmp_path, float("inf")).pieces)
    assert not found.shared
    assert found.model == "own rates"
    assert found.bandwidth_bps.value == float("inf")
    assert found.throughput(20).value == pytest.approx(2 * found.throughput(10).value)
    # Slots are busy longest with the slow ones: the harmonic mean of the rates.
    assert found.rate_alone_bps == pytest.approx(2.5e6 * np.exp(-0.5 * 0.4**2), rel=0.1)


def test_few_attempts_or_none_give_a_reason():
    """An empty frame, one without times, and one of a few rows."""
    for pieces in (PIECES.frame(), pd.DataFrame({"size_bytes": [1.0]}), frame([0.0, 1.0], [1.0, 1.0])):
        found = fit_capacity(pieces)
        assert isinstance(found, dfly.NotFitted)
        assert found.collect


def test_a_constant_load_cannot_tell(tmp_path):
    """Twelve in flight all the time: the interval reaches from own rates to a full link, and a note says what would tell."""
    rng = np.random.default_rng(4)
    durations = rng.lognormal(1.0, 0.3, (12, 30))
    starts = np.cumsum(durations, axis=1) - durations
    keep = starts < 60.0
    starts, durations = starts[keep], durations[keep]
    ends = starts + durations > 60.0
    rows = frame(starts, np.where(ends, 60.0 - starts, durations))
    rows["outcome"] = np.where(ends, "cancelled", "ok")  # no ramp at the end, which would tell
    found = fit_capacity(rows)
    assert isinstance(found, CapacityFit)
    assert found.contention.low == 0.0
    assert found.contention.high * found.usual_load > 1.0
    assert any("whether pieces share a link is unknown" in note for note in found.notes)


def test_a_pass_that_nobody_logged_is_in_flight_too():
    """A layer lost a piece after 10 s and ended at 30 s: till then its slots were busy, though no line names a piece."""
    rows = frame([0.0, 0.0, 0.0, 0.0, 5.0], [10.0, 5.0, 10.0, 10.0, 5.0])
    rows["task_id"], rows["retry_round"], rows["successes_not_logged"] = "lost", 1, False
    rows["outcome"] = ["timeout", "ok", "cancelled", "cancelled", "cancelled"]
    late = frame([40.0], [1.0])
    late["task_id"], late["retry_round"], late["successes_not_logged"] = "late", 1, False
    known = {
        "task_id": ["lost"],
        "host": ["a"],
        "ended": [BEGIN + pd.Timedelta("30s")],
        "outcome": ["failed"],
        "n_pieces": [5],
    }
    pieces = pd.concat([rows, late], ignore_index=True)
    alone, beside = (count_load(take_spans(pieces, tasks), "host") for tasks in (None, TASKS.frame(known)))

    def load_at(steps, second):
        return steps.load[np.searchsorted(steps.time_s, second, side="right") - 1]

    assert [load_at(alone, t) for t in (3.0, 20.0, 40.5)] == [4.0, 0.0, 1.0]
    assert [load_at(beside, t) for t in (3.0, 20.0, 40.5)] == [4.0, 4.0, 1.0]


@settings(max_examples=examples(30))
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 20)), min_size=1, max_size=30), st.floats(0.0, 2.0))
def test_progress_is_at_most_the_time_that_passed(spans, contention):
    """Without crowding an attempt has made the time it took; with it less, but no less than under the fullest load."""
    start, duration = (np.array(part) for part in zip(*spans, strict=True))
    taken = take_spans(frame(start, duration))
    steps = count_load(taken, "host")
    passed = taken.end_s - taken.begin_s
    assert steps.progress(0.0, 4.0) == pytest.approx(passed, rel=0.003)
    made = steps.progress(contention, 4.0)
    slowest = float(shared_speed(len(spans), contention, 4.0))
    assert (made <= passed + 1e-6).all()
    assert (made >= 0.997 * slowest * passed - 1e-6).all()
