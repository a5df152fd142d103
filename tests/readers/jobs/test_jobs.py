"""Job JSON of the manager, and what its SUCCESS is worth."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_cases import BLOB, job

from dfly_analysis.errors import SourceError
from dfly_analysis.readers.jobs import build_jobs, job_of_url, read_jobs, recognises, requested_urls
from dfly_analysis.schema import EVENTS


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
    assert requested_urls(EVENTS.frame([{"event_id": "job_received", "message": text} for text in texts])) == {}


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


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        5,
        None,
        ["2025"],
        {"a": 1},
        "0001-01-01T00:00:00Z",
        "2025-13-02T10:00:00Z",
        1e300,
        "9999-01-01T00:00:00Z",
        True,
    ],
)
def test_a_date_that_is_none_is_missing(value):
    """One wrong field costs that field; Go writes the year 1 where there is no time."""
    row = built(job(created_at=value, updated_at="2025-11-02T10:07:30Z")).iloc[0]
    assert pd.isna(row["created"])
    assert row["ended"] == pd.Timestamp("2025-11-02T10:07:30Z")


@pytest.mark.parametrize(
    "written",
    ["2025-11-02T10:00:00Z", "2025-11-02T18:00:00+08:00", "2025-11-02T18:00:00+0800", "2025-11-02T18:00:00.000000000+08", "2025-11-02 10:00:00", "2025-11-02T10:00:00", "2025-11-02 18:00:00 +0800 CST", "2025-11-02 18:00:00.000000001 +0800 CST m=+0.012", "2025-11-02 10:00:00 +0000 UTC", "2025-11-02 10:00:00 UTC", 1762077600, 1762077600000, 1762077600000000000, 1762077600.0],
)  # fmt: skip
def test_every_way_to_write_a_time_is_read(written):
    """With any zone or none, as Go prints it, or as a number since 1970."""
    assert built(job(created_at=written)).iloc[0]["created"] == pd.Timestamp("2025-11-02T10:00:00Z")


@pytest.mark.parametrize("state", ["PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE"])
def test_every_state_is_kept_as_the_manager_says_it(state):
    """Only a SUCCESS can be false."""
    text = json.dumps(job(state=state))
    assert recognises(text)
    row = built(job(state=state), events=received("00", "01")).iloc[0]
    assert (row["state"], row["false_success"]) == (state, state == "SUCCESS")


def test_the_shape_up_to_v2_1_56():
    """Names are written in capitals, results are missing, errors stand in the states."""
    made = job()
    made["result"] = {
        "CreatedAt": "2023-01-02T03:04:05Z",
        "GroupUUID": "group_9",
        "State": "FAILURE",
        "JobStates": [
            {
                "CreatedAt": "2023-01-02T03:04:05Z",
                "Error": "no seed peer",
                "Results": None,
                "State": "FAILURE",
                "TTL": 0,
                "TaskName": "preheat",
                "TaskUUID": "task_1",
            },
            {"Error": "", "Results": [], "State": "SUCCESS"},
        ],
    }
    made |= {"state": "FAILURE", "task_id": None}
    row = built(made).iloc[0]
    assert (row["job_id"], row["state"], row["error"], row["layers"], row["failed"]) == (
        "group_9",
        "FAILURE",
        "no seed peer",
        2,
        1,
    )


def test_the_first_releases_preheats():
    """`/preheats/:id` answered with a status of its own words."""
    text = json.dumps(
        {
            "id": "7",
            "status": "FAIL",
            "startTime": "2021-01-02T03:04:05Z",
            "finishTime": "2021-01-02T03:05:05Z",
            "errorMsg": "boom",
        }
    )
    assert recognises(text)
    row = build_jobs(read_jobs(text, "j"), EVENTS.frame()).iloc[0]
    assert (row["job_id"], row["type"], row["state"], row["error"]) == ("7", "preheat", "FAILURE", "boom")
    assert (row["ended"] - row["created"]).total_seconds() == 60


def test_a_groups_result_alone_is_a_job():
    """As a script that polls the group saves it."""
    text = json.dumps(job()["result"])
    assert recognises(text)
    assert [(row["job_id"], row["state"], row["urls_succeeded"]) for row in read_jobs(text, "j")] == [
        ("group_1", "SUCCESS", (f"{BLOB}00",))
    ]


def test_the_arguments_are_kept():
    """Platform, tag, filter, hosts, share and number, whatever else stands beside them."""
    made = job()
    made["args"] |= {
        "platform": "linux/arm64",
        "tag": "t",
        "filtered_query_params": "X-Amz-Date",
        "ips": ["10.0.0.1", "10.0.0.2"],
        "percentage": 50,
        "count": None,
        "piece_length": 4194304,
        "surprise": {"a": 1},
    }
    row = built(made).iloc[0]
    assert (row["platform"], row["tag"], row["filter"], row["ips"], row["percentage"]) == (
        "linux/arm64",
        "t",
        "X-Amz-Date",
        ("10.0.0.1", "10.0.0.2"),
        50,
    )
    assert row["timeout_ns"] == 1800000000000


WRAPPINGS = {
    "data": lambda jobs: json.dumps({"code": 0, "data": jobs}), "pages": lambda jobs: json.dumps({"data": {"items": jobs, "total": 2}}, indent=2),
    "ndjson": lambda jobs: "\n".join(json.dumps(each) for each in jobs), "glued": lambda jobs: "".join(json.dumps(each) for each in jobs),
    "curls": lambda jobs: "\n".join(json.dumps([each], indent=4) for each in jobs), "commas": lambda jobs: ",\n".join(json.dumps(each) for each in jobs),
    "headers between": lambda jobs: "\n".join(json.dumps(each) + "\nHTTP/1.1 200 OK" for each in jobs),
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_is_taken_off(wrapping):
    """Gateways, pages, several calls saved to one file."""
    text = WRAPPINGS[wrapping]([job("group_1"), job("group_2")])
    assert recognises(text)
    rows = read_jobs(text, "j")
    assert [row["job_id"] for row in rows] == ["group_1", "group_2"]
    assert [row["log_line"] for row in rows] == sorted(row["log_line"] for row in rows)
    for row in rows:
        assert row["job_id"] in text.split("\n")[row["log_line"] - 1]


@pytest.mark.parametrize(
    "broken",
    [
        '{"id": 1, "state": "SUC',
        '{"id": 1 "state": "SUCCESS", "args": {}}',
        "{,}",
        '{"a": "tab\there"}',
        '{"state": "SUCCESS", "args": {"url": "x", }, "user": {"state": "SUCCESS"}}',
    ],
)
@pytest.mark.parametrize("shape", ["lines", "list", "page"])
def test_a_broken_job_is_one_line_and_the_good_ones_are_read(broken, shape):
    """Before and after it, in lines, in a list and in a page; the problem names file and line."""
    good = [json.dumps(job(f"group_{number}")) for number in range(4)]
    parts = [*good[:2], broken, *good[2:]]
    text = {
        "lines": "\n".join(parts),
        "list": "[" + ",\n".join(parts) + "]",
        "page": '{"data": [' + ",\n".join(parts) + "]}",
    }[shape]
    problems = []
    rows = read_jobs(text, "jobs.json", on_problem=problems.append)
    assert [row["job_id"] for row in rows] == [f"group_{number}" for number in range(4)]
    assert problems
    assert str(problems[0]).startswith("jobs.json:3: is not valid JSON")
    assert all("save the output again" in str(problem) for problem in problems)
    with pytest.raises(SourceError, match="jobs.json:3"):
        read_jobs(text, "jobs.json")


def test_a_file_cut_off_loses_its_last_job_only():
    """One problem, however deep the cut."""
    text = json.dumps([job(f"group_{number}") for number in range(3)], indent=1)
    problems = []
    rows = read_jobs(text[: text.rindex('"success_tasks"')], "j", on_problem=problems.append)
    assert [row["job_id"] for row in rows] == ["group_0", "group_1"]
    assert len(problems) == 1


def test_of_a_job_asked_for_twice_the_newest_answer_counts():
    """A loop that polls saves the same job many times; the order of the files does not matter."""
    polled = [job(state="PENDING", done=()), job()]
    polled[0]["updated_at"] = "2025-11-02T10:01:00Z"
    for order in (polled, polled[::-1]):
        frame = built(*order)
        assert frame["state"].tolist() == ["SUCCESS"]
    assert len(built(job("group_1"), job("group_2"))) == 2


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
def test_any_json_gives_rows_or_none(content):
    """JSON of any shape is read without a problem, and what comes of it fits the table."""
    rows = read_jobs(json.dumps(content), "j")
    assert len(build_jobs(rows, EVENTS.frame())) <= len(rows)


@given(st.integers(0, 2000), st.integers(0, 60), st.text(max_size=6), st.sampled_from([None, 1]))
def test_damaged_answers_give_jobs_or_problems(at, length, instead, indent):
    """A hole torn into the answer costs at most the jobs it touches."""
    text = json.dumps([job("group_1"), job("group_2")], indent=indent)
    problems = []
    rows = read_jobs(text[:at] + instead + text[at + length :], "j", on_problem=problems.append)
    assert len(rows) >= 1 or problems
    build_jobs(rows, EVENTS.frame())


@pytest.mark.parametrize(
    "deep",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "[" * 5000 + "]" * 5000,
        "{" * 100_000,
        "[" * 900 + "1," * 200_000,
        '"' + "[{" * 50_000,
    ],
)
def test_deep_nesting_is_refused_without_harm(deep):
    """Hostile input costs little and breaks nothing."""
    problems = []
    assert read_jobs(deep, "j", on_problem=problems.append) == []
    assert problems
