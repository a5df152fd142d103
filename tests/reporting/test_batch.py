"""A batch: many reports from one file, resumable; what fails is kept with its error and stops nothing."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from notebook_files import write

from dfly_analysis import batch_cache
from dfly_analysis.cli.batch import batch as batch_command
from dfly_analysis.errors import DflyError
from dfly_analysis.reporting.batch import RunSpec, read_matrix, run_batch, summary_rows, write_index
from dfly_analysis.reporting.batch.runner import Queue
from dfly_analysis.reporting.provenance import NAME

CELL = """\
from pathlib import Path
from dfly_analysis.errors import SourceError
from dfly_analysis.reporting.components import TableView
asked = Path(paths[0]).name
{'fine': TableView, 'gone': Path(paths[0]).read_text}[asked]((), ()) if asked != 'hard' else __import__('os')._exit(7)
"""


def matrix(tmp_path, text):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    return path


def test_reports_take_defaults_and_paths_of_the_file(tmp_path):
    """Each entry covers the defaults; relative paths start at the file, addresses stay."""
    text = "defaults: {size: 1GiB, values: v.yaml}\nreports:\n- {name: a, paths: logs}\n- {paths: [x, 's3://b/c'], size: 2GiB}\n"
    one, two = read_matrix(matrix(tmp_path, text))
    assert (one.name, one.notebook) == ("a", "tuning_report")
    assert one.parameters == {"size": "1GiB", "values": str(tmp_path / "v.yaml"), "paths": [str(tmp_path / "logs")]}
    assert (two.name, two.parameters["size"]) == ("report-002", "2GiB")
    assert two.parameters["paths"] == [str(tmp_path / "x"), "s3://b/c"]


def test_a_matrix_makes_every_combination(tmp_path):
    """Two by three lists make six reports, each with a folder of its own."""
    found = read_matrix(matrix(tmp_path, "matrix: {paths: [[a/run1], [run2]], size: [1GiB, 2GiB, 3GiB]}"))
    assert [one.name for one in found][:2] == ["001-run1-1GiB", "002-run1-2GiB"]
    assert len({one.key for one in found}) == len({one.name for one in found}) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "the file is not a mapping"),
        ("report: []", "'report' is not known.*did you mean reports"),
        ("reports: []", "lists no report"),
        ("reports: {a: 1}", "reports is not a list"),
        ("reports: [1]", "report 1 is not a mapping"),
        ("reports: [{name: ../x, paths: a}]", "'../x' cannot name a folder"),
        ("reports: [{name: x, paths: a}, {name: x, paths: b}]", "two reports are named 'x'"),
        ("matrix: {size: 1GiB}", "matrix: size is not a list"),
        ("reports: [{paths: 3}]", "paths is neither"),
        ("notebook: tuning_reprot\nreports: [{paths: a}]", "did you mean tuning_report"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, expected):
    """File, place and way out."""
    with pytest.raises(DflyError, match=expected) as caught:
        read_matrix(matrix(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.fixture
def asked(tmp_path):
    """Ask for three small reports of a notebook: one works, one raises, one's process vanishes."""
    notebook = str(write(tmp_path, CELL))
    given = {"fine": {"paths": ["fine"]}, "gone": {"paths": ["gone"]}, "unknown": {"sise": 1}}
    return tuple(RunSpec(name, notebook, parameters) for name, parameters in given.items())


def test_a_failed_report_stops_no_other(asked, tmp_path):
    """The others are made; error.txt, state and summary say what happened."""
    calls = []
    outcomes = run_batch(asked, tmp_path / "out", workers=2, on_outcome=calls.append)
    assert [(one.name, one.state, one.exit_code) for one in outcomes] == [
        ("fine", "done", 0),
        ("gone", "failed", 5),
        ("unknown", "failed", 5),
    ]
    assert sorted(one.name for one in calls) == ["fine", "gone", "unknown"]
    assert (tmp_path / "out" / "fine" / "report.html").exists()
    assert (tmp_path / "out" / "gone" / "executed.ipynb").exists()
    assert "no parameter 'sise'" in (tmp_path / "out" / "unknown" / "error.txt").read_text()
    index = write_index(summary_rows(outcomes, tmp_path / "out"), tmp_path / "out").read_text("utf-8")
    assert 'href="fine/report.html"' in index
    assert "no parameter" in index
    assert "3 reports, 2 failed." in index
    summary = (tmp_path / "out" / "summary.csv").read_text().splitlines()
    assert len(summary) == 4
    assert summary[0].startswith("report,state,tasks")


