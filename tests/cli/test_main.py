"""The command: help, exit codes, one line for every error, formats and secrets of all commands."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
import yaml

from cli.cases import CANARY, LOG, command, invoke, is_one_line, refused, with_output, write_wrong
from dfly_analysis.cli import main
from dfly_analysis.cli.main import SUMMARIES
from dfly_analysis.errors import DflyError

READERS = ("diagnose", "fit", "recommend", "whatif", "load", "alerts", "report", "compare")
NOTHING = {
    "empty": "is empty",
    "folder": "the folder holds no files",
    "binary": "nothing in it is a log",
    "prose": "nothing in it is a log",
    "nowhere": "no such file or folder",
}
FORMATTED = ("diagnose", "fit", "recommend", "inspect")


def test_each_command_has_a_help_that_fits_a_terminal():
    """`-h` and `--help` of the group and of every command say how to use it, on stdout."""
    listed = invoke("--help").stdout
    for name, summary in SUMMARIES.items():
        done = invoke(name, "--help")
        assert done.exit_code == 0
        assert done.stdout.startswith(f"Usage: dfly-analysis {name}")
        assert re.search(rf"\n  {name} +{re.escape(summary)}\n", listed)
        assert summary in " ".join(done.stdout.split())
        assert max(map(len, done.stdout.splitlines())) <= 110
        assert invoke(name, "-h").stdout == done.stdout
    narrow = invoke("--help", env={"COLUMNS": "80"}).stdout.partition("Commands:")[2]
    assert "..." not in narrow  # the summaries are complete


@pytest.mark.parametrize("name", SUMMARIES)
def test_examples_of_the_help_can_be_typed(name):
    """Each names the command, and only options that it has."""
    _, _, examples = invoke(name, "--help").stdout.partition("Examples:\n")
    assert examples
    for line in examples.splitlines():
        _, _, call = line.partition(f"dfly-analysis {name}")
        context = main.get_command(None, name).make_context(name, shlex.split(call), resilient_parsing=True)
        assert not context.args or ">" in line, line


def test_no_command_shows_the_help():
    """The bare command is answered with the help on stderr and with exit code 2."""
    done = command()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")
    assert done.stderr.count("\n") > 10


def test_the_module_is_the_command():
    """`python -m dfly_analysis` answers like the command."""
    assert command("--version").stdout.split()[0] == "dfly-analysis"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diagnoze"], "did you mean diagnose?"),
        (["zzz"], "see dfly-analysis --help"),
        (["redact", "a.log"], "Missing option '-o' / '--output'"),
        (["alerts", "a.log"], "Missing option '-o' / '--output'"),
        (["load", "a.log"], "Missing option '-o' / '--output'"),
        (["whatif", ".", "--registry-speed-factr", "2"], "Did you mean '--registry-speed-factor'"),
        (["diagnose", "--formt", "json", "."], "--format"),
        (["diagnose"], "PATH"),
        (["diagnose", "--format", "jsn", "."], "'table', 'json', 'yaml', 'csv'"),
        (["diagnose", "--fail-on", "hgh", "."], "'critical'"),
        (["recommend", ".", "--size", "abc"], "write it like 20GiB"),
        (["recommend", ".", "--size", "20"], "'20' has no unit (write it like 20GiB; B is bytes)"),
        (["recommend", ".", "--size", "20B"], "must be at least 1 KiB, got 20 B (write the unit, as in 20GiB)"),
        (["recommend", ".", "--size", "0"], "must be greater than zero"),
        (["recommend", ".", "--target-failure-rate", "2"], "must be less than 1, got '2'"),
        (["report", ".", "--timeout", "soon"], "write it like 30s"),
        (["diagnose", ".", "--chart", "9.9.9"], "unknown chart release 9.9.9 (known releases: 0.1.0 to 1.7.4"),
        (["diagnose", ".", "--chart", "1.3.99"], "did you mean"),
        (["diagnose", ".", "--client", "v2.5.1"], "unknown client release v2.5.1"),
        (["diagnose", ".", "--client", "latest"], "is not a release"),
        (["diagnose", ".", "--scheduler", "v1"], "is not a release"),
        (["facts", "pieceTimeou"], "download.pieceTimeout"),
        (["facts", "download.pieceTimeout", "--at", "v99"], "is not a release"),
        (["facts", "download.pieceTimeout", "--at", "v1.0.0", "--diff", "v1.0.0", "v1.0.1"], "cannot be combined"),
        (["explain", "disk_ful"], "did you mean disk_full?"),
        (["explain", "host_outlyer"], "did you mean host_outlier"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_do(arguments, words, tmp_path, monkeypatch):
    """A misspelt command, option, value, release, key or case: exit code 2, the nearest or the choices, nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr
    assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


