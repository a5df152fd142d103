"""Small plain logs parsed together give what each of them gives by itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import line, write_tree, zap

from dfly_analysis.catalog.log_formats import load_formats
from dfly_analysis.dataset import file_reader
from dfly_analysis.dataset.file_reader import ReadOptions, read_files
from dfly_analysis.io import list_files
from dfly_analysis.readers.logs.small_files import plain_format

CONTINUED = ["caused by: boom", "\tat main.go:1", "  stack backtrace:", "", "thread 'main' panicked at a/b.rs:5:6:", "token=abc"]  # fmt: skip
COMPACT = [
    line(1, "download failed: error decoding response body", level="ERROR"),
    line(2, "started"),
    line(3, "x", ids=""),
]
ZAPPED = [zap(1, "receive DownloadPeerFinishedRequest"), zap(2, "boom", level="error"), zap(3, "x")]


def read(top: Path, *, together: bool, records: str = "all"):
    """Return the records by file and line, and the rest of what the files below a folder give."""
    tables: list[pa.Table] = []
    with pytest.MonkeyPatch.context() as patch:
        if not together:
            patch.setattr(file_reader, "plain_format", lambda _: None)
        result = read_files(list_files([top]), ReadOptions(records=records), tables.append)
    coverage = [{name: value for name, value in row.items() if name != "detection_reason"} for row in result.coverage]
    events = sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: (row["log_path"], row["log_line"]))
    return events, coverage, {key: list(hashes) for key, hashes in result.fingerprints.items()}


def same(one, other):
    assert one == other


def log(lines: list[str], count: int, tail: list[str]) -> str:
    return "\n".join([*(line for line in lines for _ in range(count)), *tail]) + "\n"


LOGS = st.builds(
    log,
    st.sampled_from([*([text for text, _ in one.samples] for one in load_formats()), COMPACT, ZAPPED]),
    st.integers(1, 8),
    st.lists(st.sampled_from(CONTINUED), max_size=3),
)


@given(st.lists(LOGS, min_size=1, max_size=6))
@settings(max_examples=examples(60), deadline=None)
def test_logs_read_together_give_what_each_gives(logs):
    """Files of every format, with continuation lines at their ends: events, coverage and fingerprints are the same."""
    with TemporaryDirectory() as folder:
        top = write_tree(Path(folder), {f"host-{at}/dfdaemon.log": text for at, text in enumerate(logs)})
        same(read(top, together=True), read(top, together=False))


@pytest.mark.parametrize("lines", [COMPACT, ZAPPED], ids=["compact", "json"])
def test_relevant_records_are_the_same_read_together(tmp_path, lines):
    """Records below WARN that are no known event are left out, and counted in lines and in the time covered."""
    files = {f"host-{at}/x.log": log(lines, 6, CONTINUED[:at]) for at in range(4)}
    one, other = (
        read(write_tree(tmp_path, files), together=together, records="relevant") for together in (True, False)
    )
    same(one, other)
    assert len(one[0]) < sum(row["parsed"] for row in one[1])


@pytest.mark.parametrize("lines", [COMPACT, ZAPPED], ids=["compact", "json"])
def test_a_plain_log_is_read_with_others(lines):
    """A file of either format that makes nearly all of a large log needs no closer look, also with continuation lines."""
    found = plain_format(log(lines, 6, CONTINUED[:2]).encode())
    assert found is not None


@pytest.mark.parametrize(
    "text",
    [
        log(["caused by: boom", *COMPACT], 6, []),
        log([f"\x1b[2m{COMPACT[0]}\x1b[0m"], 6, []),
        log([f"pod-a {one}" for one in COMPACT], 6, []),
        log(COMPACT[::-1], 6, []),
        log(COMPACT, 6, []).replace("\n", "\r\n"),
        log(COMPACT, 6, ['Defaulted container "client" out of: client, init (init)']),
    ],
    ids=["continuation first", "coloured", "wrapped", "newest first", "carriage returns", "notice"],
)  # fmt: skip
def test_other_logs_take_a_closer_look(text):
    """What does not begin with a record, is wrapped, coloured, recoded or out of order is not parsed with others."""
    assert plain_format(text.encode()) is None


def test_a_record_without_time_takes_none_of_another_file(tmp_path):
    """The record before a panic is in its own file, never in the file before it."""
    files = {
        "a/core.log": log(ZAPPED, 6, []),
        "b/core.log": log(["{broken", *ZAPPED], 6, ["thread 'x' panicked at a.rs:1:2:"]),
    }
    same(read(write_tree(tmp_path, files), together=True), read(tmp_path, together=False))
