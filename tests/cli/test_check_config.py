"""The command check-config: formats, exit codes, and one line for every mistake."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner

from cli.cases import refused
from dfly_analysis.cli import main
from dfly_analysis.findings import Finding

VALUES = "seedClient:\n  config:\n    download:\n      pieceDownloadTimeout: 600s\n"


@pytest.fixture
def values(tmp_path, monkeypatch):
    """Write the article's values into an empty folder, and work there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yaml").write_text(VALUES, "utf-8")
    return "values.yaml"


def invoke(*arguments, text=None):
    return CliRunner().invoke(main, ["check-config", *arguments], input=text, env={"COLUMNS": "120"})


def test_json_has_findings_and_feasibility(values):
    """Findings have the fields of a diagnosis, evidence the line of the key; feasibility stands beside them."""
    done = invoke(values, "--chart", "1.7.4", "--size", "20GiB", "--bandwidth", "10MB/s", "--format", "json")
    data = json.loads(done.stdout)
    assert (done.exit_code, data["schema_version"]) == (0, 1)
    assert set(data["findings"][0]) == set(Finding.__dataclass_fields__)
    wrong = next(one for one in data["findings"] if one["id"] == "wrong_timeout_key")
    assert (wrong["verdict"], wrong["severity"], wrong["count"], wrong["knob"]) == (
        "present",
        "high",
        1,
        "download.pieceTimeout",
    )
    assert wrong["evidence"] == [{"path": "values.yaml", "line": 4, "text": "pieceDownloadTimeout: 600s"}]
    feasibility = data["feasibility"]
    assert feasibility["feasible"] is False
    assert feasibility["factor"] == pytest.approx(10 / 26.8, rel=0.01)
    assert {"bounds", "demanded_bps", "job_demanded_bps", "governed_by", "reason"} <= set(feasibility)
    assert data["versions"]["seedClient"] == "v1.4.0"


def test_junit_has_a_failure_for_each_mistake(values):
    """Every rule is a test case; the message of a failure is what is wrong."""
    suite = ET.fromstring(invoke(values, "--chart", "1.7.4", "--format", "junit").stdout)
    data = json.loads(invoke(values, "--chart", "1.7.4", "--format", "json").stdout)
    present = {one["id"]: one["reason"] for one in data["findings"] if one["verdict"] == "present"}
    failures = {case.get("name").partition(":")[0]: case.find("failure").get("message") for case in suite if case.find("failure") is not None}  # fmt: skip
    assert (suite.get("name"), failures) == ("dfly-analysis check-config", present)
    assert len(suite) == len(data["findings"])


def test_formats_agree(values):
    """YAML says what JSON says, CSV has a row for each finding, the table names findings, lines and what to do."""
    shown = {name: invoke(values, "--chart", "1.7.4", "--format", name) for name in ("table", "json", "yaml", "csv")}
    data = json.loads(shown["json"].stdout)
    assert yaml.safe_load(shown["yaml"].stdout) == data
    present = [one["id"] for one in data["findings"] if one["verdict"] == "present"]
    rows = list(csv.DictReader(io.StringIO(shown["csv"].stdout)))
    assert [row["finding"] for row in rows] == present
    assert all(f"[{name}]" in re.sub(r"\s+", " ", shown["table"].stdout) for name in present)
    assert "values.yaml:4: pieceDownloadTimeout: 600s" in shown["table"].stdout
    assert "do: Set download.pieceTimeout" in shown["table"].stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--fail-on", "critical"], 0), (["--fail-on", "high"], 1), (["--fail-on", "critical", "--bandwidth", "1MB/s"], 1), ([], 0)],
)  # fmt: skip
def test_fail_on_sets_the_exit_code(values, arguments, code):
    """Exit code 1 if a finding has at least this severity; the result is printed all the same."""
    done = invoke(values, "--chart", "1.7.4", *arguments)
    assert done.exit_code == code
    assert "wrong_timeout_key" in done.stdout


def test_standard_input_is_read():
    """A dash takes the values from stdin; evidence names it so."""
    done = invoke("-", "--chart", "1.7.4", "--format", "json", text=VALUES)
    wrong = next(one for one in json.loads(done.stdout)["findings"] if one["id"] == "wrong_timeout_key")
    assert (wrong["evidence"][0]["path"], wrong["evidence"][0]["line"]) == ("-", 4)


