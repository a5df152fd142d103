"""Each notebook answers its question on the committed samples, in both languages."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import pytest
from conftest import SAMPLES

from dfly_analysis.api import analyse, what_if
from dfly_analysis.errors import SettingsError
from dfly_analysis.reporting.notebooks import notebook_names, run_notebook
from dfly_analysis.reporting.provenance import read_provenance

ARTICLE = [str(SAMPLES / "article-v0.1.118.tar.gz")]
GIVEN = {
    "capacity_planning": ({"size": "20GiB", "lang": "zh"}, "容量规划", ("100 GiB", "1 GiB", r"download\.pieceTimeout=60s")),
    "before_after": ({"lang": "zh"}, "Did the change help|改动", ("180s", "<svg")),
    "explore": ({}, "Explore a run", ("Required bandwidth", "10 min|600 s", "p99_s", "seed-client-1", r"Interval\(value=")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_notebook_answers_its_question_on_a_sample(name, tmp_path):
    """It runs untouched on the packaged sample, its page holds the answer and what it takes to make it again; nothing in it is an error or a bare stream."""
    given, title, answers = GIVEN[name]
    page = run_notebook(name, given, tmp_path)
    html = page.read_text("utf-8")
    assert read_provenance(page)["notebook"] == name
    text = re.sub(r"\s+", " ", html.replace("\N{NO-BREAK SPACE}", " "))
    assert re.search(f"<title>.*({title})", html)
    for answer in answers:
        assert re.search(answer, text), answer
    executed = json.loads((tmp_path / "executed.ipynb").read_text("utf-8"))
    kinds = {output["output_type"] for each in executed["cells"] for output in each.get("outputs", [])}
    assert kinds == {"execute_result"}
    assert len(html.encode()) < 500_000


def test_every_notebook_is_tried_on_a_sample():
    """One that is added is run here, or elsewhere by its own test."""
    elsewhere = {"tuning_report"}
    assert set(notebook_names()) - elsewhere == set(GIVEN)


def test_exploring_has_sliders_in_jupyterlab():
    """Three sliders that change numbers and picture; without them, the table of many."""
    assert find_spec("ipywidgets")
    report = analyse(ARTICLE, size="20GiB")
    *sliders, shown = report.explore(interactive=True).children
    assert [slider.description for slider in sliders] == ["Layer size", "Piece timeout", "Concurrent pieces"]
    (table,) = report.explore(interactive=False).views
    assert len(table.rows) == 36
    pictures = set()
    for timeout in ("60s", "120s"):
        sliders[1].value = timeout
        row = next(row for row in table.rows if row[:3] == ("20 GiB", {"60s": "60 s", "120s": "2 min"}[timeout], "8"))
        assert row[3] in shown.value.replace("\N{NO-BREAK SPACE}", " ")
        pictures.add(shown.value.partition("<img src=")[2][:20_000])
    assert len(pictures) == 2


def test_what_if_answers_where_nothing_can_be_predicted(tmp_path):
    """Without a law of a piece's time it says what to collect, in every part, and still writes what it was made of."""
    answer = what_if([str(SAMPLES / "dfbench-readme.txt")], {"download.pieceTimeout": "60s"})
    assert answer.verdict.headline == "The effect of other settings cannot be predicted"
    assert any("collect" in text for text in answer.verdict.because)
    assert (answer.layer.rows, answer.run.rows, answer.assumptions.rows) == ((), (), ())
    answer.save(tmp_path)
    assert "not_fitted" in json.loads((tmp_path / "whatif.json").read_text("utf-8"))
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8"))["verdict"]["not_fitted"]


def test_a_misspelt_setting_is_refused_before_the_logs_are_read():
    """The nearest is offered; a path that is not there is not looked at."""
    with pytest.raises(SettingsError, match=r"pieceTimout.*download\.pieceTimeout"):
        what_if(["nowhere"], {"download.pieceTimout": "60s"})
