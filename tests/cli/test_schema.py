"""The command schema: what commands print in JSON obeys it."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from cli.cases import invoke
from dfly_analysis.reporting.json_schema import COMMANDS, json_schema

CONFIGURATION = "seedClient:\n  config:\n    download:\n      pieceTimeout: 30s\n"
ARGUMENTS = {
    "diagnose": [["diagnose", "{run}"]],
    "fit": [["fit", "{run}"]],
    "recommend": [["recommend", "{run}"]],
    "whatif": [["whatif", "{run}", "--set", "download.pieceTimeout=60s"]],
    "compare": [["compare", "{run}", "{run}"]],
    "check-config": [["check-config", "{values}", "--chart", "1.7.4"]],
    "inspect": [["inspect", "{run}"]],
    "facts": [["facts", "download.pieceTimeout"], ["facts", "--releases"], ["facts", "--diff", "1.3.25", "1.7.4"]],
    "explain": [["explain"], ["explain", "disk_full"]],
    "plan-stress": [["plan-stress", "--size", "1GiB"]],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_schema_is_a_schema(name):
    """It can be used by any validator, and is what the command prints."""
    Draft202012Validator.check_schema(json_schema(name))
    assert json.loads(invoke("schema", name).stdout) == json_schema(name)


@pytest.mark.parametrize(("name", "arguments"), [(name, one) for name, several in ARGUMENTS.items() for one in several])
def test_the_json_of_a_command_obeys_its_schema(name, arguments, run, tmp_path):
    """Every key that the schema requires is there, in its type."""
    values = tmp_path / "values.yaml"
    values.write_text(CONFIGURATION, "utf-8")
    done = invoke(*(one.format(run=run, values=values) for one in arguments), "--format", "json")
    assert done.exit_code == 0, done.stderr
    Draft202012Validator(json_schema(name)).validate(json.loads(done.stdout))


def test_report_json_obeys_its_schema(run, tmp_path):
    """Also its parts, which are those of other commands."""
    assert invoke("report", run, "-o", tmp_path).exit_code == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    Draft202012Validator(json_schema("report")).validate(report)


def test_a_wrong_value_does_not_obey_the_schema(run):
    """The schema is not one that takes everything."""
    found = json.loads(invoke("diagnose", run, "--format", "json").stdout)
    validator = Draft202012Validator(json_schema("diagnose"))
    del found["findings"][0]["severity"]
    found["causes"][0]["share"] = "all"
    assert {error.validator for error in validator.iter_errors(found)} == {"required", "type"}


def test_a_command_without_json_is_refused():
    """The refusal lists those that have it."""
    done = invoke("schema", "lab")
    assert done.exit_code == 2
    assert "diagnose" in done.stderr