@pytest.mark.parametrize("kind", ["empty", "random", "truncated", "no logs", "no files", "missing"])
def test_what_cannot_be_read_is_one_line_and_exit_code_3(tmp_path, kind):
    """An empty file, bytes, a truncated archive, folders without logs, a path that is not there: no traceback, no stdout."""
    path = write_wrong(tmp_path, kind)
    for name in ("load", "diagnose", "fit", "recommend", "report"):
        done = invoke(name, path, *with_output(name, tmp_path))
        assert (name, done.exit_code, done.stdout) == (name, 3, "")
        assert is_one_line(done.stderr), done.stderr
        assert str(path) in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["empty", "random", "missing"])
def test_the_process_exits_with_3(tmp_path, kind):
    """The same holds for the real process."""
    done = command("diagnose", write_wrong(tmp_path, kind))
    assert (done.returncode, done.stdout) == (3, "")
    assert is_one_line(done.stderr), done.stderr


def test_what_can_be_read_is_used_and_the_rest_is_reported(run, tmp_path):
    """One broken archive beside logs costs a line on stderr, not the answer."""
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(LOG.encode() * 50)[:20])
    done = invoke("diagnose", run, tmp_path, "--format", "json")
    assert done.exit_code == 0
    assert is_one_line(done.stderr)
    assert "b.log.gz" in done.stderr
    assert json.loads(done.stdout)["primary_cause"] == "timeout_too_short"


