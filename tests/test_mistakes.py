"""What people get wrong: every command answers a mistake with one line that names the place and the way out, and the right exit code."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from click.testing import CliRunner

from dfly_analysis.cli import main

LOG = (
    "2026-03-01T10:00:00.000000000+00:00  INFO dragonfly-client/src/tracing/mod.rs:131: "
    "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO\n"
)
READERS = ("diagnose", "fit", "recommend", "whatif", "load", "alerts", "report", "compare")
NOTHING = {
    "empty": "is empty",
    "folder": "the folder holds no files",
    "binary": "nothing in it is a log",
    "prose": "nothing in it is a log",
    "nowhere": "no such file or folder",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder of wrong files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
    for name, text in {
        "empty": "",
        "prose": "hello world\n",
        "d.log": LOG,
        "x.json": '{"a": 1}',
        "broken": "a: [\n",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def told(*arguments):
    """Return exit code and the one line of a refusal; nothing may be on stdout."""
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    lines = done.stderr.splitlines()
    assert (len(lines), done.stdout) == (1, ""), done.output
    assert lines[0].startswith("dfly-analysis: ")
    return done.exit_code, lines[0]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("path", NOTHING)
def test_input_of_which_nothing_can_be_read_is_refused(here, name, path):
    """Exit code 3, and the path in the line, whatever the command."""
    more = ["d.log"] if name == "compare" else ["-o", "out"] if name in ("load", "alerts", "report") else []
    code, line = told(name, path, *more)
    assert code == 3
    assert NOTHING[path] in line
    assert path in line
    assert line.endswith(")")  # the way out


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["check-config", "empty"], 4, "empty: it sets nothing of Dragonfly's components.*add --chart"),
    (["check-config", "x.json", "--chart", "1.7.4"], 2, "x.json: no key of Dragonfly in it; it holds a .*seedClient:"),
    (["check-config", "folder"], 2, "folder: no configuration of Dragonfly"),
    (["plan-preheat", "folder"], 3, "folder: the folder is no OCI layout .*index.json"),
    (["plan-preheat", "prose"], 3, "prose: is not JSON.*manifest"),
    (["plan-preheat", "nowhere"], 3, "nowhere: cannot be read"),
    (["plan-stress", "--results", "empty"], 3, "empty: holds no results.*-o FILE"),
    (["rerun", "binary"], 3, "binary: is no report: it is not text .*report.html"),
    (["rerun", "nowhere"], 3, "nowhere: cannot be read.*report.html"),
    (["batch", "empty"], 2, "empty: the file is not a mapping.*dfly-analysis batch --help"),
    (["batch", "binary"], 2, "binary: is not text.*reports:"),
    (["batch", "broken"], 2, "broken:2: is not YAML: .*check quotes"),
    (["batch", "nowhere"], 2, "nowhere: cannot be read.*check the path"),
    (["redact", "nowhere", "-o", "out"], 3, "nowhere: no such file"),
    (["redact", "d.log"], 2, "Missing option '-o' / '--output' .*redact --help"),
    (["alerts", "d.log"], 2, "Missing option '-o' / '--output' .*alerts --help"),
    (["sample", "out", "--case", "nonsense"], 2, "no case 'nonsense'.*known are healthy"),
    (["explain", "piece_cut_at_limt"], 2, "did you mean piece_cut_at_limit"),
    (["facts", "download.pieceTimout"], 2, "did you mean download.pieceTimeout"),
    (["load", "d.log", "-o", "out", "--cluster", "nonsense"], 3, "nonsense: is no scheduler's address .*tcp://"),
    (["report", "d.log", "-o", "empty"], 2, "'empty' is a file"),
    (["report", "d.log", "-o", "empty/x"], 2, "not a directory|Not a directory"),
    (["report", "d.log", "--chrat", "1.7.4"], 2, "Did you mean '--chart'"),
    (["inspect", "d.log", "--chart", "1.7.4"], 2, r"No such option '--chart' \(see"),
])  # fmt: skip
def test_each_command_says_what_is_wrong_and_what_to_do(here, arguments, code, said):
    """The right exit code, the place and the way out, on one line."""
    found, line = told(*arguments)
    assert (found, bool(re.search(said, line))) == (code, True), line


def test_a_folder_that_may_not_be_read_is_not_called_empty(here, monkeypatch):
    """Its permissions are named; with other input beside it, that is still read."""
    from dfly_analysis.io import discovery

    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(discovery.os, "scandir", refuse)
    code, line = told("diagnose", "folder")
    assert (code, "cannot be listed: Permission denied (check its permissions)" in line) == (3, True), line
    done = CliRunner().invoke(main, ["diagnose", "d.log", "folder"])
    assert done.exit_code == 0
    assert done.stderr == "dfly-analysis: folder: cannot be listed: Permission denied (check its permissions)\n"


@pytest.mark.parametrize("name", ["diagnose", "inspect"])
def test_a_file_that_may_not_be_read_does_not_claim_that_a_part_was(here, monkeypatch, name):
    """The line names the permissions and nothing else; of input of which nothing could be opened `inspect` has nothing to say."""
    from dfly_analysis.io import open_inputs

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(open_inputs.os, "open", refuse)
    code, line = told(name, "d.log")
    assert (code, line.count("(")) == (3, 1)
    assert "Permission denied (check its permissions)" in line


def test_a_report_says_on_stderr_what_could_not_be_read(here):
    """A log that was cut off is told beside the page, as every other command tells it."""
    whole = gzip.compress((LOG * 400).encode(), 0)
    (here / "cut.log.gz").write_bytes(whole[: len(whole) // 2])
    done = CliRunner().invoke(main, ["report", "cut.log.gz", "-o", "out"])
    assert (done.exit_code, done.stdout) == (0, "out/report.html\n")
    assert "cut.log.gz: truncated" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "null\n", "mysql:\n  enable: true\n"])
def test_a_configuration_that_sets_nothing_says_so_first(here, text):
    """What is judged are the release's defaults alone, and the first line says that; JSON has it as a field."""
    (here / "values.yaml").write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["check-config", "values.yaml", "--chart", "1.7.4"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "Only defaults are judged: values.yaml sets nothing of a component"
    shown = CliRunner().invoke(main, ["check-config", "values.yaml", "--chart", "1.7.4", "--format", "json"]).stdout
    assert json.loads(shown)["only_defaults"] is True


@pytest.mark.parametrize(("text", "said"), [
    ("image: {tag: x}\nreplicas: 3\n", r"it holds image, replicas \(give the values"),
    ("seedClent: {config: {download: {pieceTimeout: 60s}}}\n", r"did you mean seedClient\?"),
])  # fmt: skip
def test_a_file_of_something_else_is_refused(here, text, said):
    """It is not judged as if it were a configuration; a section that is nearly one is named."""
    (here / "values.yaml").write_text(text, "utf-8")
    code, line = told("check-config", "values.yaml", "--chart", "1.7.4")
    assert (code, bool(re.search(said, line))) == (2, True), line


@pytest.mark.parametrize("key", ["pieceTimout", "peiceTimeout", "piecetimeout", "pieceDownloadTimeout"])
def test_a_timeout_under_a_misspelt_key_is_found_beside_logs_too(here, key):
    """`diagnose` names it, as check-config does, whether or not the key's own spelling still says timeout."""
    (here / "values.yaml").write_text(f"seedClient:\n  config:\n    download:\n      {key}: 600s\n", "utf-8")
    done = CliRunner().invoke(
        main, ["diagnose", "d.log", "--values", "values.yaml", "--chart", "1.7.4", "--format", "json"]
    )
    found = {one["id"]: one for one in json.loads(done.stdout)["findings"]}["wrong_timeout_key"]
    assert (found["verdict"], found["count"]) == ("present", 1)
    assert f"download.{key}" in found["reason"]