def test_assumptions_go_to_stderr(values):
    """Assumptions are on stderr, a line each."""
    done = invoke(values, "--format", "json")
    assert "no --size is given; a layer of 20 GiB is assumed" in done.stderr
    assert "give --chart" in done.stderr
    assert json.loads(done.stdout)["notes"]


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (None, ["none.yaml"], "none.yaml: it cannot be read: No such file or directory"), (None, [], "VALUES"),
        (None, ["values.yaml", "--chart", "9.9"], "is not a release"), (None, ["values.yaml", "--chart", "1.3.99"], "did you mean"),
        (None, ["values.yaml", "--bandwidth", "fast"], "write it like 100MB/s"), (None, ["values.yaml", "--bandwidth", "0"], "must be greater than zero"),
        (None, ["values.yaml", "--size", "big"], "write it like 20GiB"), (None, ["values.yaml", "--layers", "0"], "0"),
        ("- a\n", ["values.yaml"], "values.yaml:1: a list, not a mapping"), ("a: [\n", ["values.yaml"], "values.yaml:2: not YAML"),
        ("[" * 300_000, ["values.yaml"], "nested deeper than 100 levels"), ("x: \x01", ["values.yaml"], "not YAML"), (None, ["."], ""),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(values, tmp_path, text, arguments, words):
    """A missing or broken file, and a wrong option: exit code 2, one line with the place and what to do."""
    if text is not None:
        (tmp_path / "values.yaml").write_text(text, "utf-8")
    done = invoke(*arguments)
    if arguments == ["."]:
        assert done.exit_code == 0
        return
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_a_folder_says_what_it_passed_over(values, tmp_path):
    """A folder with values and files of others: values are checked, the others named."""
    (tmp_path / "other.yaml").write_text("kind: Pod\n", "utf-8")
    (tmp_path / "broken.yaml").write_text("a: [\n", "utf-8")
    done = invoke(".", "--chart", "1.7.4")
    assert done.exit_code == 0
    assert "other.yaml: neither Helm values nor a component's own file" in done.stderr
    assert "broken.yaml:2: not YAML" in done.stderr
    (tmp_path / "more.yaml").write_text(VALUES, "utf-8")
    assert "two files of Helm values" in invoke(".", "--chart", "1.7.4").stderr


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "null\n", "mysql:\n  enable: true\n"])
def test_a_configuration_that_sets_nothing_says_so_first(here, text):
    """What is judged are the release's defaults alone, and the first line says that; JSON has it as a field."""
    (here / "values.yaml").write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["check-config", "values.yaml", "--chart", "1.7.4"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "Only defaults are checked: values.yaml sets nothing of a component"
    shown = CliRunner().invoke(main, ["check-config", "values.yaml", "--chart", "1.7.4", "--format", "json"]).stdout
    assert json.loads(shown)["only_defaults"] is True


@pytest.mark.parametrize(("text", "error"), [
    ("image: {tag: x}\nreplicas: 3\n", r"only image, replicas \(give the values"),
    ("seedClent: {config: {download: {pieceTimeout: 60s}}}\n", r"did you mean seedClient\?"),
])  # fmt: skip
def test_a_file_of_something_else_is_refused(here, text, error):
    """It is not judged as if it were a configuration; a section that is nearly one is named."""
    (here / "values.yaml").write_text(text, "utf-8")
    code, line = refused("check-config", "values.yaml", "--chart", "1.7.4")
    assert (code, bool(re.search(error, line))) == (2, True), line


def test_a_configuration_in_utf_16_is_read(here):
    """What `helm get values > values.yaml` leaves in PowerShell."""
    text = "client:\r\n  config:\r\n    download:\r\n      pieceTimeout: 5m\r\n"
    (here / "values.yaml").write_bytes(text.encode("utf-16"))
    done = invoke("values.yaml", "--chart", "1.7.4", "--format", "json")
    assert done.exit_code == 0
    assert {"values.yaml"} == {
        bound["source"].split(":")[0]
        for bound in json.loads(done.stdout)["feasibility"]["bounds"]
        if (bound["role"], bound["key"]) == ("client", "download.pieceTimeout")
    }