def test_a_truncated_archive_without_a_task_exits_with_4(tmp_path):
    """Its empty result does not mean that nothing failed."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(LOG.encode() * 50)[:20])
    done = invoke("diagnose", tmp_path, "--format", "json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["coverage"]["parsed"] == 1
    problem, reason = done.stderr.splitlines()
    assert "b.log.gz" in problem
    assert "contains no task (give the complete files)" in reason


@pytest.mark.parametrize("name", ["load", "redact"])
def test_an_output_that_is_a_file_is_one_line(run, tmp_path, name):
    """Where no folder can be made, the error names the path and the system's reason."""
    (tmp_path / "out").write_text("mine", "utf-8")
    done = invoke(name, run, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert is_one_line(done.stderr), done.stderr
    assert str(tmp_path / "out") in done.stderr
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def test_an_internal_error_is_one_line_without_log_text(run, monkeypatch):
    """A traceback never reaches a user, nor does a message that may quote the input; a variable shows all."""
    monkeypatch.setattr("dfly_analysis.dataset.load", lambda *_, **__: {}[CANARY])
    done = invoke("diagnose", run)
    assert done.exit_code == 2
    assert is_one_line(done.stderr), done.stderr
    assert "internal error: KeyError at test_main.py:" in done.stderr
    assert CANARY not in done.output
    monkeypatch.setenv("DFLY_ANALYSIS_TRACEBACK", "1")
    assert isinstance(invoke("diagnose", run).exception, KeyError)


@pytest.mark.parametrize("name", FORMATTED)
def test_each_format_says_the_same(run, name, fitted_once):
    """JSON and YAML hold one object with the version of its shape; CSV has a header and rows; a table is for people."""
    shown = {kind: invoke(name, run, "--format", kind) for kind in ("json", "yaml", "csv", "table")}
    assert {done.exit_code for done in shown.values()} == {0}
    data = json.loads(shown["json"].stdout)
    assert data["schema_version"] == 1
    assert yaml.safe_load(shown["yaml"].stdout) == data
    rows = list(csv.DictReader(io.StringIO(shown["csv"].stdout)))
    wanted = {"diagnose": "finding", "fit": "parameter", "recommend": "set", "inspect": "path"}[name]
    assert rows
    assert all(row[wanted] for row in rows)
    assert shown["table"].stdout.count("\n") > 5
    assert invoke(name, run).stdout == shown["table"].stdout


@pytest.mark.parametrize("arguments", [["facts", "download.pieceTimeout"], ["facts", "pieceTimeout", "--at", "v0.1.118"], ["explain", "host_outlier"], ["explain", "disk_full"]])  # fmt: skip
def test_look_ups_have_formats_too(arguments):
    """The same holds for what needs no input."""
    data = json.loads(invoke(*arguments, "--format", "json").stdout)
    assert data["schema_version"] == 1
    assert yaml.safe_load(invoke(*arguments, "--format", "yaml").stdout) == data
    assert list(csv.DictReader(io.StringIO(invoke(*arguments, "--format", "csv").stdout)))
    assert invoke(*arguments).exit_code == 0


def test_interrupting_says_so_and_exits_with_130():
    """A signal from the keyboard, while standard input is still being read, ends the process without a traceback."""
    call = [sys.executable, "-m", "dfly_analysis", "diagnose", "-"]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(
            LOG.encode() * 40_000
        )  # more than the pipe holds: once it is written, the reader is at work
        process.stdin.flush()
        # Code in C that the signal finds at work may lose it, as it may lose that of a person, who presses again.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
        errors = process.stderr.read().decode()
        assert process.stdout.read() == b""
    assert process.returncode == 130
    assert errors.strip() == "dfly-analysis: interrupted"


def test_a_reader_that_goes_away_is_no_error(run):
    """`dfly-analysis … | head` ends in silence."""
    call = [sys.executable, "-m", "dfly_analysis", "diagnose", str(run), "--format", "json"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody_reads:
        done = subprocess.run(call, stdout=nobody_reads, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_errors_are_of_one_family():
    """What a command may raise on purpose carries an exit code of the contract."""
    kinds = [DflyError, *DflyError.__subclasses__()]
    assert {kind.exit_code for kind in kinds} <= {2, 3, 4, 5, 6}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("path", NOTHING)
def test_input_of_which_nothing_can_be_read_is_refused(here, name, path):
    """Exit code 3, and the path in the line, whatever the command."""
    more = ["d.log"] if name == "compare" else ["-o", "out"] if name in ("load", "alerts", "report") else []
    code, line = refused(name, path, *more)
    assert code == 3
    assert NOTHING[path] in line
    assert path in line
    assert line.endswith(")")  # what to do


@pytest.mark.parametrize(("arguments", "code", "error"), [
    (["check-config", "empty"], 4, "empty: no key of a Dragonfly component.*add --chart"),
    (["check-config", "x.json", "--chart", "1.7.4"], 2, "x.json: no key of Dragonfly, only a .*seedClient:"),
    (["check-config", "folder"], 2, "folder: no configuration of Dragonfly"),
    (["plan-preheat", "folder"], 3, "folder: the directory is not an OCI layout .*index.json"),
    (["plan-preheat", "prose"], 3, "prose: the file is not JSON.*manifest"),
    (["plan-preheat", "nowhere"], 3, "nowhere: cannot be read"),
    (["plan-stress", "--results", "empty"], 3, "empty: the file has no results.*-o FILE"),
    (["rerun", "binary"], 3, "binary: is no report: it is not text .*report.html"),
    (["rerun", "nowhere"], 3, "nowhere: cannot be read.*report.html"),
    (["batch", "empty"], 2, "empty: the file is not a mapping.*dfly-analysis batch --help"),
    (["batch", "binary"], 2, "binary: is not text.*reports:"),
    (["batch", "broken"], 2, "broken:2: is not YAML: .*check quotes"),
    (["batch", "nowhere"], 2, "nowhere: cannot be read.*check the path"),
    (["redact", "nowhere", "-o", "out"], 3, "nowhere: no such file"),
    (["explain", "piece_cut_at_limt"], 2, "did you mean piece_cut_at_limit"),
    (["facts", "download.pieceTimout"], 2, "did you mean download.pieceTimeout"),
    (["load", "d.log", "-o", "out", "--cluster", "nonsense"], 3, "nonsense: is no scheduler's address .*tcp://"),
    (["report", "d.log", "-o", "empty"], 2, "'empty' is a file"),
    (["report", "d.log", "-o", "empty/x"], 2, "not a directory|Not a directory"),
    (["report", "d.log", "--chrat", "1.7.4"], 2, "Did you mean '--chart'"),
    (["inspect", "d.log", "--chart", "1.7.4"], 2, r"No such option '--chart' \(see"),
])  # fmt: skip
def test_errors_say_what_is_wrong_and_what_to_do(here, arguments, code, error):
    """The right exit code, the place and what to do, on one line."""
    found, line = refused(*arguments)
    assert (found, bool(re.search(error, line))) == (code, True), line


def test_a_folder_that_may_not_be_read_is_not_called_empty(here, monkeypatch):
    """Its permissions are named; with other input beside it, that is still read."""
    from dfly_analysis.io import open_inputs as listing

    listed = os.scandir

    def refuse(folder):
        if folder == "folder":
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(listing.os, "scandir", refuse)
    code, line = refused("diagnose", "folder")
    assert (code, "cannot be listed: Permission denied (check its permissions)" in line) == (3, True), line
    done = invoke("diagnose", "d.log", "folder")
    assert done.exit_code == 4  # d.log contains no task
    assert done.stderr.startswith(
        "dfly-analysis: folder: cannot be listed: Permission denied (check its permissions)\n"
    )


@pytest.mark.parametrize("name", ["diagnose", "inspect"])
def test_an_unreadable_file_is_named_with_its_permissions(here, monkeypatch, name):
    """The line names the permissions and nothing else; of input of which nothing could be opened `inspect` has nothing to say."""
    from dfly_analysis.io import open_inputs as walk

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(walk.os, "open", refuse)
    code, line = refused(name, "d.log")
    assert (code, line.count("(")) == (3, 1)
    assert "Permission denied (check its permissions)" in line
