"""Checks that compare tables: false job states, outliers, gaps, known bugs; each present, absent and unknown."""

import json

import pandas as pd
import pytest
from conftest import examples
from diagnosis_cases import BEGIN, dataset_of, event, finding, job, pieces_of
from hypothesis import given, settings
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.catalog.error_signatures import signature
from dfly_analysis.catalog.known_bugs import load_known_bugs
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.diagnosis.proportion_tests import Comparison, Proportion, overdispersion

URL = "https://registry.example/v2/m/blobs/sha256:" + "a" * 64


def at(second):
    return BEGIN + pd.Timedelta(seconds=second)


def task(peer, second=0, *, outcome="ok", url=URL, role="seedClient", host="seed-0", lasts=5, **more):
    row = {
        "task_id": f"t-{url}",
        "peer_id": peer,
        "host": host,
        "role": role,
        "url": url,
        "started": at(second),
        "ended": at(second + lasts),
    }
    return row | {"duration_s": lasts, "outcome": outcome, "log_path": "x", "log_line": 1} | more


def verdict(dataset, name):
    found = finding(dataset, name)
    assert found.reason
    return found.verdict


def test_failed_job_without_missing_blob_is_a_false_failure():
    """FAILURE while every blob arrived is reported; with a blob missing, or unknown blobs, it is not."""
    failed = job("FAILURE", checked=True, missing_urls=(URL,), layers=1, error=None)
    there, lost = [task("p")], [task("p", outcome="failed", cause="unknown")]
    assert verdict(dataset_of(jobs=[failed], tasks=there), "preheat_false_failure") == "present"
    assert verdict(dataset_of(jobs=[failed], tasks=there), "preheat_job_failed") == "absent"
    assert verdict(dataset_of(jobs=[failed | {"error": "boom"}], tasks=lost), "preheat_false_failure") == "absent"
    assert (
        verdict(dataset_of(jobs=[job("FAILURE", error="polling group timeout")]), "preheat_false_failure") == "unknown"
    )
    assert verdict(dataset_of(jobs=[job("SUCCESS")]), "preheat_false_failure") == "absent"
    assert verdict(dataset_of(), "preheat_false_failure") == "unknown"


def test_blobs_missing_in_failed_jobs_are_no_false_success():
    """Blobs that a failed job reports as missing do not count against a successful job that cannot be checked."""
    jobs = [job("SUCCESS", job_id="group_2"), job("FAILURE", failed=1)]
    lost = [task("p", outcome="failed", cause="unknown")]
    assert verdict(dataset_of(jobs=jobs, tasks=lost), "preheat_false_success") == "unknown"
    more = [*lost, task("q", outcome="failed", cause="unknown", url=f"{URL}b")]
    assert verdict(dataset_of(jobs=jobs, tasks=more), "preheat_false_success") == "present"


@pytest.mark.parametrize(
    ("timeout", "expected"), [(3600, "present"), (3_600_000_000_000, "absent"), (None, "unknown"), (0, "unknown")]
)
def test_job_timeout_in_seconds_is_reported(timeout, expected):
    """3600 is microseconds; an hour in nanoseconds is right; no timeout gives no verdict."""
    assert verdict(dataset_of(jobs=[job("FAILURE", timeout_ns=timeout)]), "job_timeout_unit") == expected


def test_job_timeout_is_read_from_the_schedulers_log_too():
    """Without job JSON the message that the scheduler received contains it."""
    request = json.dumps({"url": URL, "timeout": 3600, "group_uuid": "group_1"})
    message = "Received new message: " + json.dumps(
        {"Name": "preheat", "GroupUUID": "group_1", "Args": [{"Value": request}]}
    )
    line = event(0, message, component="scheduler", event_id="job_received")
    assert verdict(dataset_of(events=[line]), "job_timeout_unit") == "present"


def test_scope_of_a_deadline_depends_on_the_release():
    """The finding says what the deadline covers in that release."""
    text = f"[preheat]: preheat failed for {URL}: rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    lines = [event(0, text, component="scheduler", event_id="preheat_failed", url=URL)]
    for release, words in (
        ("v2.5.1", "the whole image"),
        ("v2.1.63", "each layer by itself"),
        ("v2.1.0", "20 min for each layer"),
    ):
        found = finding(dataset_of(events=lines, in_force=dfly.Settings.resolve(scheduler=release)), "preheat_deadline")
        assert (found.verdict, found.count) == ("present", 1)
        assert words in found.reason
    assert verdict(dataset_of(events=[event(0, component="scheduler")]), "preheat_deadline") == "absent"
    assert verdict(dataset_of(), "preheat_deadline") == "unknown"


def test_expired_token_differs_from_wrong_credentials():
    """Refusals after layers were served mean expiry, refusals from the beginning do not."""
    served, refused = task("p", 0), task("q", 60, outcome="failed", cause="auth", lasts=1)
    assert verdict(dataset_of(tasks=[served, refused]), "token_expired_midway") == "present"
    assert verdict(dataset_of(tasks=[refused]), "token_expired_midway") == "absent"
    assert verdict(dataset_of(tasks=[served]), "token_expired_midway") == "absent"
    assert verdict(dataset_of(), "token_expired_midway") == "unknown"


