"""What benchmarks print, and our own CSV, become rows of `runs`."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from benchmark_cases import (
    ASCII,
    BOXED,
    FILE_BENCH,
    IMAGE_BENCH,
    MARKDOWN,
    PROXY_BENCH,
    SAMPLES,
    VEGETA_CSV,
    VEGETA_JSON,
    VEGETA_LINES,
    VEGETA_TEXT,
)
from hypothesis import given
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.readers.benchmarks import read_bench, recognises
from dfly_analysis.schema import OUTCOMES, RUNS


def read(text):
    problems = []
    rows = read_bench(text, "bench.txt", on_problem=problems.append)
    return RUNS.frame(rows), [str(problem) for problem in problems]


# --- dfbench ---


@pytest.mark.parametrize("text", [ASCII, ASCII.replace("|", "│").replace("+-", "├─"), ASCII.replace("\n", "\r\n")], ids=["ascii", "boxed", "crlf"])  # fmt: skip
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


def test_newer_tables_tell_where_the_bytes_came_from():
    """From v0.1.6 on; the label of 1 KB hides a file of 10 240 bytes."""
    frame, problems = read(BOXED)
    assert problems == []
    assert frame[["size_bytes", "n", "bytes_from_source", "bytes_from_parent", "bytes_local"]].to_numpy().tolist() == [[10240, 4, 10_000, 0, 31_000], [1 << 30, 2, 1_100_000_000, 1_100_000_000, 0]]  # fmt: skip
    assert frame["max_s"].tolist() == [0.02, 1.1]


def test_a_markdown_table_is_read_among_prose():
    """As people paste it; the newest labels are plain sizes."""
    frame, problems = read(MARKDOWN)
    assert problems == []
    assert frame["size_bytes"].tolist() == [1 << 20, 10 << 20]
    assert frame["log_line"].tolist() == [5, 6]


def test_two_tables_in_one_file_are_numbered():
    """The second table's rows say so."""
    rows = read_bench(ASCII + ASCII, "b")
    assert [row["settings"] for row in rows] == [None, None, "table 2", "table 2"]
    assert len(read(ASCII + "some words | with a stroke\n" + BOXED + MARKDOWN)[0]) == 6


def test_the_published_table_is_read(root):
    """The sample of the tool's own page gives one row for each size level."""
    rows = read_bench((root / "data/samples/dfbench-readme.txt").read_text("utf-8"), "s")
    assert len({row["label"] for row in rows}) == len(rows) >= 7
    assert all(row["min_s"] <= row["mean_s"] <= row["max_s"] for row in rows)


@pytest.mark.parametrize("row", ["|   Nano(1B)  |  three |  1ms  |  2ms |  3ms |", "| Nano(1B) | 3 | fast | 2ms | 3ms |", "| Nano(1B) | 3 | 1ms |", "| Huge | 3 | 1ms | 2ms | 3ms |", "| a | b | c | d | e | f |"])  # fmt: skip
def test_a_broken_row_is_reported_and_the_others_are_read(row):
    """File, line and way out in one line."""
    lines = ASCII.split("\n")
    frame, problems = read("\n".join([*lines[:5], row, *lines[5:]]))
    assert len(frame) == 2
    assert len(problems) == 1
    assert problems[0].startswith("bench.txt:6: is not a row of dfbench's table")
    assert "copy the table again" in problems[0]


def test_other_tables_are_not_taken_for_it():
    """A header alone does not do, nor a log line that quotes one."""
    assert not recognises("| NAME | COST |")
    assert not recognises("FILE SIZE LEVEL")
    assert not recognises("INFO: | FILE SIZE LEVEL | TIMES | MIN COST | MAX COST | AVG COST |")
    assert read_bench("| Nano(1B) | three | 1ms | 2ms | 3ms |\n| Nano(1B) | 3 | fast | 2ms | 3ms |", "b") == []


# --- the reports that replaced the table ---


