"""The notebook runner: parameters checked before anything runs, time bounded, failures named, one page at the end."""

from __future__ import annotations

import json

import pytest
from notebook_files import write

from dfly_analysis.errors import NotebookError, RunTimeoutError, SourceError
from dfly_analysis.reporting.notebooks import (
    CellProcess,
    check_parameters,
    notebook_path,
    read_parameters,
    run_notebook,
)

VIEW = """\
from dfly_analysis.reporting.components import Heading, TableView
TableView((Heading('Sum'),), ((f'{count + 1} <b>{size}</b>',),))
"""
STREAM = """\
import pathlib, sys
print('<i>streamed</i>', file=sys.stderr)
pathlib.Path(output_dir, 'own.txt').write_text(repr([paths, size, rate, count, keep]))
"""
FOREIGN = """\
class Foreign:
    def _repr_html_(self):
        return '<script>document.title = 1</script>'
    def __repr__(self):
        return '<Foreign>'
Foreign()
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Run a small notebook once: it shows its parameters, a view, markup as a string's HTML, a stream."""
    folder = tmp_path_factory.mktemp("run")
    seen = []
    shows = (VIEW, STREAM, FOREIGN, "import os, sys\n(sys.executable, os.environ['MPLBACKEND'], sys.path[0])")
    given = {"paths": ["a b.log"], "size": "20GiB", "rate": 1}
    page = run_notebook(write(folder, *shows), given, folder / "out", progress=lambda *calls: seen.append(calls))
    return page, seen


def test_the_same_notebook_gives_the_same_file(tmp_path):
    """No time of the run and nothing drawn at random stands in it."""
    notebook = write(tmp_path, "count + 1")
    written = []
    with CellProcess() as process:
        for _ in range(2):
            run_notebook(notebook, {"count": 3}, tmp_path / "out", process=process)
            written.append((tmp_path / "out" / "executed.ipynb").read_bytes())
    assert written[0] == written[1]


def test_parameters_are_read_with_meaning_and_unit(tmp_path):
    """The cell's lines become parameters in order."""
    found = read_parameters(write(tmp_path))
    assert list(found) == ["paths", "size", "rate", "count", "keep", "output_dir"]
    assert (found["rate"].default, found["rate"].meaning, found["rate"].unit) == (0.001, "share that may fail", "share")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sise": "20GiB"}, "no parameter 'sise' .*did you mean size"),
        ({"rate": "0.1"}, "'rate' is '0.1', not a number .*share that may fail"),
        ({"rate": True}, "not a number"),
        ({"count": 2.5}, "not a whole number"),
        ({"count": True}, "not a whole number"),
        ({"keep": 1}, "not true or false"),
        ({"paths": "logs"}, "not a list"),
        ({"size": 20}, "not text or nothing"),
        ({"output_dir": None}, "not text"),
        ({"size": "https://user:hunter2@registry.example/v2"}, "'size' holds a secret"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(tmp_path, given, expected):
    """A name that is not known or a value of another type is an error that says what is expected; nothing is written."""
    with pytest.raises(NotebookError, match=expected) as caught:
        run_notebook(write(tmp_path), given, tmp_path / "out")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


def test_fitting_parameters_are_taken():
    """A whole number serves where a fraction is asked for; tuples become lists; None and text fit where None stands."""
    path = notebook_path("tuning_report")
    given = {"paths": ("a", "b"), "target_failure_rate": 1, "size": "1GiB", "chart": None}
    assert check_parameters(path, given) == given | {"paths": ["a", "b"]}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("size = 1", "is not `name = literal"),
        ("size = open('x')  # layer, bytes", "is not a literal"),
        ("api_token = ''  # of the registry, text", "a secret is no parameter"),
    ],
)
def test_a_bad_parameters_cell_is_named(tmp_path, line, expected):
    """File and cell are named."""
    with pytest.raises(NotebookError, match=f"asked.ipynb, cell 2.*{expected}"):
        read_parameters(write(tmp_path, parameters=line))


def test_the_notebook_sees_the_parameters(done):
    """Given values replace defaults, the others stay, output_dir is the run's."""
    page, _ = done
    assert (page.parent / "own.txt").read_text() == "[['a b.log'], '20GiB', 1, 3, True]"