def test_unused_preheat_is_found_by_task_ids():
    """A pull of the same blob under another task id, also through a mirror, did not use the preheat; earlier pulls do not count."""
    seeded, pulled = task("p", 0), task("q", 60, role="client", host="client-0")
    assert verdict(dataset_of(tasks=[seeded, pulled]), "preheat_not_used") == "absent"
    other = pulled | {"task_id": "other", "url": URL.replace("registry", "mirror")}
    assert verdict(dataset_of(tasks=[seeded, other]), "preheat_not_used") == "present"
    assert verdict(dataset_of(tasks=[seeded, other | {"started": at(-60)}]), "preheat_not_used") == "unknown"
    assert verdict(dataset_of(tasks=[seeded]), "preheat_not_used") == "unknown"


def test_job_no_scheduler_received_needs_the_schedulers_log():
    """A job pending for minutes that is in no scheduler's log; without that log there is no verdict."""
    waiting = [job("PENDING", ended=at(900))]
    heard = [event(0, component="scheduler", level="INFO")]
    assert verdict(dataset_of(jobs=waiting, events=heard), "preheat_never_taken") == "present"
    taken = [event(0, component="scheduler", event_id="preheat_started", job_id="group_1")]
    assert verdict(dataset_of(jobs=waiting, events=taken), "preheat_never_taken") == "absent"
    assert verdict(dataset_of(jobs=waiting), "preheat_never_taken") == "unknown"
    assert verdict(dataset_of(jobs=[job("PENDING", ended=at(10))], events=heard), "preheat_never_taken") == "absent"


def test_layer_that_fails_repeatedly_is_named():
    """Four failures of one blob among thirty tasks that go well."""
    good = [task(f"g{n}", n, url=URL.replace("a" * 64, f"{n:064d}")) for n in range(30)]
    bad = [task(f"b{n}", n, outcome="failed", cause="unknown") for n in range(4)]
    found = finding(dataset_of(tasks=[*good, *bad]), "layer_recurs")
    assert (found.verdict, found.count) == ("present", 4)
    assert "a" * 64 in found.reason
    assert verdict(dataset_of(tasks=good), "layer_recurs") == "absent"
    assert verdict(dataset_of(), "layer_recurs") == "unknown"


def test_one_bad_registry_among_two_is_named():
    """Tasks of one registry fail, those of the other do not."""
    tasks = [task(f"g{n}", url=f"https://good.example/{n}") for n in range(30)]
    tasks += [task(f"b{n}", url=f"https://bad.example/{n}", outcome="failed" if n < 12 else "ok") for n in range(20)]
    found = finding(dataset_of(tasks=tasks), "registry_outlier")
    assert found.verdict == "present"
    assert found.reason.startswith("bad.example: 12 of 20 tasks failed")
    assert verdict(dataset_of(tasks=tasks[:30]), "registry_outlier") == "unknown"


def test_period_with_concentrated_failures_is_named():
    """Failures within one period stand out; failures at all times do not."""

    def rows(is_bad):
        return [
            row | {"peer_id": f"p{n}", "started": at(n), "ended": at(n + 1), "outcome": "reset" if is_bad(n) else "ok"}
            for n, row in enumerate(pieces_of("seed-0", 300, 0))
        ]  # fmt: skip

    found = finding(dataset_of(pieces=rows(lambda n: 100 <= n < 140 and n % 2)), "bad_hour")
    assert (found.verdict, found.count) == ("present", 20)
    assert found.first < found.last
    assert verdict(dataset_of(pieces=rows(lambda n: n % 10 == 0)), "bad_hour") == "absent"
    assert verdict(dataset_of(pieces=rows(lambda n: False)), "bad_hour") == "absent"
    assert verdict(dataset_of(), "bad_hour") == "unknown"


def busy_pieces(busy_s, is_bad):
    """Return pieces of a second each: four at a time, and forty at a time in some seconds."""
    return [
        row | {"peer_id": f"p{second}-{n}", "started": at(second), "ended": at(second + 1), "outcome": "timeout" if is_bad(second, n) else "ok"}
        for second in range(300)
        for n, row in enumerate(pieces_of("seed-0", 40 if second in busy_s else 4, 0))
    ]  # fmt: skip


def test_period_of_the_highest_load_is_no_bad_hour():
    """A saturated link fails pieces while most are in flight: that is the load, not the hour."""
    busy = range(100, 140)
    found = finding(dataset_of(pieces=busy_pieces(busy, lambda second, n: second in busy and n % 2)), "bad_hour")
    assert found.verdict == "unknown"
    assert "the load may explain it" in found.reason


