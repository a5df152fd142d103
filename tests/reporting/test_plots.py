"""Figures: what they show in words and numbers, lines for few marks and dots for many, the same each time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import get_args

import matplotlib as mpl
import pandas as pd
import pytest
from diagnosis_cases import dataset_of, job
from report_cases import failing_report, healthy_report, no_tasks_report, pieces, tasks

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import fit_duration
from dfly_analysis.quantities import NOTHING
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.plots import draw_durations, draw_task_failures, draw_timeline, draw_waterfall
from dfly_analysis.reporting.plots.style import CAUSE_COLOURS, COLOURS
from dfly_analysis.reporting.plots.svg import THEME
from dfly_analysis.reporting.report import FigureName
from dfly_analysis.reporting.time_views import time_of
from dfly_analysis.schema import CAUSES, OUTCOMES, TASKS
from tests.reconstruction.test_task_time import piece, task

NAMES = get_args(FigureName)


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_has_text_and_numbers(name):
    """A picture of few marks is made of lines, says what it shows, and carries its numbers as a full table."""
    figure = failing_report().draw(name)
    assert isinstance(figure, Figure)
    assert ET.fromstring(figure.data).tag.endswith("svg")
    assert any(character.isdigit() for character in figure.alt)
    assert figure.caption
    assert figure.rows
    assert {len(row) for row in figure.rows} == {len(figure.columns)}


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_deterministic(name):
    """Drawn twice, the bytes are the same, so that a report can be compared with another."""
    assert failing_report().draw(name).data == failing_report().draw(name).data


@pytest.mark.parametrize("name", NAMES)
def test_where_there_is_nothing_the_reason_is_said(name):
    """No empty axes: a sentence."""
    nothing = no_tasks_report().draw(name)
    assert isinstance(nothing, NotDrawn)
    assert nothing.reason.endswith(".")


def test_a_healthy_run_has_no_timeline_of_failures():
    """Nothing failed, so nothing is drawn; the durations are."""
    assert healthy_report().draw("timeline") == NotDrawn("No failure has a known time.")
    assert isinstance(healthy_report().draw("durations"), Figure)


def test_the_alt_text_of_durations_has_counts_and_timeout():
    """Points, limit and the fitted tail are in the alternative text."""
    rows = pieces()
    alt = failing_report().draw("durations").alt
    cut = int((rows["outcome"] == "timeout").sum())
    assert f"{len(rows):,} attempts" in alt
    assert f"{cut:,} timed out" in alt
    assert "Timeouts drawn: 6 s" in alt
    assert "that 99.9 % finish within is" in alt


def test_many_attempts_make_no_larger_picture():
    """Bars hold counts, so a fleet's picture is as small as that of one run; every attempt of the size is counted."""
    rows = pieces(9000)
    figure = draw_durations(Dataset.from_frames(pieces=rows), None)
    assert len(figure.data) < 60_000
    titles = [one.text for one in ET.fromstring(figure.data).findall(".//{*}title") if " to " in one.text]
    done = sum(int(n.replace(",", "")) for text in titles for n in re.findall(r"succeeded: ([\d,]+)", text))
    assert done == int(((rows["outcome"] == "ok") & (rows["size_bytes"] == 4 * 2**20)).sum())


@pytest.mark.parametrize("name", NAMES)
def test_figures_follow_the_theme_and_show_values(name):
    """No colour of the light theme is fixed, ids are unique to the figure, and its marks have their values as titles."""
    figure = failing_report().draw(name)
    drawing = figure.data.decode().partition("</style>")[2]
    assert [colour for light, _ in THEME.values() if (colour := light) in drawing.lower()] == []
    assert re.findall(r' id="(?!f[0-9a-f]{8}-)', drawing) == []
    titles = [one.text for one in ET.fromstring(figure.data).findall(".//{*}title")]
    assert len(titles) >= 2
    assert all(any(character.isdigit() for character in text) for text in titles)
    assert set(titles) <= set(figure.labels)


@pytest.mark.parametrize("name", NAMES)
def test_legends_hide_no_data(name):
    """They stand beside the axes, not on them."""
    canvas = failing_report().draw(name).canvas
    canvas.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in canvas.axes]
    legends = [*canvas.legends, *(axes.legend_ for axes in canvas.axes if axes.legend_)]
    assert [one for one in legends if any(one.get_window_extent().overlaps(box) for box in boxes)] == []


