"""The command diagnose."""

from __future__ import annotations

import json
import tarfile
from xml.etree import ElementTree as ET

import pytest

from cli.cases import LOG, invoke


def test_diagnose_keeps_the_shape_that_scripts_build_on(run):
    """The keys of the contract, with the planted cause."""
    data = json.loads(invoke("diagnose", run, "--format", "json").stdout)
    assert set(data) >= {"schema_version", "primary_cause", "causes", "findings", "coverage"}
    assert data["primary_cause"] == "timeout_too_short"
    assert set(data["causes"][0]) >= {"cause", "share", "low", "high", "tasks"}
    assert data["causes"][0]["confidence"] in ("high", "medium", "low")
    wanted = {"id", "verdict", "severity", "count", "tasks", "first", "last", "knob", "reason", "evidence"}
    assert all(set(one) >= wanted for one in data["findings"])
    assert {"files", "lines", "parsed", "rejected", "first", "last"} <= set(data["coverage"])
    assert {key for one in data["findings"] for line in one["evidence"] for key in line} == {"path", "line", "text"}


def test_a_paste_in_utf_16_is_read():
    """What PowerShell writes into a file or pipe."""
    text = "error decoding response body: operation timed out\r\n"
    done = invoke("diagnose", "-", "--format", "json", input=text.encode("utf-16"))
    assert json.loads(done.stdout) == json.loads(invoke("diagnose", "-", "--format", "json", input=text).stdout)
    assert "error_decoding_response_body" in {one["id"] for one in json.loads(done.stdout)["findings"]}


def test_standard_input_is_read(run, tmp_path):
    """`-` takes a log or an archive from a pipe, and its findings are those of the files."""
    archive = tmp_path / "run.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(run, "run")
    done = invoke("diagnose", "-", "--format", "json", input=archive.read_bytes())
    assert done.exit_code == 0
    there = json.loads(invoke("diagnose", run, "--format", "json").stdout)
    piped = json.loads(done.stdout)
    assert piped["causes"] == there["causes"]
    assert [one["count"] for one in piped["findings"]] == [one["count"] for one in there["findings"]]
    assert {line["path"].partition("!")[0] for one in piped["findings"] for line in one["evidence"]} == {"-"}


@pytest.mark.parametrize(("severity", "code"), [("critical", 0), ("high", 1), ("medium", 1), ("low", 1)])
def test_fail_on_a_severity(run, severity, code):
    """The most severe finding here is high: the code is 1 from there down, and the result is printed all the same."""
    done = invoke("diagnose", run, "--format", "json", "--fail-on", severity)
    assert done.exit_code == code
    assert json.loads(done.stdout)["primary_cause"] == "timeout_too_short"


def test_junit_has_a_test_case_for_each_finding(run):
    """One that is present is a failure with its lines, one that cannot be known is skipped; the counts agree."""
    suite = ET.fromstring(invoke("diagnose", run, "--format", "junit").stdout)
    found = json.loads(invoke("diagnose", run, "--format", "json").stdout)["findings"]
    present = [one for one in found if one["verdict"] == "present"]
    assert [case.get("name").partition(":")[0] for case in suite] == [one["id"] for one in found]
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) == len(present) > 0
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped"))
    assert present[0]["evidence"][0]["path"] in suite.find("testcase/failure").text


def test_an_input_without_tasks_is_not_called_healthy(tmp_path):
    """Where no task is seen, the answer says so instead of `nothing bad`."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    text = invoke("diagnose", tmp_path).stdout
    assert text.startswith("the input contains no task")
    assert "no problem found" not in text
    assert "Missing from the input" in text


@pytest.mark.parametrize("key", ["pieceTimout", "peiceTimeout", "piecetimeout", "pieceDownloadTimeout"])
def test_a_timeout_under_a_misspelt_key_is_found(here, key):
    """`diagnose` names it, as check-config does, whether or not the key's own spelling still says timeout."""
    (here / "values.yaml").write_text(f"seedClient:\n  config:\n    download:\n      {key}: 600s\n", "utf-8")
    done = invoke("diagnose", "d.log", "--values", "values.yaml", "--chart", "1.7.4", "--format", "json")
    found = {one["id"]: one for one in json.loads(done.stdout)["findings"]}["wrong_timeout_key"]
    assert (found["verdict"], found["count"]) == ("present", 1)
    assert f"download.{key}" in found["reason"]
