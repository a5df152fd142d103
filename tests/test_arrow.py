"""Arrays over numpy's memory hold what Arrow itself would make of the same values."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import TASK, line

from dfly_analysis.catalog import load_catalog
from dfly_analysis.errors import DflyError
from dfly_analysis.loading.behind import Behind
from dfly_analysis.loading.parquet import open_writer
from dfly_analysis.loading.parts import PartWriter
from dfly_analysis.loading.schemas import metadata_for_pandas, part_schema, table_schema, write_rows
from dfly_analysis.logs import arrow
from dfly_analysis.logs.schema import arrow_schema, to_frame
from dfly_analysis.tables import ALL, COVERAGE
from dfly_analysis.units import parse_duration, seconds_of


@settings(deadline=None, max_examples=examples(60))
@given(
    st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=20),
    st.lists(st.none() | st.text(max_size=5), max_size=20),
)
def test_arrays_hold_what_arrow_makes_of_the_values(whole, texts):
    """Numbers and texts, some missing, also of a part of an array."""
    numbers, strings = arrow.whole_numbers(whole), arrow.strings(texts)
    numbers.validate(full=True)
    strings.validate(full=True)
    assert numbers.equals(pa.array(whole, pa.int64()))
    assert strings.equals(pa.array([text and text.encode("utf-8", "replace").decode() for text in texts], pa.string()))
    assert arrow.is_there(numbers[1:]).tolist() == [one is not None for one in whole[1:]]
    assert [one for one in arrow.values_of(numbers[1:]).tolist() if one] == [one for one in whole[1:] if one]
    coded = strings.dictionary_encode()
    codes = arrow.codes_of(coded[2:])
    assert arrow.coded(codes, coded.dictionary).equals(coded[2:])
    assert arrow.flags(codes < 0).to_pylist() == [text is None for text in texts[2:]]


def test_times_that_are_none_are_missing():
    """Numpy's word for no time becomes Arrow's."""
    times = np.array(["2026-01-01T00:00:00.000000001", "NaT"], "M8[ns]")
    assert arrow.moments(times).equals(pa.array(times, pa.timestamp("ns", "UTC")))


def test_files_say_to_pandas_what_pandas_itself_says():
    """The type of each column that pandas reads is the one it wrote, though it did not write the file."""
    frames = [(table_schema(table), table.frame()) for table in ALL]
    for schema, frame in [*frames, (part_schema(), to_frame(arrow_schema().empty_table()))]:
        own = json.loads(pa.Schema.from_pandas(frame, preserve_index=False).metadata[b"pandas"])
        made = json.loads(schema.metadata[b"pandas"])
        assert own.keys() == made.keys()
        assert {(one["name"], one["numpy_type"]) for one in own["columns"]} == {
            (one["name"], one["numpy_type"]) for one in made["columns"]
        }
    assert all(schema.empty_table().to_pandas().dtypes.equals(frame.dtypes) for schema, frame in frames)
    with pytest.raises(KeyError):
        metadata_for_pandas([("x", "complex")])


def test_rows_are_written_in_the_types_of_their_table(tmp_path):
    """What is written without pandas is what pandas makes of the same rows."""
    rows = [
        {"path": "a", "kind": "log", "lines": 3, "first": np.datetime64(5, "ns"), "note": "é"},
        {"path": "b", "kind": "empty"},
    ]
    write_rows(tmp_path / "c.parquet", COVERAGE, rows)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "c.parquet"), COVERAGE.frame(rows))


OF_OTHER_INPUT = {
    f"dfly_analysis.{name}"
    for name in (
        "metrics.dump", "metrics.live", "pods.read", "pods.deaths", "jobs.read", "jobs.build", "bench.tools.csv_rows", "config.resolve",
        "config.rendered_manifests", "config.ignored_keys", "findings", "catalog.defaults", "catalog.releases", "catalog.translation",
        "sources.unpacking", "sources.zips", "sources.tars", "sources.compression", "sources.objects", "logs.wrappers.objects",
        "logs.wrappers.rows", "loading.live", "loading.cache", "loading.joining", "loading.rewriting", "loading.lacks", "loading.spilling",
        "loading.rebuilt", "attempts", "cli.analysing",
    )
} | {"pandas", "pyarrow.compute", "pyarrow.parquet", "ssl", "tarfile", "zipfile", "multiprocessing", "csv", "yaml", "importlib.resources"}  # fmt: skip
"""What a log alone does not need: readers of other input, settings, what unpacks, and what rebuilds attempts."""


@pytest.mark.parametrize(
    ("tables", "absent"),
    [(["--tables", "events"], OF_OTHER_INPUT), ([], {"pandas", "pyarrow.parquet"})],
    ids=["records", "all"],
)
def test_logs_are_loaded_without_what_takes_longer_to_import(tmp_path, tables, absent):
    """Pandas takes longer than to read a small log or to rebuild its attempts, and so do readers of what is not there."""
    load_catalog()  # validating a changed catalogue takes YAML
    texts = (f"{word} piece {TASK}-1 from source" for word in ("start to download", "finished"))
    lines = [line(second, text) for second, text in enumerate(texts, 1)]
    warning = line(3, "download failed, error decoding response body").replace(" INFO", " WARN")
    (tmp_path / "dfdaemon.log").write_text("\n".join([*lines, warning, "    caused by: é\n"]), "utf-8")
    command = ["load", str(tmp_path / "dfdaemon.log"), *tables, "-o", str(tmp_path / "out")]
    asked = f"import sys\nfrom dfly_analysis.cli import main\ntry:\n    main({command})\nfinally:\n    print({absent} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "3 rows" in done.stdout
    assert [name for name in absent if find_spec(name) is None] == []


@pytest.mark.parametrize("known", [True, False], ids=["own", "another"])
def test_files_are_those_that_arrow_writes_itself(tmp_path, monkeypatch, known):
    """What is written past `pyarrow.parquet` is the same bytes, and another Arrow is asked as it documents."""
    if not known:
        monkeypatch.setitem(sys.modules, "pyarrow._parquet", None)
    table = pa.table({"a": [3, 4], "b": ["x", None], "c": pa.array(["y", "y"]).dictionary_encode()})
    for options in (
        {},
        {"compression": "lz4", "use_dictionary": ["c"], "column_encoding": {"a": "DELTA_BINARY_PACKED"}},
    ):
        own, usual = tmp_path / "own", tmp_path / "usual"
        for writer in (open_writer(own, table.schema, **options), pq.ParquetWriter(usual, table.schema, **options)):
            writer.write_table(table)
            writer.close()
        assert own.read_bytes() == usual.read_bytes()


def test_calls_behind_are_made_in_order_and_their_errors_are_raised():
    """What fails in the thread fails for the caller, at the latest at the end."""
    seen: list[int] = []
    with Behind(seen.append, "test") as behind:
        for number in range(50):
            behind(number)
    assert seen == list(range(50))
    with pytest.raises(ZeroDivisionError), Behind(lambda number: 1 // number, "test") as behind:
        behind(0)


def test_a_part_without_records_is_whole(tmp_path):
    """Its columns are there, and what pandas needs to know of them."""
    with PartWriter(tmp_path / "part.parquet"):
        pass
    assert pd.read_parquet(tmp_path / "part.parquet").columns.tolist() == arrow_schema().names


@given(
    st.lists(
        st.none()
        | st.sampled_from(["5ms", "1.5s", "3", "1m2.5s", "5sms", "5ss", "1.s", "", "7m", "x", "1e3s"])
        | st.text("059.ms", max_size=6)
        | st.text(),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=examples(60))
def test_many_durations_are_read_as_each_alone(texts):
    """A column of costs gives what each of its texts gives, and nothing where one is no duration."""

    def alone(text: str | None) -> float:
        try:
            return np.nan if text is None else parse_duration(text)
        except DflyError:
            return np.nan

    kinds = (pa.string(), pa.large_string())
    read = [seconds_of(pa.array(["7s", *texts], kind)[1:]) for kind in kinds] + [
        seconds_of(pa.chunked_array([texts, texts], pa.string()))
    ]
    expected = [alone(text) for text in texts]
    for found in read:
        np.testing.assert_allclose(found, expected * (len(found) // max(len(texts), 1)), rtol=1e-15)