def test_bad_hour_is_compared_with_times_of_like_load():
    """Of two busy periods one fails: the hour is bad; where both fail alike, it is not."""
    busy = {*range(100, 140), *range(200, 240)}
    one = busy_pieces(busy, lambda second, n: 100 <= second < 140 and n % 2)
    found = finding(dataset_of(pieces=one), "bad_hour")
    assert (found.verdict, found.count) == ("present", 40 * 20)
    both = busy_pieces(busy, lambda second, n: second in busy and n % 2)
    assert verdict(dataset_of(pieces=both), "bad_hour") != "present"


def test_slow_host_is_named_without_any_failure():
    """A tenth of the others' rate is an outlier of low severity; the same rate is none."""

    def rows(slow_s):
        pieces = []
        for host, lasts in (("seed-0", 1.0), ("seed-1", slow_s), ("seed-2", 1.0)):
            for number in range(6):
                pieces += [
                    row
                    | {
                        "peer_id": f"{host}-{number}",
                        "duration_s": lasts + row["piece_number"] / 100,
                        "size_bytes": 4 << 20,
                    }
                    for row in pieces_of(host, 5, 0)
                ]
        return pieces

    found = finding(dataset_of(pieces=rows(10.0)), "host_outlier")
    assert (found.verdict, found.severity) == ("present", "low")
    assert found.reason.startswith("seed-1 downloads pieces at")
    assert verdict(dataset_of(pieces=rows(1.0)), "host_outlier") == "absent"


def test_process_death_makes_no_host_an_outlier():
    """A process death fails all tasks of its host: one event, not a rate."""
    tasks = [task(f"a{n}", host="seed-0", outcome="died", cause="resource_limit") for n in range(9)]
    tasks += [task(f"b{n}", host="seed-1") for n in range(20)]
    assert verdict(dataset_of(tasks=tasks), "host_outlier") == "unknown"


def test_wait_beyond_the_piece_timeout_is_a_gap():
    """Two minutes without a piece at a timeout of 40 s; with an error, or within the timeout, there is no gap."""
    in_force = dfly.Settings.resolve({"client": {"config": {"download": {"pieceTimeout": "40s"}}}}, chart="1.7.4")
    rows = [
        row | {"started": at(n), "ended": at(n + (130 if n == 3 else 1)), "origin": "parent"}
        for n, row in enumerate(pieces_of("client-0", 4, 0, role="client"))
    ]
    one = task("client-0-p", role="client", host="client-0", lasts=134, n_pieces=4, n_errors=0)
    lines = [event(134, "x", host="client-0", level="INFO")]
    found = finding(dataset_of(pieces=rows, tasks=[one], events=lines, in_force=in_force), "silent_gap")
    assert (found.verdict, found.count) == ("present", 1)
    assert "2 min 10 s" in found.reason
    assert (
        verdict(dataset_of(pieces=rows, tasks=[one | {"n_errors": 1}], events=lines, in_force=in_force), "silent_gap")
        == "unknown"
    )
    quick = [row | {"ended": row["started"] + pd.Timedelta(seconds=1)} for row in rows]
    assert (
        verdict(dataset_of(pieces=quick, tasks=[one | {"ended": at(5)}], events=lines, in_force=in_force), "silent_gap")
        == "absent"
    )


def test_known_bug_is_named_for_its_releases_only():
    """A wrong digest on v1.4.7 is a known bug, on v1.4.8 it is not; without a release there is no verdict."""
    lost = [
        task(
            "p",
            outcome="failed",
            cause="client_bug",
            first_error="digest mismatch expected: crc32:1, actual: crc32:2",
            last_error="x",
        )
    ]
    for release, expected in (("v1.4.7", "present"), ("v1.4.8", "absent"), (None, "unknown")):
        assert (
            verdict(dataset_of(tasks=lost, in_force=dfly.Settings.resolve(client=release)), "known_fault_of_release")
            == expected
        )


@pytest.mark.parametrize("bug", load_known_bugs(), ids=lambda bug: bug.id)
def test_known_bugs_name_existing_signatures(bug):
    """Releases are in order and signatures are known."""
    assert parse_version(bug.since) <= parse_version(bug.until) < parse_version(bug.fixed_in)
    assert all(signature(name) is not None for name in bug.signatures)


@settings(max_examples=examples(50))
@given(st.integers(0, 40), st.integers(1, 60), st.integers(0, 40), st.integers(1, 200))
def test_only_the_worse_stands_out(bad, n, rest_bad, rest_n):
    """A group stands out only with twice the proportion of the rest, and of two groups at most one does."""
    own, rest = Proportion(min(bad, n), n), Proportion(min(rest_bad, rest_n), rest_n)
    if Comparison(own, rest).stands_out():
        assert own.bad / own.n >= 2 * rest.bad / rest.n
        assert not Comparison(rest, own).stands_out()


def test_failures_in_one_task_count_for_less():
    """Failures spread evenly count in full, all in one task count for less."""
    assert overdispersion(["a"] * 10, [1] * 10, [10] * 10) == 1.0
    assert overdispersion(["a"] * 10, [10, *[0] * 9], [10] * 10) > 5