def test_the_page_shows_views_as_they_are_and_the_rest_as_text(done):
    """A view's HTML stands, with its texts escaped; a stream and foreign HTML are text."""
    html = done[0].read_text("utf-8")
    assert "<td>4 &lt;b&gt;20GiB&lt;/b&gt;</td>" in html
    assert "&lt;i&gt;streamed&lt;/i&gt;" in html
    assert html.count("<script") == 1
    assert "&lt;Foreign&gt;" in html
    assert "Question 1" in html
    assert "rate = 0.001" not in html
    assert html.count("<style>") == 1


def test_the_kernel_is_this_interpreter_and_not_the_folder(done):
    """The same Python, a backend without windows, and no import from where the command was given."""
    import sys

    html = done[0].read_text("utf-8")
    assert sys.executable in html
    assert "agg" in html
    executed = json.loads((done[0].parent / "executed.ipynb").read_text("utf-8"))
    shown = "".join(executed["cells"][-1]["outputs"][0]["data"]["text/plain"])
    assert not shown.endswith("'')")


def test_progress_names_cell_and_heading(done):
    """Number in the notebook, of how many, and the question."""
    calls = done[1]
    assert calls[-1] == (10, 10, "Question 4")
    assert [heading for _, _, heading in calls][-4:] == [f"Question {number}" for number in range(1, 5)]


def test_a_failing_cell_is_named_and_the_notebook_kept(tmp_path):
    """The error says cell and last line; the executed notebook holds what ran; nothing pretends to be a page."""
    path = write(tmp_path, "'fine'", "raise ValueError('first\\nno such size')")
    with pytest.raises(
        NotebookError, match=r"asked.ipynb, cell 6: ValueError: no such size .*executed.ipynb"
    ) as caught:
        run_notebook(path, {"count": 1}, tmp_path / "out")
    assert caught.value.exit_code == 5
    assert (tmp_path / "out" / "executed.ipynb").exists()
    assert not (tmp_path / "out" / "report.html").exists()


def test_an_input_that_cannot_be_read_keeps_its_exit_code(tmp_path):
    """A script can tell an unreadable input from a broken notebook."""
    path = write(tmp_path, "from dfly_analysis.errors import SourceError\nraise SourceError('nothing readable')")
    with pytest.raises(NotebookError, match="cell 4: SourceError: nothing readable") as caught:
        run_notebook(path, {}, tmp_path / "out")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({"cell_timeout_s": 2.0}, "a cell took longer than 2 s"), ({"timeout_s": 8.0}, "the run took longer than 8 s")],
)
def test_a_run_that_hangs_is_ended(tmp_path, limits, expected):
    """A cell's limit and the whole run's limit both end it, with their own exit code."""
    with pytest.raises(RunTimeoutError, match=expected) as caught:
        run_notebook(write(tmp_path, "import time\ntime.sleep(600)"), {}, tmp_path / "out", **limits)
    assert caught.value.exit_code == 6


def test_a_kernel_that_dies_is_an_error(tmp_path):
    """A process that is gone is not waited for."""
    with pytest.raises(NotebookError, match="the kernel died"):
        run_notebook(write(tmp_path, "import os\nos._exit(1)"), {}, tmp_path / "out")


def test_a_process_runs_one_notebook_after_another(tmp_path):
    """It is not started again, and names of the earlier notebook are gone."""
    path = write(tmp_path, "import os, json\n(os.getpid(), 'left' in globals())", "left = 1\ncount")
    with CellProcess() as process:
        shown = []
        for name in ("one", "two"):
            run_notebook(path, {"count": 1}, tmp_path / name, process=process)
            cells = json.loads((tmp_path / name / "executed.ipynb").read_text("utf-8"))["cells"]
            shown.append("".join(next(cell for cell in cells if "os.getpid" in "".join(cell["source"]))["outputs"][0]["data"]["text/plain"]))  # fmt: skip
    assert shown[0] == shown[1]
    assert shown[0].endswith("False)")


