"""Clocks and zones that disagree are found by pairs of records, corrected where certain, and never turned into durations."""

import json

import pytest
from clock_shifts import shift_times, write_shifted
from conftest import SAMPLES, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import IDS, PEER, generated, job, line, reported, write_tree, zap

from dfly_analysis.dataset import ReadOptions, load
from dfly_analysis.dataset.clock_offsets import TOLERANCE_S
from dfly_analysis.dataset.export import write_tables
from dfly_analysis.diagnosis import diagnose

TIMES = (
    "SELECT nanoseconds(time), message FROM events ORDER BY ALL",
    "SELECT peer_id, piece_number, outcome, duration_s, nanoseconds(started), nanoseconds(ended) FROM pieces ORDER BY ALL",
    "SELECT peer_id, outcome, cause, nanoseconds(started), nanoseconds(ended) FROM tasks ORDER BY ALL",
    "SELECT path, nanoseconds(first), nanoseconds(last) FROM coverage ORDER BY ALL",
)


def sample(name):
    return SAMPLES / f"{name}.tar.gz"


def same_times(one, two):
    return all(one.rows(query) == two.rows(query) for query in TIMES)


def failed_seconds(dataset):
    """Return the seconds that failed and cancelled pieces ran, and the longest of them."""
    return dataset.rows("SELECT sum(duration_s), max(duration_s) FROM pieces WHERE outcome <> 'ok'")[0]


def found(dataset):
    return {one.clock: (one.kind, one.is_corrected) for one in dataset.clocks}


@pytest.mark.parametrize(
    ("name", "zone"), [("twenty-before", "Asia/Shanghai"), ("article-v0.1.118", "America/St_Johns")]
)
def test_wrong_zone_gives_the_tables_of_the_right_one(name, zone):
    """With --tz of another zone than the pods', figures are those of the right one, and the right one is named."""
    wrong = load(sample(name), tz=zone)
    assert same_times(load(sample(name)), wrong)
    assert found(wrong) == {"manager-0 and scheduler-0": ("zone", True)}
    finding = diagnose(wrong).get("clock_or_zone_wrong")
    assert finding.verdict == "present"
    assert "--tz UTC" in finding.reason


def test_missing_zone_is_named(tmp_path):
    """Pods in Shanghai that are read in UTC."""
    run = write_shifted(sample("twenty-before"), tmp_path, {"scheduler-0": 8 * 3600, "manager-0": 8 * 3600})
    dataset = load(run)
    assert failed_seconds(dataset) == failed_seconds(load(sample("twenty-before")))
    assert [(one.kind, one.zone, one.given_zone) for one in dataset.clocks] == [("zone", "+08:00", "UTC")]


def test_loaded_tables_of_a_wrong_zone_are_corrected_too(tmp_path):
    write_tables([sample("twenty-before")], tmp_path / "out", ReadOptions("Asia/Shanghai"))
    tables = load(tmp_path / "out" / "events.parquet")
    assert same_times(load(sample("twenty-before")), tables)
    assert "--tz UTC" in tables.notices[0]


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("slow-v1.5.1", {"scheduler-0": 90}), ("slow-v1.5.1", {"seed-client-0": -37, "client-1": 2}), ("article-v0.1.118", {"seed-client-1": 3600})],
)  # fmt: skip
def test_skewed_clock_is_named_and_corrected(tmp_path, name, seconds):
    """The hosts' clocks are off by seconds to an hour: durations and tasks are those of the run as it was."""
    right, skewed = load(sample(name)), load(write_shifted(sample(name), tmp_path, seconds))
    assert found(skewed) == dict.fromkeys(seconds, ("skew", True))
    for one in skewed.clocks:
        assert one.offset_s == pytest.approx(seconds[one.clock], abs=TOLERANCE_S)
    assert failed_seconds(skewed) == pytest.approx(failed_seconds(right), rel=1e-3)
    query = "SELECT peer_id, outcome, cause FROM tasks ORDER BY ALL"
    assert skewed.rows(query) == right.rows(query)


def test_one_client_alone_cannot_tell_whose_clock_is_right(tmp_path):
    dataset = load(write_shifted(sample("twenty-before"), tmp_path, {"seed-client-0": 7}))
    assert [one.other for one in dataset.clocks] == ["seed-client-0"]
    assert "which of them is right is not known" in dataset.notices[0]