def test_resuming_keeps_what_was_made_and_makes_the_rest(asked, tmp_path):
    """What was made with the same parameters is kept, failures and changed ones are made anew."""
    folder = tmp_path / "out"
    run_batch(asked[:1], folder)
    page = folder / "fine" / "report.html"
    before = page.stat().st_mtime_ns
    outcomes = run_batch(asked[:2], folder, resume=True)
    assert [one.state for one in outcomes] == ["kept", "failed"]
    assert page.stat().st_mtime_ns == before
    changed = RunSpec("fine", asked[0].notebook, {"paths": ["fine"], "count": 4})
    assert [one.state for one in run_batch([changed], folder, resume=True)] == ["done"]
    assert [one.state for one in run_batch([changed], folder)] == ["done"]


def test_a_process_that_dies_is_a_failed_report(tmp_path):
    """It leaves an error, not a hanging batch, and the reports after it are made."""
    notebook = str(write(tmp_path, CELL))
    specs = [RunSpec(name, notebook, {"paths": [name]}) for name in ("hard", "fine")]
    gone, fine = run_batch(specs, tmp_path / "out")
    assert (gone.state, gone.exit_code, fine.state) == ("failed", 5, "done")
    assert "it ended with 7" in gone.error


def test_a_report_that_takes_too_long_is_ended(tmp_path):
    """With the exit code of a timeout; the others are made."""
    notebook = str(write(tmp_path, "import time\ntime.sleep(600 if paths else 0)"))
    slow, quick = run_batch(
        [RunSpec("slow", notebook, {"paths": ["x"]}), RunSpec("quick", notebook, {})], tmp_path / "out", timeout_s=8.0
    )
    assert (slow.state, slow.exit_code, quick.state) == ("failed", 6, "done")


def test_the_command_makes_reports_and_rerun_repeats_one(article_sample, tmp_path):
    """Table, exit code of the failure, and a page that carries enough to be made again, until its input changes."""
    from dfly_analysis.cli.rerun import rerun
    from dfly_analysis.errors import SourceError

    sample = tmp_path / "sample.tar.gz"
    sample.write_bytes(article_sample.read_bytes())
    text = "reports:\n- {name: a, paths: sample.tar.gz, size: 1GiB, lang: zh}\n- {name: b, paths: nowhere}\n"
    done = CliRunner().invoke(
        batch_command, [str(matrix(tmp_path, text)), "-o", str(tmp_path / "out"), "-j", "2", "--format", "json"]
    )
    assert done.exit_code == 3
    rows = json.loads(done.stdout)["reports"]
    assert [(row["report"], row["state"], row["failed"], row["primary_cause"]) for row in rows] == [
        ("a", "done", 4, "timeout_too_short"), ("b", "failed", None, None),
    ]  # fmt: skip
    page = tmp_path / "out" / "a" / "report.html"
    assert f'<meta name="{NAME}"' in page.read_text("utf-8")
    again = CliRunner().invoke(rerun, [str(page), "-o", str(tmp_path / "again")])
    assert again.exit_code == 0, again.output
    assert "the verdict is the same" in again.output
    assert (tmp_path / "again" / "report.html").read_text("utf-8") == re.sub(str(tmp_path / "out" / "a"), str(tmp_path / "again"), page.read_text("utf-8"))  # fmt: skip
    sample.unlink()
    with pytest.raises(SourceError, match="sample.tar.gz: is missing"):
        CliRunner().invoke(rerun, [str(page)], catch_exceptions=False, standalone_mode=False)


def test_a_worker_makes_the_reports_of_one_input_in_a_row():
    """Another worker takes an input that none has read, and helps where no such is left."""
    specs = [RunSpec(f"{path}-{size}", "n", {"paths": [path], "size": size}) for path in "ab" for size in ("1GiB", "2GiB", "3GiB")]  # fmt: skip
    queue = Queue(specs)
    taken = [queue.next(worker).name for worker in (1, 2, 1, 2, 1, 1)]
    assert taken == ["a-1GiB", "b-1GiB", "a-2GiB", "b-2GiB", "a-3GiB", "b-3GiB"]
    assert not queue


def test_the_last_result_is_kept_where_that_is_enabled(monkeypatch):
    """By what was asked; a host process keeps nothing."""
    made = []

    def ask(value):
        return batch_cache.cached({"x": value}, lambda: made.append(value) or value)

    assert [ask(1), ask(1)] == [1, 1]
    monkeypatch.setattr(batch_cache, "_ENABLED", [True])
    assert [ask(value) for value in (2, 2, 3, 3, 2)] == [2, 2, 3, 3, 2]
    assert made == [1, 1, 2, 3, 2]
    monkeypatch.setattr(batch_cache, "_LAST", {})
