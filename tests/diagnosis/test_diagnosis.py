"""Diagnosis on small tables and logs: counts, checks, severities, causes."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from diagnosis_cases import BEGIN, BODY, dataset_of, event, finding, job, pieces_of
from hypothesis import given, settings
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.catalog.error_signatures import load_signatures, signature
from dfly_analysis.diagnosis.causes import cause_shares
from dfly_analysis.diagnosis.checks import CHECKS
from dfly_analysis.diagnosis.evidence import MAX_LINES, evidence_of, format_hosts
from dfly_analysis.diagnosis.signature_checks import FOLD_S, check_signatures
from dfly_analysis.schema import CAUSES


def diagnosed(tmp_path, files, **options):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return dfly.diagnose(dfly.load(tmp_path, **options))


def test_one_bad_host_among_equal_ones_is_named():
    """A seed client that loses a third of its pieces, while two others lose one of fifty, is the outlier."""
    rows = [*pieces_of("seed-0", 98, 2), *pieces_of("seed-1", 70, 30), *pieces_of("seed-2", 99, 1)]
    lines = [event(1, host="seed-1", event_id="piece_failed", log_path="seed-1.log", log_line=7)]
    tasks = [
        {
            "peer_id": "seed-1-p",
            "host": "seed-1",
            "role": "seedClient",
            "outcome": "failed",
            "cause": "network_instability",
        }
    ]
    found = finding(dataset_of(events=lines, pieces=rows, tasks=tasks), "host_outlier")
    assert (found.verdict, found.severity, found.count, found.tasks) == ("present", "high", 30, 1)
    assert found.reason.startswith("seed-1: 30 of 100 pieces failed (30 %")
    assert [(one.path, one.line) for one in found.evidence] == [("seed-1.log", 7)]


def test_a_bad_host_that_failed_no_task_is_of_low_severity():
    """Retries made up for it, so the severity is low."""
    rows = [*pieces_of("seed-0", 100, 0), *pieces_of("seed-1", 70, 30)]
    assert finding(dataset_of(pieces=rows), "host_outlier").severity == "low"


@settings(max_examples=examples(25))
@given(failed=st.integers(0, 40), hosts=st.integers(2, 4))
def test_equal_hosts_have_no_outlier(failed, hosts):
    """Where all hosts fail alike, none is singled out, however often they fail."""
    rows = [row for number in range(hosts) for row in pieces_of(f"seed-{number}", 60 - failed, failed)]
    assert finding(dataset_of(pieces=rows), "host_outlier").verdict == "absent"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        pieces_of("seed-0", 10, 40),
        [*pieces_of("seed-0", 10, 40), *pieces_of("client-0", 50, 0, role="client")],
        [
            *pieces_of("seed-0", 0, 40, successes_not_logged=True),
            *pieces_of("seed-1", 50, 0, successes_not_logged=True),
        ],
    ],
    ids=["no piece", "one host", "another role", "successes not logged"],
)
def test_hosts_that_cannot_be_compared_give_no_verdict(rows):
    """One host, hosts of different roles, or hosts that log no successes give no verdict."""
    found = finding(dataset_of(pieces=rows), "host_outlier")
    assert (found.verdict, found.severity) == ("unknown", "info")
    assert "at least two hosts" in found.reason


def rust(second, text, level="INFO"):
    moment = (BEGIN + pd.Timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%f000+00:00")
    return f"{moment} {level:>5} dragonfly-client/src/tracing/mod.rs:131: {text}\n"


START = "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO"
DFGET = "tracing initialized directory: /var/log/dragonfly/dfget, level: INFO"
SHUTDOWN = "dfdaemon shutdown"
LOG, ROTATED = "seed-0/dfdaemon/dfdaemon.log", "seed-0/dfdaemon/dfdaemon.log.1"


@pytest.mark.parametrize(
    ("files", "restarts"),
    [
        ({LOG: rust(0, START)}, 0),
        ({LOG: rust(0, START) + rust(60, START)}, 1),
        ({LOG: rust(0, START) + rust(60, START) + rust(120, START)}, 2),
        ({LOG: rust(0, START) + rust(60, START) + rust(63, START) + rust(66, START)}, 1),
        ({LOG: rust(0, START) + rust(50, SHUTDOWN) + rust(60, START)}, 0),
        ({LOG: rust(0, START) + rust(50, "received SIGTERM, shutting down") + rust(60, START)}, 0),
        ({LOG: rust(0, START), "seed-0/dfget/dfget.log": rust(30, DFGET) + rust(40, DFGET)}, 0),
        ({LOG: rust(60, START), ROTATED: rust(0, START) + rust(50, SHUTDOWN)}, 0),
        ({LOG: rust(60, START), ROTATED: rust(0, START)}, 1),
        ({LOG: rust(0, START), "seed-0/dfdaemon/stdout.log": rust(0, START)}, 0),
        ({LOG: rust(0, START), "seed-1/dfdaemon/dfdaemon.log": rust(60, START)}, 0),
    ],
    ids=[
        "once",
        "twice",
        "three times",
        "a crash loop",
        "shutdown",
        "SIGTERM",
        "dfget",
        "rotated",
        "rotated and killed",
        "two copies",
        "two hosts",
    ],
)
def test_restart_is_a_start_without_a_shutdown_before_it(tmp_path, files, restarts):
    """Shutdowns, dfget, rotated files, copies and other hosts are no restarts; killed processes are, a crash loop is one."""
    found = diagnosed(tmp_path, files).get("restart_without_goodbye")
    assert found.count == restarts
    assert found.verdict == ("present" if restarts else "absent")
    assert found.severity == ("low" if restarts else "info")
    assert {one.line for one in found.evidence} <= {1, 2, 3}


def count_failures(rows):
    """Return the number of failures counted over lines with a broken body."""
    found = check_signatures(dataset_of(events=rows))
    return next(one.count for one in found if one.id == "error_decoding_response_body")


def test_lines_of_one_failure_count_once():
    """A piece's lines within two seconds are one failure, a later attempt is another, the task's own line adds none."""
    piece = {"peer_id": "p", "piece_number": 3}
    rows = [
        event(0, **piece),
        event(0.5, **piece),
        event(FOLD_S + 9, **piece),
        event(FOLD_S + 9.1, peer_id="p"),
        event(1, component="scheduler"),
    ]
    assert count_failures(rows) == 2
    assert count_failures(rows[3:]) == 1
    assert count_failures([event(1, component="scheduler", url="u"), event(5, component="scheduler", url="u")]) == 1


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from(["p", "q"])), min_size=1, max_size=30),
    st.randoms(),
)
def test_the_count_depends_neither_on_order_nor_on_repetition(places, random):
    """Shuffling lines, or reading each of them twice, changes no count; it is never above the number of lines."""
    rows = [event(second, peer_id=peer, piece_number=piece) for second, piece, peer in places]
    expected = count_failures(rows)
    shuffled = rows + rows
    random.shuffle(shuffled)
    assert count_failures(shuffled) == expected
    assert len(set(places)) >= expected >= len({(piece, peer) for _, piece, peer in places})


@given(st.lists(st.sampled_from(CAUSES), max_size=40))
def test_shares_add_up_and_the_largest_is_first(causes):
    """Shares are counts over failed tasks: they add up to 1, each lies in its interval, the first is the largest."""
    shares = cause_shares([(cause, None, 1) for cause in causes])
    assert sum(one.tasks for one in shares) == len(causes)
    assert math.fsum(one.share for one in shares) == pytest.approx(1 if causes else 0)
    assert all(0 <= one.low <= one.share <= one.high <= 1 for one in shares)
    assert [one.tasks for one in shares] == sorted((one.tasks for one in shares), reverse=True)


def test_of_equal_causes_the_root_cause_comes_first():
    """A dead process makes others wait until their timeout, never the other way round."""
    shares = cause_shares([("timeout_too_short", None, 1), ("resource_limit", None, 1), (None, None, 1)])
    assert [one.cause for one in shares] == ["resource_limit", "timeout_too_short", "unknown"]


def test_job_records_alone_show_the_signature():
    """Without any log, the error text of a job is evidence of its failure, and the job itself is a finding."""
    error = "rpc error: code = Internal desc = error decoding response body"
    findings = dfly.diagnose(dataset_of(jobs=[job(error=error), job("SUCCESS", job_id="group_2")]))
    body, failed = findings.get("error_decoding_response_body"), findings.get("preheat_job_failed")
    assert (body.verdict, body.severity, body.count) == ("present", "high", 1)
    assert body.reason == "1 failure in 1 line of job records."
    assert [(one.path, one.line) for one in body.evidence] == [("jobs.json", 7)]
    assert (failed.verdict, failed.count, failed.tasks) == ("present", 1, 1)
    assert failed.reason == "1 of 2 preheat jobs report FAILURE; missing blobs: 1."
    assert findings.get("disk_full").verdict == "unknown"
    assert [(one.cause, one.tasks) for one in findings.causes] == [("unknown", 1)]
    findings = dfly.diagnose(dataset_of(jobs=[job(error="No space left on device (os error 28)", failed=3)]))
    assert [(one.cause, one.tasks) for one in findings.causes] == [("disk_full", 3)]
    assert dfly.diagnose(dataset_of(jobs=[job(error="polling group timeout")])).primary_cause is None


@pytest.mark.parametrize(
    ("jobs", "tasks", "verdict", "words"),
    [
        ([], [], "unknown", "no preheat job"),
        ([job()], [], "absent", "no preheat job reports SUCCESS"),
        ([job("SUCCESS", checked=True)], [], "absent", "jobs that report SUCCESS: 1; every requested blob arrived"),
        ([job("SUCCESS")], [], "unknown", "what the jobs requested is unknown"),
        ([job("SUCCESS")], [("seedClient", "u1")], "present", "blobs that seed clients failed to download and no job reports: 1; jobs that report SUCCESS: 1."),
        ([job("SUCCESS")], [("client", "u1")], "unknown", "unknown"),
        ([job("SUCCESS", checked=True, false_success=True, missing_urls=("u1",), layers=4)], [], "present", "1 of 1 preheat jobs report SUCCESS; requested blobs missing in 1 of them: 1."),
        ([job("SUCCESS", checked=True, false_success=True, missing_urls=("u1", "u2"), layers=5), job("SUCCESS", checked=True)], [], "present", "2 of 2 preheat jobs report SUCCESS; requested blobs missing in 1 of them: 2."),
    ],
)  # fmt: skip
def test_false_success_differs_from_an_unknown_one(jobs, tasks, verdict, words):
    """A success is false if requested blobs are missing, or if a seed client lost blobs that no job reports."""
    rows = [
        {"peer_id": url, "role": role, "host": "h", "url": url, "outcome": "failed", "cause": "unknown"}
        for role, url in tasks
    ]
    found = finding(dataset_of(jobs=jobs, tasks=rows), "preheat_false_success")
    assert found.verdict == verdict
    assert words in found.reason
    assert bool(found.evidence) == (verdict == "present")


def values_of(text):
    return {"seedClient": {"config": {"download": {text: "600s"}}}}


@pytest.mark.parametrize(
    ("in_force", "tasks", "verdict", "severity"),
    [
        (dfly.Settings.resolve(), 0, "unknown", "info"),
        (dfly.Settings.resolve(values_of("pieceTimeout"), chart="1.2.24"), 0, "absent", "info"),
        (dfly.Settings.resolve(values_of("pieceDownloadTimeout"), chart="1.2.24"), 0, "present", "low"),
        (dfly.Settings.resolve(values_of("pieceDownloadTimeout"), chart="1.2.24"), 3, "present", "medium"),
    ],
)
def test_wrong_timeout_key_matters_if_timeouts_fail_tasks(in_force, tasks, verdict, severity):
    """Without values there is no verdict; a key without effect is more severe while timeouts fail tasks."""
    rows = [{"peer_id": str(n), "outcome": "failed", "cause": "timeout_too_short"} for n in range(tasks)]
    found = finding(dataset_of(in_force=in_force, tasks=rows), "wrong_timeout_key")
    assert (found.verdict, found.severity, found.tasks) == (verdict, severity, tasks)
    assert ("pieceDownloadTimeout" in found.reason) == (verdict == "present")


@pytest.mark.parametrize(
    ("rows", "verdict", "words"),
    [
        ([], "unknown", "no piece is logged"),
        (pieces_of("s", 5, 0), "absent", "no failed piece is logged"),
        (pieces_of("s", 5, 1), "absent", "no failed piece ran as long as its timeout (1 failed)"),
        (pieces_of("s", 5, 3), "absent", "no failed piece ran as long as its timeout (3 failed)"),
        (pieces_of("s", 0, 1, outcome="timeout", timeout_s=1.0), "present", "1 of 1 failed pieces on s hit the timeout of 1 s; median duration 1 s"),
        (pieces_of("s", 0, 2, outcome="timeout", timeout_s=np.nan), "present", "2 of 2 failed pieces on s hit an unknown timeout"),
    ],
)  # fmt: skip
def test_pieces_that_hit_their_timeout_are_counted(rows, verdict, words):
    """The verdict counts the pieces that ended as timeouts."""
    found = finding(dataset_of(pieces=rows), "piece_cut_at_limit")
    assert found.verdict == verdict
    assert words in found.reason
    assert found.severity in ("low", "info")


def test_an_empty_input_gives_unknown_or_absent_and_no_cause():
    """Every finding has a verdict and a reason even where there is nothing; none is present."""
    findings = dfly.diagnose(dataset_of())
    assert len(findings) > 20
    assert {one.verdict for one in findings} == {"unknown"}
    assert all(one.reason for one in findings)
    assert (findings.present(), findings.causes, findings.primary_cause) == ([], (), None)


def test_ids_are_those_that_others_rely_on():
    """The contract's ids exist, each once, and no check has the id of a signature."""
    ids = [one.id for one in dfly.diagnose(dataset_of())]
    promised = {
        "error_decoding_response_body", "content_write_failed", "reqwest_body_timed_out", "tokio_stream_elapsed", "connection_reset",
        "body_truncated", "registry_status", "token_expired", "disk_full", "restart_without_goodbye", "scheduler_silent", "host_outlier",
        "preheat_false_success", "wrong_timeout_key",
    }  # fmt: skip
    assert promised <= set(ids)
    assert len(ids) == len(set(ids))
    assert CHECKS.keys() & {one.id for one in load_signatures()} == set()
    assert list(CHECKS) == list(load_checks())
    assert all(one.method and one.remedy for one in load_checks().values())