def test_a_report_counts_its_failures():
    """Sizes by the file's name in powers of 1024; latencies are milliseconds of the survivors."""
    frame, problems = read(FILE_BENCH)
    row = frame.iloc[0]
    assert problems == []
    assert (row["tool"], row["label"], row["size_bytes"], row["n"], row["failures"]) == (
        "file-bench",
        "4m",
        4 << 20,
        10,
        1,
    )
    assert list(row[["min_s", "mean_s", "p50_s", "p95_s", "max_s"]]) == pytest.approx(
        [5.10244, 5.23118, 5.1889, 6.32015, 6.48031]
    )
    assert (row["bytes_from_source"], row["bytes_from_parent"], row["bytes_local"]) == (4 << 20, 36 << 20, 0)
    assert row["log_line"] == 11
    assert "uuid" not in row["settings"]


def test_reports_of_images_and_of_the_proxy():
    """An image's size is in its tag, a sequential request's is the chunk; user names and passwords are gone."""
    frame, problems = read(IMAGE_BENCH + PROXY_BENCH)
    assert problems == []
    assert frame["size_bytes"].tolist() == [20 << 30, 4 << 20]
    assert frame[["n", "failures"]].to_numpy().tolist() == [[10, 1], [120481, 1000]]
    assert frame["mean_s"].tolist() == [5.23118, 0.1274]
    assert "hunter2" not in frame.to_csv()


def test_a_run_in_which_all_failed_has_no_latency():
    """The zeros that the tool prints then are not times."""
    frame = read(FILE_BENCH.replace("1 of 10", "10 of 10"))[0]
    assert (frame["n"][0], frame["failures"][0]) == (10, 10)
    assert frame[["min_s", "mean_s", "max_s"]].isna().all(axis=None)


def test_a_truncated_report_is_reported():
    """What is whole before and after it is read."""
    frame, problems = read(FILE_BENCH + FILE_BENCH[:150] + "\n" + PROXY_BENCH)
    assert len(frame) == 2
    assert len(problems) == 1
    assert "this file-bench report cannot be read" in problems[0]


# --- vegeta ---


def test_vegetas_text_report_and_histogram():
    """Go's durations, the failures by status code, one row a bucket; proxy-bench's line before it is the setting."""
    frame, problems = read(VEGETA_TEXT)
    assert problems == []
    report, rows = frame.iloc[0], frame.iloc[1:]
    assert (report["n"], report["failures"], report["size_bytes"]) == (5000, 0, 4 << 20)
    assert (report["min_s"], report["p50_s"], report["p99_s"], report["max_s"]) == (
        0.006997,
        pytest.approx(0.000476925),
        62.5,
        pytest.approx(120.147),
    )
    assert list(zip(rows["lower_s"], rows["upper_s"], rows["n"], strict=True)) == [
        (0.0, 0.01, 7),
        (0.01, 1.5, 4990),
        (1.5, math.inf, 3),
    ]
    assert frame["settings"].str.startswith("mode=repeat").all()
    assert "hunter2" not in frame.to_csv()


def test_a_report_with_failures_has_no_size():
    """The mean of bytes counts the failed requests in; the status codes are exact where the share is rounded."""
    text = VEGETA_TEXT.replace(
        "100.00%\nStatus Codes  [code:count]                      200:4999  206:1",
        "99.98%\nStatus Codes  [code:count]                      0:1  200:4998  500:1",
    )
    row = read(text)[0].iloc[0]
    assert row["failures"] == 2
    assert pd.isna(row["size_bytes"])


def test_the_oldest_text_report_has_fewer_latencies():
    """Columns are taken by the names the tool prints."""
    old = "Requests      [total, rate]            1200, 120.00\nLatencies     [mean, 50, 95, 99, max]  113.172398ms, 108.272568ms, 140.18235ms, 247.771566ms, 264.815246ms\n"
    row = read(old)[0].iloc[0]
    assert (row["n"], row["mean_s"], row["max_s"]) == (1200, pytest.approx(0.113172398), pytest.approx(0.264815246))
    assert math.isnan(row["min_s"])


