"""Tables of dfbench become rows of `runs`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.bench import read_bench, recognises
from dfly_analysis.tables import RUNS

ASCII = """Running benchmark for size level Nano by DFGET ...
+-----------------+-------+-------------+-------------+-------------+
| FILE SIZE LEVEL | TIMES |  MIN COST   |  MAX COST   |  AVG COST   |
+-----------------+-------+-------------+-------------+-------------+
|     Nano(1B)    |   3   |   528.46ms  |   717.28ms  |   648.17ms  |
|   Large(1GiB)   |   3   |  4855.28ms  |  6069.76ms  |  5526.63ms  |
+-----------------+-------+-------------+-------------+-------------+
"""
BOXED = ASCII.replace("|", "│").replace("+-", "├─")


@pytest.mark.parametrize("text", [ASCII, BOXED, ASCII.replace("\n", "\r\n")], ids=["ascii", "boxed", "crlf"])
def test_a_table_is_read_in_seconds_and_bytes(text):
    """Milliseconds become seconds, labels the real sizes; failed repeats are hidden by the tool and stay missing."""
    assert recognises(text)
    rows = read_bench(text, "bench.txt")
    costs = [(row["min_s"], row["max_s"], row["mean_s"]) for row in rows]
    assert [(row["size_bytes"], row["n"]) for row in rows] == [(1, 3), (1 << 30, 3)]
    assert costs == [pytest.approx(seconds) for seconds in ((0.52846, 0.71728, 0.64817), (4.85528, 6.06976, 5.52663))]
    frame = RUNS.frame(rows)
    assert frame["failures"].isna().all()
    assert frame["kind"].eq("aggregate").all()
    assert frame["log_line"].tolist() == [5, 6]


def test_two_tables_in_one_file_are_told_apart():
    """The second table's rows say so."""
    rows = read_bench(ASCII + ASCII, "b")
    assert [row["settings"] for row in rows] == [None, None, "table 2", "table 2"]


def test_the_published_table_is_read(root):
    """The sample of the tool's own page gives one row for each size level."""
    rows = read_bench((root / "data/samples/dfbench-readme.txt").read_text("utf-8"), "s")
    assert len({row["label"] for row in rows}) == len(rows) >= 7
    assert all(row["min_s"] <= row["mean_s"] <= row["max_s"] for row in rows)


def test_other_tables_are_not_taken_for_it():
    """A header alone does not do, nor a row with words for figures."""
    assert not recognises("| NAME | COST |")
    assert not recognises("FILE SIZE LEVEL")
    assert read_bench("| Nano(1B) | three | 1ms | 2ms | 3ms |\n| Nano(1B) | 3 | fast | 2ms | 3ms |", "b") == []


@given(st.text(max_size=300))
def test_any_text_gives_rows_or_none(text):
    """Nothing the file holds makes it fail."""
    assert all(row["n"] >= 0 for row in read_bench(text, "b"))