def test_every_finding_can_be_explained():
    """A signature that is a finding, and every check, says what to do."""
    assert [one.id for one in load_signatures() if one.finding and not one.remedy] == []
    assert signature("disk_full").remedy


def test_evidence_is_spread_over_hosts_with_clients_first():
    """At most six lines: of each host in turn, earliest first, the scheduler's after the clients'."""
    rows = [event(n, host="seed-0") for n in range(9)] + [event(20 + n, host="seed-1") for n in range(2)]
    rows.append(event(0.2, host="scheduler-0", component="scheduler"))
    shown = evidence_of(dataset_of(events=rows), "true")
    assert len(shown) == MAX_LINES
    assert [one.line for one in shown[:4]] == [1, 201, 11, 211]


def test_hosts_are_listed_in_a_sentence():
    """At most four names are listed."""
    assert format_hosts(["a", "b", "c", "d", "e", None]) == "a, b, c, d and 1 more"
    assert format_hosts(["a", "b"]) == "a and b"
    assert format_hosts([None]) == "unnamed hosts"


def test_reason_without_tasks_does_not_mention_them(tmp_path):
    """A broken body in a log without any task is counted, as severe as its text says."""
    found = diagnosed(tmp_path, {LOG: rust(0, START) + rust(5, BODY, "ERROR")}).get("error_decoding_response_body")
    assert (found.verdict, found.severity, found.count, found.tasks) == ("present", "high", 1, 0)
    assert found.reason == "1 failure in 1 line on seed-0."


def test_diagnose_is_the_function_after_submodule_import():
    """``dfly.diagnose`` is the function, whichever of its modules was imported before it was asked for."""
    code = "import dfly_analysis.diagnosis.causes, dfly_analysis as dfly; print(dfly.diagnose(dfly.load('-')).primary_cause)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=rust(0, START), capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"


def test_findings_are_json(tmp_path):
    """What the command prints as JSON is JSON's own, with missing values as null."""
    from dfly_analysis.reporting.json import diagnose_json

    (tmp_path / "seed-0.log").write_text(rust(0, START), "utf-8")
    dataset = dfly.load(tmp_path)
    shown = json.loads(json.dumps(diagnose_json(dataset, dfly.diagnose(dataset)), allow_nan=False))
    assert shown["schema_version"] == 1
    assert shown["primary_cause"] is None
    assert {one["first"] for one in shown["findings"]} == {None}