def test_vegetas_json_report():
    """Nanoseconds become seconds; a bucket reaches to the next one."""
    frame, problems = read(VEGETA_JSON + "\n" + VEGETA_JSON)
    assert problems == []
    assert frame["kind"].tolist() == ["aggregate", "histogram", "histogram"] * 2
    assert (frame["n"][0], frame["mean_s"][0], frame["p99_s"][0], frame["failures"][0]) == (3, 3.0, 5.5, 0)
    assert frame["upper_s"].tolist()[1:3] == [2.0, math.inf]
    assert frame["started"][0] == pd.Timestamp("2026-05-02T12:45:50.645818Z")
    assert frame["size_bytes"].eq(4 << 20).all()


def test_vegetas_single_results():
    """One sample a line with its outcome; what failed was of the size that its URL gave others."""
    frame, problems = read(VEGETA_LINES)
    assert problems == []
    assert frame["outcome"].tolist() == ["ok", "timeout", "reset", "origin", "ok"]
    assert frame["size_bytes"].tolist() == [4096, 4096, 4096, 4096, 9]
    assert frame["duration_s"].tolist() == [1.5, 30.0, 1.5, 1.5, 1.5]
    assert frame["label"].tolist()[0] == "http://f/4m"
    frame, problems = read(VEGETA_CSV)
    assert (problems, frame["outcome"].tolist(), frame["size_bytes"].tolist()) == ([], ["ok", "reset"], [4096, 4096])


@pytest.mark.parametrize("line", ["{", '{"code": 1}', '{"attack":"","code":"x","timestamp":"","latency":1,"bytes_in":1}', "[1]", "5", '{"attack":"","code":200,"timestamp":"never","latency":1,"bytes_in":1}', '{"attack":"","code":200,"timestamp":"2026-05-02T14:45:50Z","latency":-1,"bytes_in":1}'])  # fmt: skip
def test_a_broken_request_is_reported_and_the_others_are_read(line):
    """File, line and way out in one line."""
    frame, problems = read(VEGETA_LINES + line + "\n" + VEGETA_LINES)
    assert len(frame) == 10
    assert len(problems) == 1
    assert problems[0].startswith("bench.txt:6: is not a request of vegeta")


# --- our CSV ---


def test_our_csv_in_its_smallest_form():
    """Sizes and durations as people write them; a sample without outcome finished."""
    frame, problems = read("size_bytes,duration_s\n20GiB,1m30s\n4194304,0.5\n16 MiB,812.5ms\n")
    assert problems == []
    assert frame["size_bytes"].tolist() == [20 << 30, 4194304, 16 << 20]
    assert frame["duration_s"].tolist() == [90.0, 0.5, 0.8125]
    assert (set(frame["kind"]), set(frame["outcome"]), set(frame["tool"]), set(frame["n"])) == (
        {"sample"},
        {"ok"},
        {"csv"},
        {1},
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_our_csv_with_everything(delimiter):
    """Comments, a byte order mark, CRLF, quotes, empty cells and three delimiters are fine."""
    text = '\ufeff# made by hand\r\nlabel,size_bytes,duration_s,outcome,timeout_s,started,host\r\n"big layer",16MiB,30,timeout,30s,2026-05-02T10:00:00+08:00,seed-0\r\n\r\n,4MiB,1,,,,\r\n'
    frame, problems = read(text.replace(",", delimiter))
    assert problems == []
    assert frame["label"].tolist()[0] == "big layer"
    assert frame["outcome"].tolist() == ["timeout", "ok"]
    assert frame["started"][0] == pd.Timestamp("2026-05-02T02:00:00Z")
    assert frame["log_line"].tolist() == [3, 5]


def test_buckets_and_aggregates_in_our_csv():
    """With bounds a row is a bucket, with a mean an aggregate."""
    frame, problems = read("size_bytes,lower_s,upper_s,n,mean_s\n1MiB,0,1,7,\n1MiB,1,inf,2,\n1MiB,,,5,3.5\n")
    assert problems == []
    assert frame["kind"].tolist() == ["histogram", "histogram", "aggregate"]
    assert frame["upper_s"].tolist()[1] == math.inf


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("4MiB,fast,ok,30", "duration_s: 'fast' is not a duration"), ("4MoB,1,ok,30", "size_bytes: '4MoB' is not a size"), ("4MiB,1,okay,30", "did you mean ok?"),
        ("4MiB,1,ok", "3 values under 4 names"), ("4MiB,,ok,30", "no duration is given"), ("4MiB,-1,ok,30", "is not a duration"), ("-4,1,ok,30", "is not a size"),
        ('4MiB,"1,ok,30', "unexpected end of data"), ("1e40,1,ok,30", "is not a size"), ("4MiB,1,zzzz,30", "it is one of ok, timeout"),
    ],
)  # fmt: skip
def test_a_bad_row_is_one_line_and_the_others_are_read(row, said):
    """It names file, line, column and the way out."""
    frame, problems = read(f"size_bytes,duration_s,outcome,timeout_s\n4MiB,1,ok,30\n{row}\n4MiB,2,ok,30\n")
    assert frame["duration_s"].tolist() == [1.0, 2.0]
    assert len(problems) == 1
    assert problems[0].startswith("bench.txt:3: ")
    assert said in problems[0]
    assert problems[0].endswith("other-sources.md shows the columns)")


