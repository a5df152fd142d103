"""How results are printed."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from cli.cases import invoke
from dfly_analysis import api
from dfly_analysis.cli.output import Progress, fields, message, one_line, table, wrap
from dfly_analysis.comparison import Comparison
from dfly_analysis.comparison.proportions import Effect
from dfly_analysis.estimates import Interval
from dfly_analysis.reporting.comparison_report import ComparisonReport
from dfly_analysis.reporting.csv_text import csv_text


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


def test_a_table_wraps_between_words_and_aligns(monkeypatch):
    """The widest column gives way first; cells without a value are a dash."""
    monkeypatch.setenv("COLUMNS", "60")
    text = table("Title", [{"a": 1.23456, "b": "word " * 20, "c": None}])
    assert text.splitlines()[:4] == [
        "Title", f"a      {'b':50}  c", f"------ {'-' * 51} -", f"1.235  {'word ' * 10}  -",
    ]  # fmt: skip
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("word") == 20


def test_a_piped_table_has_one_line_per_row(monkeypatch):
    """Without a terminal nothing is wrapped, cut off or coloured, however wide it is."""
    monkeypatch.delenv("COLUMNS")
    rows = [{"severity": "high", "what": f"{number} " + "word " * 100} for number in range(3)]
    lines = [*wrap("word " * 100).splitlines(), *table("Title", rows).splitlines()]
    assert len(lines) == 1 + 3 + 3
    assert all(line.count("word") == 100 for line in (lines[0], *lines[-3:]))
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_the_same_text_in_colour(monkeypatch):
    """Severities are coloured there, NO_COLOR turns it off, and the text is that of the pipe."""
    rows = [{"severity": "high", "path": "/a/long/path/to/a/file.log:12", "what": "word " * 6}]
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stdout", Terminal())
    coloured = table("Title", rows)
    monkeypatch.undo()
    monkeypatch.setenv("COLUMNS", "300")
    assert "\x1b[31mhigh" in coloured
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.split() for line in plain.splitlines()] == [line.split() for line in table("Title", rows).splitlines()]


def test_words_that_look_like_markup_are_printed_as_they_are():
    """Brackets and emoji codes of log lines are text."""
    assert "[bold]x[/] :smile: [id]" in table("[red]y", [{"what": "[bold]x[/] :smile: [id]"}])


def test_further_lines_of_a_text_start_below_its_beginning(monkeypatch):
    """A label stands alone on the left; a word longer than the line stays whole."""
    monkeypatch.setenv("COLUMNS", "60")
    path = "/very/long" * 8
    assert fields([("  at:", f"see {path} there " + "word " * 10)]).splitlines() == [
        "  at: see", f"      {path}", f"      there {'word ' * 9}".rstrip(), "      word",
    ]  # fmt: skip


def test_commands_to_copy_are_never_wrapped(monkeypatch):
    """However narrow the terminal is."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = invoke("plan-stress", "--size", "1GiB", "--timeout", "60s", "--concurrency", "4").stdout.splitlines()
    commands = [line for line in lines if line.startswith("  helm ")]
    assert len(commands) == 1
    assert commands[0].endswith(" --wait")


def test_progress_is_shown_on_a_terminal_alone(monkeypatch):
    """A pipe sees nothing; a terminal sees each text and nothing in the end."""
    for stream, shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        with Progress() as progress:
            progress("reading a.log")
        assert ("reading a.log" in stream.getvalue()) is shown
    assert not io.StringIO().getvalue()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x1b]0;title\x07b", "a\x9b2Jb", "a\u202eb", "a\rb"])
def test_no_text_of_the_input_controls_the_terminal(text, capsys):
    """Neither in tables and lines nor in messages."""
    message(text)
    shown = [table("", [{"a": text}]), wrap(text), one_line(text), fields([("x", text)]), capsys.readouterr().err]
    assert not any(set(one) & set("\x1b\x07\x9b\u202e\r") for one in shown)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_no_cell_of_csv_is_a_formula(text):
    """A spreadsheet takes it for text; numbers and a lone dash stay."""
    assert next(csv.DictReader(io.StringIO(csv_text([{"a": text}]))))["a"] == f"'{text}"
    assert csv_text([{"a": -1, "b": "-"}]) == "a,b\n-1,-\n"


def test_junit_of_a_comparison_fails_where_it_got_worse(monkeypatch):
    """The verdict and each effect are test cases; an effect whose interval lies above zero is a failure."""
    none, more = Interval(0.0, -0.1, 0.1), Interval(0.2, 0.05, 0.35)
    worse = Effect("tasks_failed", before=none, after=more, n_before=40, n_after=40, bad_before=1, bad_after=9, difference=more, strict=more, clusters_before=40, clusters_after=40)  # fmt: skip
    same = replace(worse, id="pieces_failed", difference=none, strict=none)
    compared = Comparison("worse", ("9 of 40 tasks failed.",), (worse, same), None, (), (), ())
    monkeypatch.setattr(api, "compare", lambda *_, **__: ComparisonReport(compared))
    suite = ET.fromstring(invoke("compare", "a", "b", "--format", "junit").stdout)
    assert [(case.get("name").partition(":")[0], case.find("failure") is not None) for case in suite] == [
        ("verdict", True), ("tasks_failed", True), ("pieces_failed", False),
    ]  # fmt: skip
