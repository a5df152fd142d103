"""The command: help, exit codes, one line for every error, formats, secrets, and what it prints for people."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from planted import write_planted

from dfly_analysis.cli import main
from dfly_analysis.cli import making as making_commands
from dfly_analysis.cli.printing import as_table
from dfly_analysis.errors import DflyError
from dfly_analysis.logs.schema import DETAILS
from dfly_analysis.tables import ALL

COMMANDS = (
    "report",
    "load",
    "diagnose",
    "fit",
    "recommend",
    "check-config",
    "alerts",
    "collect",
    "plan-preheat",
    "plan-stress",
    "inspect",
    "facts",
    "explain",
    "redact",
    "sample",
    "init",
    "lab",
)
READING = ("load", "diagnose", "fit", "recommend", "redact")
FORMATTED = ("diagnose", "fit", "recommend", "inspect")
CANARY = "cAnArY5up3rs3cr3tV4lu3"
START = "2026-03-01T10:00:00.000000000+00:00  INFO dragonfly-client/src/tracing/mod.rs:131: "
LOG = START + "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a planted run whose slow registry fails layers."""
    folder = tmp_path_factory.mktemp("planted")
    write_planted(folder, "slow-source", "v1.5.1")
    return folder / "run"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Print to a terminal of 100 columns whatever the tests run in."""
    monkeypatch.setenv("COLUMNS", "100")


def invoke(*arguments, **more):
    return CliRunner().invoke(main, [str(one) for one in arguments], **more)


def command(*arguments, **more):
    asked = [sys.executable, "-m", "dfly_analysis", *map(str, arguments)]
    return subprocess.run(asked, capture_output=True, text=True, check=False, **more)


def with_output(name, folder):
    return ("-o", folder / "out") if name in ("load", "redact", "report") else ()


def is_one_line(text):
    return text.startswith("dfly-analysis: ") and text.endswith("\n") and text.count("\n") == 1


def test_each_command_has_a_help_that_fits_a_terminal():
    """`-h` and `--help` of the group and of every command say how to use it, on stdout."""
    listed = invoke("--help").stdout
    for name in COMMANDS:
        done = invoke(name, "--help")
        assert done.exit_code == 0
        assert done.stdout.startswith(f"Usage: main {name}")
        assert f"\n  {name} " in listed
        assert max(map(len, done.stdout.splitlines())) <= 110
        assert invoke(name, "-h").stdout == done.stdout
    narrow = invoke("--help", env={"COLUMNS": "80"}).stdout.partition("Commands:")[2]
    assert "..." not in narrow  # what each does is said to its end


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
        (["diagnose", "--formt", "json", "."], "--format"),
        (["diagnose"], "PATH"),
        (["diagnose", "--format", "jsn", "."], "'table', 'json', 'yaml', 'csv'"),
        (["diagnose", "--fail-on", "hgh", "."], "'critical'"),
        (["recommend", ".", "--size", "abc"], "write it like 20GiB"),
        (["recommend", ".", "--size", "20"], "'20' is 20 bytes; name the unit, as in 20GiB"),
        (["recommend", ".", "--size", "0"], "not above zero"),
        (["recommend", ".", "--target-failure-rate", "2"], "0<x<1"),
        (["report", ".", "--timeout", "soon"], "write it like 30s"),
        (["diagnose", ".", "--chart", "9.9.9"], "chart 9.9.9 is not known (there are 0.1.0 to 1.7.4"),
        (["diagnose", ".", "--chart", "1.3.99"], "did you mean"),
        (["diagnose", ".", "--client", "v2.5.1"], "client v2.5.1 is not known"),
        (["diagnose", ".", "--client", "latest"], "is not a release"),
        (["diagnose", ".", "--scheduler", "v1"], "is not a release"),
        (["facts", "pieceTimeou"], "download.pieceTimeout"),
        (["facts", "download.pieceTimeout", "--at", "v99"], "is not a release"),
        (["facts", "download.pieceTimeout", "--at", "v1.0.0", "--diff", "v1.0.0", "v1.0.1"], "exclude each other"),
        (["explain", "disk_ful"], "did you mean disk_full?"),
        (["explain", "host_outlyer"], "did you mean host_outlier"),
        (["sample", "x", "--case", "slow-sorce"], "did you mean slow-source"),
        (["sample", "x", "--client", "v3.0.0"], "v1.5.1"),
    ],
)
def test_wrong_usage_is_one_line_with_the_way_out(arguments, words, tmp_path, monkeypatch):
    """A misspelt command, option, value, release, key or case: exit code 2, the nearest or the choices, nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr
    assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_a_release_newer_than_all_known_ones_is_taken_with_a_warning(tmp_path):
    """A new patch of a known major is no mistake: it is read as the newest known, and that is said."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = invoke("diagnose", tmp_path, "--chart", "1.7.99", "--format", "json")
    assert done.exit_code == 0
    assert done.stderr == "dfly-analysis: warning: chart 1.7.99 is not known; read as 1.7.4\n"


def write_wrong(folder, kind):
    path = folder / "input"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "random":
        path.write_bytes(bytes((number * 7919 + 13) % 256 for number in range(4000)))
    elif kind == "truncated":
        path.write_bytes(gzip.compress(LOG.encode() * 50)[:20])
    elif kind == "no logs":
        path.mkdir()
        (path / "notes.txt").write_text("hello\n", "utf-8")
    elif kind == "no files":
        path.mkdir()
    return path


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


def test_what_can_be_read_is_used_and_the_rest_is_told(tmp_path):
    """One broken archive beside a log costs a line on stderr, not the answer."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(LOG.encode() * 50)[:20])
    done = invoke("diagnose", tmp_path, "--format", "json")
    assert done.exit_code == 0
    assert is_one_line(done.stderr)
    assert "b.log.gz" in done.stderr
    assert json.loads(done.stdout)["coverage"]["parsed"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "values.yaml:"), ("- 1", "not a mapping"), ("download:\n  pieceTimeout: 6s\nupload: {}\nhost: {}\n", "no Helm values"), (None, "No such file")],
)  # fmt: skip
def test_a_wrong_values_file_is_one_line(run, tmp_path, text, words):
    """Not YAML, not a mapping, a component's own file or no file: exit code 2 and the reason."""
    values = tmp_path / "values.yaml"
    if text is not None:
        values.write_text(text, "utf-8")
    done = invoke("diagnose", run, "--values", values)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("name", ["load", "redact"])