def test_durations_without_a_fit_show_the_attempts():
    """What was not fitted is not drawn, and the alt text says so."""
    figure = draw_durations(Dataset.from_frames(pieces=pieces(40)), NotFitted("piece_from_source", "too few", "more"))
    assert "No distribution is fitted" in figure.alt
    assert figure.rows[0][-1] == "\N{EN DASH}"


def test_drawing_leaves_the_look_of_other_figures():
    """Matplotlib's settings are as before."""
    look, rows = dict(mpl.rcParams), pieces(300)
    draw_durations(Dataset.from_frames(pieces=rows), fit_duration(rows))
    assert dict(mpl.rcParams) == look


def test_the_timeline_counts_every_failure_by_host():
    """The table's sum is the number of failed attempts; kinds and hosts are named."""
    rows = pieces()
    figure = draw_timeline(Dataset.from_frames(pieces=rows, tasks=tasks()))
    assert sum(int(row[-1]) for row in figure.rows) == int((rows["outcome"] != "ok").sum())
    assert {row[0] for row in figure.rows} == set(rows.loc[rows["outcome"] != "ok", "host"])
    assert "timed out" in figure.columns


def test_without_pieces_the_timeline_shows_failed_tasks_by_cause():
    """A log at info level holds no pieces, but tasks fail at a time."""
    figure = draw_timeline(Dataset.from_frames(tasks=tasks()))
    assert figure.alt.startswith("Failed tasks: 12 ")
    assert "timeout too short" in figure.columns


@pytest.mark.parametrize("days", [0.01, 1, 40])
def test_the_timeline_has_few_bars_whatever_its_span(days):
    """The width of a bar follows the span, so that a month is as readable as a minute."""
    made = tasks()
    made["ended"] = made["started"].iloc[0] + pd.to_timedelta([days * place / len(made) for place in range(len(made))], "D")  # fmt: skip
    made["started"] = made["ended"]
    figure = draw_timeline(Dataset.from_frames(tasks=TASKS.conform(made)))
    assert isinstance(figure, Figure)
    assert len(figure.data) < 150_000


def test_failure_rates_fall_along_the_table():
    """A longer timeout never fails more layers in the table, where resets are rare."""
    rows = healthy_report().draw("failure_rates").rows
    shares = [float(re.search(r"[\d.]+", row[1])[0]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert any("(now)" in row[0] for row in rows)


def test_task_failures_say_how_many_of_how_many():
    """Each class of size with its counts."""
    fit = failing_report().fits["task_failure"]
    figure = draw_task_failures(fit)
    assert "12 of 40 in all" in figure.alt
    assert [(row[1], row[2]) for row in figure.rows] == [(str(one.n), str(one.failed)) for one in fit.bins]


def test_every_outcome_and_cause_has_a_colour():
    """None falls back to a colour that means something else."""
    assert set(COLOURS) == set(OUTCOMES)
    assert set(CAUSE_COLOURS) == set(CAUSES)


@pytest.mark.parametrize("pieces", [320, 5000])
def test_waterfall_has_a_bar_for_each_piece(pieces):
    """Readable for few and for many: lines with values for hundreds, a small bitmap for thousands, one row of numbers a task."""
    dataset = dataset_of(
        tasks=[task("p", end=pieces + 1, n_pieces=pieces)], pieces=[piece(n, n, n + 1) for n in range(pieces)]
    )
    figure = draw_waterfall(dataset)
    assert figure.data.count(b"<title>piece ") == (pieces if pieces < 2000 else 0)
    assert len(figure.data) < 100_000
    assert [row[2:] for row in figure.rows] == [(f"{pieces:,}", "0", "0", "0")]


def test_time_table_has_shares_that_add_up():
    """All tasks of a component first, then the slowest; a job's wait is said before."""
    pieces = [piece(0, 1, 3, outcome="timeout"), piece(1, 3, 9)]
    table, slowest = time_of(
        dataset_of(tasks=[task("p", job_id="group_1", start=2)], pieces=pieces, jobs=[job("SUCCESS")])
    ).views
    shares = [float(cell.removesuffix(" %")) for cell in table.rows[0][3:] if cell != NOTHING]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert "A job waited 2 s" in table.notes[0]
    assert slowest.title == "The slowest task"
    assert [view.rows for view in time_of(dataset_of()).views] == [()]
