"""Outcomes, times and errors of tasks."""

from __future__ import annotations

import pytest
from reading_cases import generated, line, loaded, zap
from reconstruction_cases import TIMED_OUT, client, failed, finished, rebuilt, started

from tests.synthetic import CLIENTS

FAILING = ["slow-source", "resets", "mixture", "truncated", "stalls", "write-timeout"]
RUNS = [(case, client) for client in CLIENTS for case in FAILING if (case, client) != ("write-timeout", "v0.1.118")]
OTHERS = [
    (case, client)
    for client in CLIENTS
    for case in ("healthy", "disk-full", "killed", "token-expired", "scheduler-frozen")
]


@pytest.mark.parametrize(("case", "version"), [*RUNS, *OTHERS])
def test_tasks_are_those_of_the_truth(case, version):
    """As many failed, of the planted causes, each with its first and last error where a client logged one."""
    _, truth = generated(case, version)
    failed_tasks = loaded(case, version).failed_tasks
    assert failed_tasks["cause"].value_counts().to_dict() == dict(truth.tasks_failed_by_cause)
    own = failed_tasks[failed_tasks["outcome"] == "failed"]
    assert own["first_error"].notna().all()
    assert own["last_error"].notna().all()
    assert own["ended"].notna().all()
    assert failed_tasks["log_path"].notna().all()


def test_a_task_cut_in_two_by_rotation_is_whole():
    """A start in the older file pairs with its end in the newer one."""
    pieces, tasks = rebuilt(
        client(
            line(0, "download task started: Download {  }"),
            started(1, 0),
            address="seed-client-0/dfdaemon/dfdaemon.log.1",
        ),
        client(finished(4, 0), line(5, "download task succeeded")),
    )
    assert pieces[["outcome", "duration_s"]].to_numpy().tolist() == [["ok", 3.0]]
    assert tasks[["outcome", "duration_s"]].to_numpy().tolist() == [["ok", 5.0]]


def test_a_process_that_starts_anew_leaves_its_tasks_dead():
    """No end before the next start: the task died, and with a start of another host only it did not."""
    log = client(
        line(0, "download task started: Download {  }"),
        started(1, 0),
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
    )
    assert rebuilt(log)[1][["outcome", "cause"]].to_numpy().tolist() == [["died", "resource_limit"]]
    elsewhere = client(
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        address="other/dfdaemon/dfdaemon.log",
    )
    assert rebuilt(client(line(0, "download task started: Download {  }"), started(1, 0)), elsewhere)[1][
        "outcome"
    ].tolist() == ["unknown"]


def test_a_failed_task_keeps_its_first_and_last_error():
    """And takes the cause its words name."""
    log = client(
        line(0, "download task started: Download {  }"),
        failed(7, 0, TIMED_OUT),
        line(8, f"download failed: {TIMED_OUT}", level="ERROR"),
    )
    task = rebuilt(log)[1].iloc[0]
    assert (task["outcome"], task["cause"], task["duration_s"]) == ("failed", "timeout_too_short", 8.0)
    assert task["first_error"].startswith("copy ")
    assert task["last_error"].startswith("download failed")


def test_only_the_scheduler_saw_it():
    """A peer without a client log ends as the scheduler or the preheat says."""
    good = (
        "s/core.log",
        "\n".join(
            [
                zap(1, "receive RegisterPeerRequest, url: http://r/a"),
                zap(4, "receive DownloadPeerBackToSourceFinishedRequest, content length: 12, piece count: 1"),
            ]
        ),
    )
    bad = (
        "s/core.log",
        "\n".join(
            [
                zap(1, "receive RegisterPeerRequest, url: http://r/a"),
                zap(4, "[preheat]: preheat failed for http://r/a: error decoding response body", level="error"),
            ]
        ),
    )
    assert rebuilt(good)[1][["outcome", "size_bytes", "duration_s"]].to_numpy().tolist() == [["ok", 12, 3.0]]
    assert rebuilt(bad)[1]["outcome"].tolist() == ["failed"]