def test_a_process_is_replaced_after_its_death(tmp_path):
    """A notebook that kills it does not spoil the next one; a closed one says so."""
    with CellProcess() as process:
        with pytest.raises(NotebookError, match="the kernel died .it ended with 3."):
            run_notebook(write(tmp_path, "import os\nos._exit(3)"), {}, tmp_path / "a", process=process)
        page = run_notebook(write(tmp_path, "'fine'"), {}, tmp_path / "b", process=process)
    assert "fine" in page.read_text("utf-8")


def test_what_ipython_knows_works_in_a_cell(tmp_path):
    """Magics, `display`, awaiting at top level and input that nobody gives."""
    shows = ("%time 1 + 1\n!true", "display('shown', metadata={})", "import asyncio\nawait asyncio.sleep(0, 'awaited')")
    html = run_notebook(write(tmp_path, *shows), {}, tmp_path / "out").read_text("utf-8")
    assert "shown" in html
    assert "awaited" in html
    with pytest.raises(NotebookError, match="cell 4: EOFError"):
        run_notebook(write(tmp_path, "input()"), {}, tmp_path / "asked")


@pytest.mark.parametrize(("source", "expected"), [("1 +", "SyntaxError"), ("exit()", "SystemExit|cell 4"), ("1 / 0", "ZeroDivisionError: division by zero")])  # fmt: skip
def test_an_error_is_an_output_of_its_cell(tmp_path, source, expected):
    """The executed notebook holds its name and traceback, and papermill's mark."""
    with pytest.raises(NotebookError, match=expected):
        run_notebook(write(tmp_path, source), {"count": 1}, tmp_path / "out")
    cells = json.loads((tmp_path / "out" / "executed.ipynb").read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert [output["output_type"] for output in outputs] == ["error"]
    assert any("papermill-error-cell-tag" in cell["metadata"].get("tags", []) for cell in cells)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file where the folder should be."""
    (tmp_path / "out").write_text("")
    with pytest.raises(SourceError, match="out: cannot be created"):
        run_notebook(write(tmp_path), {}, tmp_path / "out")


@pytest.mark.parametrize("text", ["", "{}", '{"cells": 3}', "\x00"])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    """A file that is not a notebook is an error with its name."""
    (tmp_path / "x.ipynb").write_text(text)
    with pytest.raises(NotebookError, match=r"x\.ipynb"):
        run_notebook(tmp_path / "x.ipynb", {}, tmp_path / "out")


@pytest.fixture(scope="module")
def sample_run(article_sample, tmp_path_factory):
    """Run the tuning notebook on the article's failure once."""
    folder = tmp_path_factory.mktemp("sample")
    run_notebook("tuning_report", {"paths": [str(article_sample)], "size": "20GiB"}, folder)
    return folder


def test_the_tuning_notebook_explains_the_article_s_failure(sample_run, article_truth):
    """From the packaged notebook alone: page, JSON, Helm values, manifest, executed notebook, and the true cause."""
    names = {path.name for path in sample_run.iterdir()}
    alerts = {"alerts.rules.yaml", "alerts.tests.yaml", "alerts.dashboard.json"}
    assert names == {"report.html", "report.json", "overlay.values.yaml", "manifest.json", "executed.ipynb"} | alerts
    expected = json.loads((sample_run / "report.json").read_text("utf-8"))
    assert expected["diagnose"]["primary_cause"] == article_truth["primary_cause"]
    html = (sample_run / "report.html").read_text("utf-8")
    assert "failed: timeout too short" in html
    assert len(html.encode()) < 1_000_000
    executed = json.loads((sample_run / "executed.ipynb").read_text("utf-8"))
    kinds = {output["output_type"] for each in executed["cells"] for output in each.get("outputs", [])}
    assert kinds == {"execute_result"}


def test_a_saved_report_has_the_notebook_s_page(sample_run, article_sample, tmp_path):
    """Without a kernel the page is the same, but for the values of the parameters."""
    from dfly_analysis import analyse

    analyse([str(article_sample)], size="20GiB").save(tmp_path)
    ran, saved = ((folder / "report.html").read_text("utf-8") for folder in (sample_run, tmp_path))
    assert ran.splitlines() == saved.splitlines()
