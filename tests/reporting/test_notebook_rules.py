"""The notebook rules hold for every committed notebook, and each rule notices what breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT
from notebook_rules import notebook_problems

PARAMETERS = 'paths = ["logs/"]  # files to read, paths\nsize = "20GiB"  # layer to plan for, bytes\n'


def cell(kind: str, source: str, *, tags: tuple[str, ...] = (), count: int | None = None, outputs: tuple = ()) -> dict:
    made = {"cell_type": kind, "id": "a", "metadata": {"tags": list(tags)}, "source": source.splitlines(keepends=True)}
    return made | ({"execution_count": count, "outputs": list(outputs)} if kind == "code" else {})


def write(path: Path, *cells: dict, **metadata: object) -> Path:
    described = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}} | metadata
    path.write_text(json.dumps({"cells": cells, "metadata": described, "nbformat": 4, "nbformat_minor": 5}))
    return path


def with_code(path: Path, source: str) -> Path:
    asked = cell("markdown", "What failed?")
    return write(path, asked, cell("code", PARAMETERS, tags=("parameters",)), asked, cell("code", source))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_committed_notebooks_obey_the_rules(path):
    """Every notebook of the project is thin, documented and free of outputs."""
    assert notebook_problems(path) == []


@pytest.mark.parametrize("source", [
    "import dfly_analysis as dfly\ndataset = dfly.load(paths)\ndataset.tasks",
    "from dfly_analysis.reporting.plots import plot_durations\nplot_durations(dataset, limit=-1.5)[0]",
    "dfly.recommend(dataset, findings, fits, size=size, roles=['client'], more={'a': 1})",
])  # fmt: skip
def test_a_thin_notebook_has_no_problems(tmp_path, source):
    """Imports of the package, assignments and calls that end in an expression are what a cell may hold."""
    assert notebook_problems(with_code(tmp_path / "n.ipynb", source)) == []


@pytest.mark.parametrize(("source", "expected"), [
    ("def f(): pass\nf()", "FunctionDef belongs"),
    ("class A: pass\nA", "ClassDef belongs"),
    ("for path in paths: dfly.load(path)\ndataset", "For belongs"),
    ("while dataset: pass\ndataset", "While belongs"),
    ("if dataset: pass\ndataset", "If belongs"),
    ("with dataset: pass\ndataset", "With belongs"),
    ("[row for row in dataset]", "ListComp belongs"),
    ("dataset.map(lambda row: row)", "Lambda belongs"),
    ("dataset.size + 1", "BinOp belongs"),
    ("import pandas\ndataset", "imports pandas"),
    ("from re import match\ndataset", "imports re"),
    ("import dfly_analysis, os\ndataset", "imports os"),
    ("from . import x\ndataset", "imports"),
    ("open('x')", "uses open"),
    ("print(dataset)", "uses print"),
    ("path.read_text()", "reads a file by read_text"),
    ("dfly.pandas.read_csv('x')", "reads a file by read_csv"),
    ("dataset = dfly.load(paths)", "does not end in an expression"),
    ("", "does not end in an expression"),
    ("dataset.plot();", "a semicolon hides"),
    ("%matplotlib inline\ndataset", "not Python"),
])  # fmt: skip
def test_what_a_cell_may_not_hold_is_named(tmp_path, source, expected):
    """Each thing that belongs into the package is reported with its cell."""
    problems = notebook_problems(with_code(tmp_path / "n.ipynb", source))
    assert any(problem.startswith("cell 4:") and expected in problem for problem in problems), problems


@pytest.mark.parametrize(("line", "expected"), [
    ("size = '20GiB'", "is not `name = literal"),
    ("size = '20GiB'  # layer to plan for", "is not `name = literal"),
    ("size = '20GiB' # layer, bytes", "is not `name = literal"),
    ("size: str = '20GiB'  # layer, bytes", "is not `name = literal"),
    ("import os  # module, none", "is not `name = literal"),
    ("size = 20 * 2**30  # layer, bytes", "is not a literal"),
    ("settings = 'a=b'  # settings to try, none", "contains '='"),
])  # fmt: skip
def test_a_parameter_is_a_literal_with_meaning_and_unit(tmp_path, line, expected):
    """A line of the parameters cell that papermill or a reader would misread is reported."""
    asked = cell("markdown", "Which input?")
    path = write(tmp_path / "n.ipynb", asked, cell("code", line, tags=("parameters",)))
    assert any(expected in problem for problem in notebook_problems(path))


def test_the_first_code_cell_is_the_only_one_tagged_parameters(tmp_path):
    """A missing, late or second tag is reported."""
    asked, plain = cell("markdown", "?"), cell("code", "dataset")
    tagged = cell("code", PARAMETERS, tags=("parameters",))
    for cells in ([asked, plain], [asked, plain, asked, tagged], [asked, tagged, asked, tagged]):
        problems = notebook_problems(write(tmp_path / "n.ipynb", *cells))
        assert any(problem.startswith("cells tagged parameters") for problem in problems)


def test_each_code_cell_follows_a_question(tmp_path):
    """A code cell that opens the notebook, follows code or follows an empty text is reported."""
    asked, empty = cell("markdown", "?"), cell("markdown", " ")
    tagged, plain = cell("code", PARAMETERS, tags=("parameters",)), cell("code", "dataset")
    for cells in ([tagged], [asked, tagged, plain], [asked, tagged, empty, plain]):
        problems = notebook_problems(write(tmp_path / "n.ipynb", *cells))
        assert [problem for problem in problems if "no markdown cell" in problem]


def test_results_are_not_committed(tmp_path):
    """Outputs, execution counts and widget state are reported."""
    asked, tagged = cell("markdown", "?"), cell("code", PARAMETERS, tags=("parameters",))
    shown = cell("code", "dataset", count=3, outputs=({"output_type": "stream", "name": "stdout", "text": "x"},))
    problems = notebook_problems(write(tmp_path / "n.ipynb", asked, tagged, asked, shown, widgets={"state": {}}))
    assert problems == ["it carries widget state", "cell 4: it has outputs", "cell 4: it has an execution count"]


def test_a_kernelspec_without_language_is_reported(tmp_path):
    """Papermill cannot run such a notebook."""
    path = write(tmp_path / "n.ipynb", kernelspec={"name": "python3"})
    assert notebook_problems(path)[0].startswith("its kernelspec")
    assert notebook_problems(path)[1] == "it has no code cell"