def test_an_output_that_is_a_file_is_one_line(run, tmp_path, name):
    """Where no folder can be made, the path and the system's reason are told."""
    (tmp_path / "out").write_text("mine", "utf-8")
    done = invoke(name, run, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert is_one_line(done.stderr), done.stderr
    assert str(tmp_path / "out") in done.stderr
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def test_a_fault_of_the_program_is_one_line_without_the_text_of_a_log(run, monkeypatch):
    """A traceback never reaches a user, nor does a message that may quote the input; a variable shows all."""
    monkeypatch.setattr("dfly_analysis.dataset.load", lambda *_, **__: {}[CANARY])
    done = invoke("diagnose", run)
    assert done.exit_code == 2
    assert is_one_line(done.stderr), done.stderr
    assert "a fault of this program: KeyError at test_cli.py:" in done.stderr
    assert CANARY not in done.output
    monkeypatch.setenv("DFLY_ANALYSIS_TRACEBACK", "1")
    assert isinstance(invoke("diagnose", run).exception, KeyError)


@pytest.fixture
def fitted_once(monkeypatch):
    """Let a test that asks for one answer in several formats fit the laws once."""
    from dfly_analysis import models

    fit_all, known = models.fit_all, []

    def once(*given, **more):
        if not known:
            known.append(fit_all(*given, **more))
        return known[0]

    monkeypatch.setattr(models, "fit_all", once)


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
    """The gravest finding here is high: the code is 1 from there down, and the result is printed all the same."""
    done = invoke("diagnose", run, "--format", "json", "--fail-on", severity)
    assert done.exit_code == code
    assert json.loads(done.stdout)["primary_cause"] == "timeout_too_short"


def test_fit_without_data_exits_with_4(tmp_path):
    """Where no model can be fitted the reason and what to collect are one line."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = command("fit", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert is_one_line(done.stderr), done.stderr
    assert "no model can be fitted" in done.stderr


def test_interrupting_says_so_and_exits_with_130():
    """A signal from the keyboard, while standard input is still being read, ends the process without a traceback."""
    asked = [sys.executable, "-m", "dfly_analysis", "diagnose", "-"]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(
            LOG.encode() * 40_000
        )  # more than the pipe holds: once it is written, the reader is at work
        process.stdin.flush()
        # Code in C that the signal finds at work may lose it, as it may lose that of a person, who presses again.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
        said = process.stderr.read().decode()
        assert process.stdout.read() == b""
    assert process.returncode == 130
    assert said.strip() == "dfly-analysis: interrupted"


def test_a_reader_that_goes_away_is_no_error(run):
    """`dfly-analysis … | head` ends in silence."""
    asked = [sys.executable, "-m", "dfly_analysis", "diagnose", str(run), "--format", "json"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody_reads:
        done = subprocess.run(asked, stdout=nobody_reads, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_facts_tell_the_value_at_a_release_and_what_changed():
    """A short name is enough; the value of v0.1.118 and of the chart that ships it; what changed up to v1.5.1."""
    rows = json.loads(invoke("facts", "pieceTimeout", "--at", "v0.1.118", "--format", "json").stdout)["facts"]
    of_seed = {
        row["layer"]: row["value"] for row in rows if row["helm_path"] == "seedClient.config.download.pieceTimeout"
    }
    assert of_seed == {"binary": "60s", "chart": "30s"}
    changed = json.loads(
        invoke("facts", "download.pieceTimeout", "--diff", "v0.1.118", "v1.5.1", "--format", "json").stdout
    )
    assert {(row["before"], row["after"]) for row in changed["facts"] if row["layer"] == "binary"} == {("60s", "360s")}
    same = invoke("facts", "download.pieceTimeout", "--diff", "v1.5.0", "v1.5.1")
    assert same.exit_code == 0
    assert "no difference" in same.stdout or "False" in same.stdout


def test_explain_knows_every_finding(run):
    """Whatever `diagnose` prints can be explained, checks too."""
    for one in json.loads(invoke("diagnose", run, "--format", "json").stdout)["findings"]:
        done = invoke("explain", one["id"])
        assert done.exit_code == 0
        assert "what to do" in done.stdout


def test_inspect_says_what_each_file_was_taken_for(run, tmp_path):
    """Kinds and lines of all files; bytes and prose are named, not refused."""
    (tmp_path / "core").write_bytes(b"\x7fELF\x00\x00\x01" * 10)
    (tmp_path / "notes.txt").write_text("hello\n", "utf-8")
    rows = json.loads(invoke("inspect", run, tmp_path, "--format", "json").stdout)["files"]
    kinds = {Path(row["path"]).name: row["kind"] for row in rows}
    assert kinds["dfdaemon.log"] == "log"
    assert kinds["jobs.json"] == "jobs"
    assert kinds["dfdaemon.yaml"] == "configuration"
    assert (kinds["core"], kinds["notes.txt"]) == ("foreign", "foreign")
    (log,) = [row for row in rows if row["path"].endswith("seed-client-0/dfdaemon/dfdaemon.log")]
    assert log["why"].startswith("client-compact: ")
    assert log["why"].endswith("lines begin a record")
    shown = invoke("inspect", run).stdout.splitlines()
    assert shown[0].startswith(f"{len(rows) - 2} files: ")
    assert shown[1] == f"under {run}/"


def test_inspect_says_why_and_the_user_overrides(tmp_path):
    """Wrapper and format with the count behind them; --log-format is taken instead, by every command that reads logs."""
    path = tmp_path / "x.log"
    path.write_text("".join(f"2026-05-02T10:00:0{n}.1Z stdout F {LOG}" for n in range(3)), "utf-8")
    (row,) = json.loads(invoke("inspect", path, "--format", "json").stdout)["files"]
    assert row["format"] == "client-compact"
    assert "around client-compact: 3 of the first 3 lines begin a record" in row["why"]
    assert row["why"] in invoke("inspect", path).stdout.replace("\n", " ")
    (row,) = json.loads(invoke("inspect", path, "--log-format", "zap-console", "--format", "json").stdout)["files"]
    assert row["why"].startswith("zap-console, as asked; it looks like ")
    for name in ("inspect", "diagnose", "fit", "recommend", "load"):
        output = ("-o", tmp_path / "out") if name == "load" else ()
        done = invoke(name, path, "--log-format", "client-compcat", *output)
        assert done.exit_code == 2
        assert "client-compact" in done.stderr
    assert invoke("load", path, "--format", "client-compact", "-o", tmp_path / "out").exit_code == 0
    wrong = invoke("inspect", path, "--format", "client-compact")
    assert wrong.exit_code == 2
    assert "--log-format" in wrong.stderr


def test_sample_writes_a_run_that_can_be_diagnosed(tmp_path):
    """The paths printed exist; the truth lies beside the run, not in it."""
    done = invoke("sample", tmp_path / "made", "--case", "token-expired", "--client", "v1.5.1", "--seed", "3")
    made, truth = done.stdout.split()
    assert done.exit_code == 0
    assert json.loads(Path(truth).read_text("utf-8"))["primary_cause"] == "auth"
    assert json.loads(invoke("diagnose", made, "--format", "json").stdout)["primary_cause"] == "auth"


def test_init_copies_the_notebooks_and_keeps_what_is_there(tmp_path):
    """A notebook the user changed stays as it is, and that is said."""
    first = invoke("init", tmp_path / "mine")
    notebooks = [Path(line) for line in first.stdout.splitlines()]
    assert first.exit_code == 0
    assert notebooks
    assert all(json.loads(path.read_text("utf-8"))["nbformat"] == 4 for path in notebooks)
    notebooks[0].write_text("changed", "utf-8")
    second = invoke("init", tmp_path / "mine")
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert notebooks[0].read_text("utf-8") == "changed"
    assert second.stderr.count("was kept") == len(notebooks)


def test_lab_opens_jupyterlab_on_the_folder(tmp_path, monkeypatch):
    """The notebooks are copied first; then the process becomes JupyterLab."""
    opened = []
    monkeypatch.setattr(making_commands, "find_spec", lambda _: object())
    monkeypatch.setattr(os, "execv", lambda path, arguments: opened.append((path, arguments)))
    assert invoke("lab", tmp_path / "mine").exit_code == 0
    assert opened == [(sys.executable, [sys.executable, "-m", "jupyterlab", str(tmp_path / "mine")])]
    assert list((tmp_path / "mine").glob("*.ipynb"))


def test_lab_says_how_to_get_jupyterlab(tmp_path, monkeypatch):
    """Without it nothing is copied and the extra is named."""
    monkeypatch.setattr(making_commands, "find_spec", lambda _: None)
    done = invoke("lab", tmp_path / "mine")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "dfly-analysis[lab]" in done.stderr
    assert not (tmp_path / "mine").exists()


def test_load_writes_tables_that_read_back_in_their_types(run, tmp_path):
    """Each table as Parquet obeys its schema, and the coverage adds up by file."""
    done = invoke("load", run, "-o", tmp_path / "out")
    assert done.exit_code == 0
    for table in ALL:
        frame = pd.read_parquet(tmp_path / "out" / f"{table.name}.parquet")
        repeated = frame.select_dtypes("category").columns
        assert set(repeated) <= {column.name for column in table.columns if column.dtype == "str"} | set(DETAILS)
        frame = table.check(frame.astype(dict.fromkeys(repeated, "str")))
        assert f"{table.name}.parquet\t{len(frame)} rows" in done.stdout
    assert len(pd.read_parquet(tmp_path / "out" / "pieces.parquet")) > 100
    coverage = json.loads((tmp_path / "out" / "coverage.json").read_text("utf-8"))
    assert coverage["schema_version"] == 1
    assert coverage["files"] == len(coverage["by_file"])
    assert coverage["lines"] == sum(row["lines"] for row in coverage["by_file"])
    assert coverage["problems"] == []


SECRETS = (
    f'get url failed request_header={{"authorization": "Bearer {CANARY}"}}',
    f"GET https://reg.example/v2/blob?X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}%2F2026 failed",
    f"proxy https://user:{CANARY}@proxy.example:3128 refused: error decoding response body",
    f"set-cookie: session={CANARY}; Path=/",
    f'registry config {{ username: "a", password: "{CANARY}" }}',
)


def write_secrets(folder):
    """Write a log, jobs and values with a secret in every place where one is seen in practice."""
    logs = folder / "run" / "seed-0" / "dfdaemon"
    logs.mkdir(parents=True)
    lines = [START.replace("INFO", "ERROR").replace("  ", " ", 1) + text + "\n" for text in SECRETS]
    (logs / "dfdaemon.log").write_text(LOG + "".join(lines), "utf-8")
    args = {"headers": {"Authorization": f"Bearer {CANARY}"}, "password": CANARY, "username": "a", "url": f"https://u:{CANARY}@r.example/v2/a/manifests/1", "scope": "single_seed_peer"}  # fmt: skip
    state = {"state": "FAILURE", "error": f"401 with token={CANARY}: error decoding response body", "task_uuid": "t"}
    result = {"group_uuid": "group_1", "job_states": [state], "state": "FAILURE"}
    job = {"id": 1, "task_id": "group_1", "type": "preheat", "state": "FAILURE", "args": args, "result": result, "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:01:00Z"}  # fmt: skip
    (folder / "run" / "jobs.json").write_text(json.dumps([job]), "utf-8")
    values = {
        "manager": {"config": {"auth": {"jwt": {"key": CANARY}}}},
        "mysql": {"auth": {"password": CANARY}},
        "seedClient": {"config": {"download": {"pieceDownloadTimeout": "600s"}, "backend": {"requestHeader": {"Authorization": CANARY}}}},
    }  # fmt: skip
    (folder / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    return folder / "run", folder / "values.yaml"


def test_no_command_lets_a_secret_out(tmp_path):
    """A canary in log, job record and values is in no output, table, Parquet file or overlay of any command."""
    source, values = write_secrets(tmp_path)
    settings = ("--values", values, "--chart", "1.2.24")
    said = [invoke(name, source, *(settings if name != "inspect" else ()), "--format", kind).output for name in FORMATTED for kind in ("json", "csv", "table", "yaml")]  # fmt: skip
    said.append(invoke("recommend", source, *settings, "--overlay", tmp_path / "overlay.yaml").output)
    said.append(invoke("load", source, *settings, "-o", tmp_path / "out").output)
    said.append(invoke("redact", source, "-o", tmp_path / "clean").output)
    for path in (tmp_path / "out").glob("*.parquet"):
        said.append(pd.read_parquet(path).to_csv())
    written = [*(tmp_path / "out").glob("*.json"), *(tmp_path / "clean").rglob("*.*"), tmp_path / "overlay.yaml"]
    said += [path.read_text("utf-8") for path in written if path.is_file()]
    assert len(said) > 25
    assert "error decoding response body" in "".join(said)
    assert [text[max(0, text.find(CANARY) - 80) :][:120] for text in said if CANARY in text] == []


def test_redact_copies_text_without_secrets(tmp_path):
    """Names and everything else stay, values of secrets go; bytes are told and left out; compressed files come out plain."""
    source, _ = write_secrets(tmp_path)
    (source / "old.log.gz").write_bytes(gzip.compress((LOG + SECRETS[0]).encode()))
    (source / "core").write_bytes(b"\x00\x01" * 100)
    done = invoke("redact", source, "-o", tmp_path / "clean")
    assert done.exit_code == 0
    copies = {path.name: path for path in map(Path, done.stdout.splitlines())}
    assert set(copies) == {"dfdaemon.log", "jobs.json", "old.log"}
    assert "core: is not text and was not copied" in done.stderr
    text = copies["dfdaemon.log"].read_text("utf-8")
    assert LOG in text
    assert text.count("\n") == len(SECRETS) + 1
    assert "[redacted]" in text
    assert "error decoding response body" in text
    assert json.loads(copies["jobs.json"].read_text("utf-8"))[0]["args"]["scope"] == "single_seed_peer"


def test_redact_stays_inside_its_folder(tmp_path):
    """Members that point outside, and names that become the same, each get a file of their own inside."""
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("../../evil.log", "/etc/evil.log", "a b.log", "a_b.log", "x/../../y.log"):
            content = f"{LOG}{name}\n".encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = invoke("redact", archive, "-o", tmp_path / "clean")
    assert done.exit_code == 0
    copies = [Path(line) for line in done.stdout.splitlines()]
    assert len(set(copies)) == 5
    assert all((tmp_path / "clean").resolve() in path.resolve().parents for path in copies)
    assert {path.read_text("utf-8").splitlines()[1] for path in copies} == {
        "../../evil.log",
        "/etc/evil.log",
        "a b.log",
        "a_b.log",
        "x/../../y.log",
    }
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == set(copies)


def test_recommend_shows_a_card_for_each_setting(run, tmp_path):
    """Key, value in force and proposal on one line; reasons, interval and check below; lines fit the terminal."""
    done = invoke("recommend", run, "--size", "300MiB", "--overlay", tmp_path / "overlay.yaml")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    head = next(line for line in lines if line.startswith("seedClient.config.download.pieceTimeout: "))
    assert " -> " in head
    at = lines.index(head)
    assert lines[at + 1].startswith("  needed    ")
    assert "confidence" in lines[at + 1]
    assert any(line.startswith("  check     ") for line in lines)
    assert f"Helm values: {tmp_path / 'overlay.yaml'}" in done.stdout
    assert [line for line in lines if len(line) > 100 and "/" not in line] == []
    assert (
        "pieceTimeout"
        in yaml.safe_load((tmp_path / "overlay.yaml").read_text("utf-8"))["seedClient"]["config"]["download"]
    )


@pytest.mark.parametrize("columns", ["60", "100", "160"])
def test_tables_fit_the_terminal_and_keep_paths_whole(run, columns, monkeypatch):
    """Lines are as narrow as the terminal unless a word is longer; a path is never torn, so that it can be copied."""
    monkeypatch.setenv("COLUMNS", columns)
    text = invoke("diagnose", run).stdout
    places = {f"{line['path']}:{line['line']}" for one in json.loads(invoke("diagnose", run, "--format", "json").stdout)["findings"] for line in one["evidence"][:2]}  # fmt: skip
    assert places
    assert all(place in text for place in places)
    if columns == "160":
        assert max(len(line) for line in text.splitlines() if str(run) not in line) <= 160


def test_a_table_wraps_between_words_and_aligns():
    """The widest column gives way first; cells without a value are a dash."""
    text = as_table("Title", [{"a": 1.23456, "b": "word " * 20, "c": None}], width=60)
    assert text.splitlines()[:3] == ["Title", f"a      {'b':50}  c", f"-----  {'-' * 50}  -"]
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("word") == 20


def test_an_input_without_tasks_is_not_called_healthy(tmp_path):
    """Where no task is seen, the answer says so instead of `nothing bad`."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    text = invoke("diagnose", tmp_path).stdout
    assert text.startswith("no task is seen in this input")
    assert "nothing bad was seen" not in text
    assert "What the input lacks" in text


def test_errors_are_of_one_family():
    """What a command may raise on purpose carries an exit code of the contract."""
    kinds = [DflyError, *DflyError.__subclasses__()]
    assert {kind.exit_code for kind in kinds} <= {2, 3, 4, 5, 6}


def test_options_of_reading_are_the_same_wherever_logs_are_analysed():
    """One set: zone, format, Prometheus and cache, beside values and releases where these are one run's."""
    for name in ("report", "diagnose", "fit", "recommend", "whatif", "alerts", "plan-preheat", "compare"):
        known = {option for one in main.get_command(None, name).params for option in one.opts}
        assert {"--tz", "--log-format", "--prometheus", "--no-cache", "--chart", "--client", "--scheduler"} <= known, (
            name
        )
    for name in ("report", "load"):
        assert "--cluster" in {option for one in main.get_command(None, name).params for option in one.opts}


def test_a_report_does_not_keep_a_password(tmp_path):
    """An address with one is refused before anything is read, and not repeated in the refusal."""
    done = invoke(
        "report", "nowhere", "--prometheus", f"https://bob:{CANARY}@prometheus.example", "-o", tmp_path / "out"
    )
    assert done.exit_code == 2
    assert "~/.netrc" in done.stderr
    assert CANARY not in done.output
    assert not (tmp_path / "out").exists()


def test_a_law_without_parameters_is_printed():
    """A fit that is the data themselves has a heading and what was counted, and no table."""
    import pandas as pd

    from dfly_analysis.cli.rows import fits_text
    from dfly_analysis.models import task_failure_by_size

    tasks = pd.DataFrame({"size_bytes": [4 << 20, 90 << 20], "outcome": ["ok", "failed"]})
    assert fits_text({"task_failure": task_failure_by_size(tasks)}, {}).splitlines() == [
        "task_failure: law binned, 2 rows, 0 of them censored",
        "  of tasks 4 MiB to 16 MiB 0 of 1 failed, 0 % (0 % to 79.3 %)",
        "  of tasks 64 MiB to 128 MiB 1 of 1 failed, 100 % (20.7 % to 100 %)",
    ]


def test_a_note_of_a_fit_is_printed():
    """What a fit notes stands below it."""
    from dfly_analysis.cli.rows import fits_text

    class Noted:
        law, n, n_censored, params, notes = "binned", 2, 0, (), ("few",)

    assert fits_text({"task_failure": Noted()}, {}).splitlines() == [
        "task_failure: law binned, 2 rows, 0 of them censored",
        "  note: few",
    ]