def test_a_misspelt_column_is_reported():
    """It would else be missing in silence; the nearest name is offered."""
    frame, problems = read("size_bytes,duration_s,timout_s\n4MiB,1,30\n")
    assert len(frame) == 1
    assert frame["timeout_s"].isna().all()
    assert problems == ["bench.txt:1: column 'timout_s' is not known (did you mean timeout_s, duration_s?)"]


def test_a_flood_of_bad_rows_is_summed_up():
    """Twenty lines, and one that counts the rest."""
    problems = read("size_bytes,duration_s\n" + "x,y\n" * 100)[1]
    assert len(problems) == 21
    assert "80 more rows" in problems[-1]


def test_attempts_in_our_csv_can_be_fitted():
    """The rows are what `fit_duration` takes: sizes, durations, outcomes and limits."""
    lines = [f"4MiB,{min(1 + step / 40, 6):.3f},{'timeout' if step >= 200 else 'ok'},6" for step in range(210)]
    frame, problems = read("size_bytes,duration_s,outcome,timeout_s\n" + "\n".join(lines))
    assert problems == []
    assert dfly.fit_duration(frame).n == 210


def runs():
    """Draw rows as our CSV can hold them."""
    whole = st.integers(0, 2**62)
    seconds = st.floats(0, 1e9, allow_nan=False)
    words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(lambda text: text.lower() not in {"nan", "none", "null", "<na>", "nat"} and not text.startswith("#"))  # fmt: skip
    return st.fixed_dictionaries(
        {"tool": st.just("csv"), "kind": st.just("sample"), "n": st.just(1), "size_bytes": whole, "duration_s": seconds, "outcome": st.sampled_from(OUTCOMES)},
        optional={"label": words, "timeout_s": seconds, "failures": whole, "host": words, "upper_s": seconds | st.just(math.inf), "started": st.datetimes(pd.Timestamp("1971-01-01"), pd.Timestamp("2199-01-01")).map(lambda time: pd.Timestamp(time, tz="UTC"))},
    )  # fmt: skip


@given(st.lists(runs(), min_size=1, max_size=8))
def test_our_csv_comes_back_as_it_was_written(rows):
    """What `runs` writes with `to_csv` is read as the same table, but for its place."""
    from dfly_analysis.redaction import redact

    rows = [{name: redact(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    written = RUNS.frame(rows)
    frame, problems = read(written.to_csv(index=False))
    assert problems == []
    place = ["log_path", "log_line"]
    pd.testing.assert_frame_equal(frame.drop(columns=place), written.drop(columns=place), check_exact=True)


# --- anything ---

FRAGMENTS = [line for text in SAMPLES.values() for line in text.split("\n")]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=20), max_size=20), st.sampled_from(["\n", "", ","]))
def test_any_text_gives_rows_or_none(fragments, between):
    """Nothing a file holds makes it fail, and what comes of it fits the table."""
    frame, _ = read(between.join(fragments))
    assert (frame["n"].fillna(0) >= 0).all()


@given(st.sampled_from(list(SAMPLES.values())), st.integers(0, 3000), st.integers(0, 40), st.text(max_size=8))
def test_damaged_samples_give_rows_or_problems(text, at, length, instead):
    """A hole torn into any tool's output costs what stood there."""
    read(text[:at] + instead + text[at + length :])