def test_clock_that_changes_gives_no_duration_of_two_clocks(tmp_path):
    """A clock set back by 90 s while pieces are in flight: no correction is right, and no piece runs longer than its timeout."""
    run = write_shifted(sample("slow-v1.5.1"), tmp_path, {"scheduler-0": -90}, since="2026-11-23T22:39:00")
    dataset = load(run)
    assert found(dataset) == {"scheduler-0": ("skew", False)}
    assert "changed during the run" in dataset.notices[0]
    assert failed_seconds(dataset)[1] <= failed_seconds(load(sample("slow-v1.5.1")))[1]
    assert diagnose(dataset).get("clock_or_zone_wrong").severity == "low"


@pytest.mark.parametrize("name", ["article-v0.1.118", "slow-v1.5.1", "twenty-after"])
def test_clocks_that_agree_are_left_alone(name):
    dataset = load(sample(name))
    assert dataset.clocks == ()
    assert diagnose(dataset).get("clock_or_zone_wrong").verdict == "absent"


def test_scheduler_that_hangs_is_no_wrong_clock():
    """It logs late what it was sent meanwhile."""
    assert load(generated("scheduler-frozen", "v1.5.1")[0]).clocks == ()


def test_job_that_waits_in_the_queue_is_no_wrong_clock(tmp_path):
    """The Manager gives a job up before the scheduler takes it, and another is taken at once."""
    client, scheduler = peers(2)
    received = [
        zap(second, "[preheat]: preheat single seed peer", caller="job/job.go:205").replace(
            "}", f',"groupUUID":"{group}"}}'
        )
        for second, group in ((0.1, "group_1"), (400, "group_2"))
    ]
    jobs = [
        job("group_1", created_at="2026-05-02T10:00:00Z", updated_at="2026-05-02T10:07:30Z"),
        job("group_2", "FAILURE", created_at="2026-05-02T10:00:05Z", updated_at="2026-05-02T10:00:06Z"),
    ]
    tree = {
        "seed-client-0/dfdaemon.log": client, "scheduler-0/scheduler/core.log": scheduler,
        "scheduler-0/scheduler/job.log": "\n".join(received) + "\n", "jobs.json": json.dumps(jobs),
    }  # fmt: skip
    dataset = load(write_tree(tmp_path, tree))
    assert dataset.rows("SELECT count(DISTINCT job_id) FROM events") == [(2,)]
    assert dataset.clocks == ()


def peers(count):
    """Return the lines of a client and of the scheduler about some peers, each a minute of the hour."""
    client, scheduler = [], []
    for number in range(count):
        ids, begin = IDS.replace(PEER, f"{PEER}{number}"), 60 * number
        client += [
            line(begin, 'download task started: Download { url: "http://r/a" }', ids=ids),
            line(begin + 0.02, "need back to source response", ids=ids),
            line(begin + 9, "download task succeeded", ids=ids),
        ]
        named = [
            zap(begin + 0.01, "receive RegisterPeerRequest, url: http://r/a"),
            reported(begin + 8, number, "1s"),
        ]
        scheduler += [text.replace(PEER, f"{PEER}{number}") for text in named]
    return "\n".join(client) + "\n", "\n".join(scheduler) + "\n"


@settings(max_examples=examples(30))
@given(st.integers(-86_400, 86_400), st.integers(1, 5))
def test_any_offset_is_found(tmp_path_factory, seconds, count):
    """Whatever whole seconds the scheduler's clock is off, pairs of records show it."""
    client, scheduler = peers(count)
    tree = {"seed-client-0/dfdaemon.log": client, "scheduler-0/scheduler/core.log": shift_times(scheduler, seconds)}
    dataset = load(write_tree(tmp_path_factory.mktemp("run"), tree))
    offset = sum(one.offset_s for one in dataset.clocks)
    assert offset == pytest.approx(seconds, abs=TOLERANCE_S)
    assert dataset.rows("SELECT count(*) FROM pieces WHERE nanoseconds(ended) <= nanoseconds(started)") == [(0,)]
