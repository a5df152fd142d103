"""Job JSON of the manager, and what its SUCCESS is worth."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.jobs import asked_urls, build_jobs, job_of_url, read_jobs, recognises
from dfly_analysis.tables import EVENTS

BLOB = "http://reg.example/v2/m/blobs/sha256:"


def job(group="group_1", state="SUCCESS", done=("00",), failed=(), **more):
    success = [{"url": f"{BLOB}{name}?ns=1", "hostname": "seed-0", "ip": "10.0.0.5"} for name in done]
    failure = [{"url": f"{BLOB}{name}", "description": f"task {name} failed: boom"} for name in failed]
    states = [
        {
            "task_uuid": "task_1",
            "state": state,
            "error": more.pop("error", ""),
            "results": [{"success_tasks": success or None, "failure_tasks": failure or None}],
        }
    ]
    return {
        "id": 7, "created_at": "2025-11-02T10:00:00Z", "updated_at": "2025-11-02T10:07:30Z", "task_id": group, "type": "preheat", "state": state,
        "args": {"type": "image", "url": "https://reg.example/v2/m/manifests/1", "scope": "single_seed_peer", "timeout": 1800000000000},
        "result": {"group_uuid": group, "state": state, "job_states": states}, **more,
    }  # fmt: skip


def received(*names, group="group_1"):
    value = json.dumps({"url": "", "urls": [f"{BLOB}{name}?x=1" for name in names], "group_uuid": group})
    message = "Received new message: " + json.dumps({"Name": "preheat", "GroupUUID": group, "Args": [{"Value": value}]})
    return EVENTS.frame([{"event_id": "job_received", "message": message, "component": "scheduler"}])


def built(*jobs, events=None):
    return build_jobs(
        read_jobs(json.dumps(list(jobs), indent=1), "jobs.json"), EVENTS.frame() if events is None else events
    )


def test_a_job_becomes_a_row():
    """Id, scope, state, times, image, counts and the first error; log_line is where the job stands."""
    row = built(job(state="FAILURE", done=("00",), failed=("01",), error="all seed peers preheat failed")).iloc[0]
    assert (row["job_id"], row["type"], row["scope"], row["state"]) == (
        "group_1",
        "preheat",
        "single_seed_peer",
        "FAILURE",
    )
    assert row["created"] == pd.Timestamp("2025-11-02T10:00:00Z")
    assert row["image"] == "https://reg.example/v2/m/manifests/1"
    assert (row["succeeded"], row["failed"], row["error"]) == (1, 1, "all seed peers preheat failed")
    assert row["log_line"] > 1


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(job()),
        json.dumps([job()]),
        json.dumps({"items": [job()]}),
        json.dumps(job()) + "\n" + json.dumps({"message": "x"}),
        json.dumps(job()).replace('"job_states"', '"JobStates"'),
    ],
)
def test_every_shape_the_api_gives_is_read(text):
    """One job, a list, a page, objects one after another, and the old spelling of names."""
    assert recognises(text)
    assert [row["job_id"] for row in read_jobs(text, "j")] == ["group_1"]


def test_success_with_a_missing_blob_is_false():
    """What was asked for and is not reported as there is missing, whatever the state says."""
    row = built(job(done=("00",)), events=received("00", "01")).iloc[0]
    assert row["missing_urls"] == (f"{BLOB}01",)
    assert row["false_success"]
    assert (row["layers"], row["succeeded"], row["failed"]) == (2, 1, 1)


def test_without_knowing_what_was_asked_nothing_is_called_false():
    """A success nobody can check stays unchecked; one with everything there is true."""
    assert not built(job()).iloc[0]["checked"]
    whole = built(job(done=("00", "01")), events=received("00", "01")).iloc[0]
    assert whole["checked"]
    assert not whole["false_success"]


def test_urls_named_in_the_arguments_count_as_asked():
    """Newer releases take the layers' URLs themselves."""
    asked = job(done=("00",))
    asked["args"]["urls"] = [f"{BLOB}00", f"{BLOB}01?token=abc"]
    assert built(asked).iloc[0]["missing_urls"] == (f"{BLOB}01",)


def test_a_blob_belongs_to_the_job_that_asked_for_it():
    """By the scheduler's job log, else by the job's own list."""
    frame = built(job(done=("00",)), events=received("01"))
    assert job_of_url(frame, received("01")) == {f"{BLOB}01": "group_1", f"{BLOB}00": "group_1"}


def test_messages_that_are_none_are_passed_over():
    """Broken or foreign queue messages name no blob."""
    texts = [
        "Received new message: {",
        "Received new message: {}",
        'Received new message: {"Name":"gc","Args":[{"Value":"{}"}]}',
        'Received new message: {"Name":"preheat","Args":[{"Value":"[1]"}]}',
    ]
    assert asked_urls(EVENTS.frame([{"event_id": "job_received", "message": text} for text in texts])) == {}


@pytest.mark.parametrize("secret", ["s3cr3t-x"])
def test_secrets_of_a_job_reach_no_row(secret):
    """Credentials in URLs, queries, errors and arguments are gone."""
    made = job(done=(), failed=("01",), error=f"get https://u:{secret}@r/x: Authorization: Bearer {secret}")
    made["args"] |= {
        "url": f"https://u:{secret}@reg.example/m?token={secret}",
        "password": secret,
        "headers": {"Authorization": f"Bearer {secret}"},
    }
    made["result"]["job_states"][0]["results"][0]["failure_tasks"][0]["url"] += f"?X-Amz-Signature={secret}"
    assert secret not in built(made).to_csv()


@pytest.mark.parametrize("value", ["soon", 5, None, ["2025"], {"a": 1}])
def test_a_date_that_is_none_is_missing(value):
    """One wrong field costs that field."""
    row = built(job(created_at=value, updated_at="2025-11-02T10:07:30Z")).iloc[0]
    assert pd.isna(row["created"]) or value == 5
    assert row["ended"] == pd.Timestamp("2025-11-02T10:07:30Z")


def test_no_jobs_is_an_empty_table():
    """The columns are there all the same."""
    frame = built()
    assert frame.empty
    assert {"missing_urls", "checked", "false_success", "job_id"} <= set(frame.columns)


def test_other_json_is_not_taken_for_jobs():
    """A pod list or a log line is no job."""
    assert not recognises('{"kind": "PodList", "items": []}')
    assert not recognises('{"level":"info","ts":"2025","msg":"state"}')
    assert not recognises("")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["state", "args", "result", "job_states", "results", "success_tasks", "failure_tasks", "url", "urls", "task_id", "created_at", "error"]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_any_json_is_read_or_refused_in_one_way(content):
    """JSON of any shape gives rows, or one of the errors that the loader turns into a problem line."""
    try:
        rows = read_jobs(json.dumps(content), "j")
    except (ValueError, AttributeError, TypeError):
        return
    assert len(build_jobs(rows, EVENTS.frame())) == len(rows)
