"""Arrays over numpy's memory hold what Arrow itself would make of the same values."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import TASK, line

from dfly_analysis.catalog import load_catalog
from dfly_analysis.dataset.event_parts import PartWriter
from dfly_analysis.errors import DflyError
from dfly_analysis.readers.logs import arrow_utils
from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.units import parse_duration, seconds_of


@settings(deadline=None, max_examples=examples(60))
@given(
    st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=20),
    st.lists(st.none() | st.text(max_size=5), max_size=20),
)
def test_arrays_hold_what_arrow_makes_of_the_values(whole, texts):
    """Numbers and texts, some missing, also of a part of an array."""
    numbers, strings = arrow_utils.whole_numbers(whole), arrow_utils.strings(texts)
    numbers.validate(full=True)
    strings.validate(full=True)
    assert numbers.equals(pa.array(whole, pa.int64()))
    assert strings.equals(pa.array([text and text.encode("utf-8", "replace").decode() for text in texts], pa.string()))
    assert arrow_utils.is_there(numbers[1:]).tolist() == [one is not None for one in whole[1:]]
    assert [one for one in arrow_utils.values_of(numbers[1:]).tolist() if one] == [one for one in whole[1:] if one]
    coded = strings.dictionary_encode()
    codes = arrow_utils.codes_of(coded[2:])
    assert arrow_utils.coded(codes, coded.dictionary).equals(coded[2:])
    assert arrow_utils.flags(codes < 0).to_pylist() == [text is None for text in texts[2:]]


def test_times_that_are_none_are_missing():
    """Numpy's word for no time becomes Arrow's."""
    times = np.array(["2026-01-01T00:00:00.000000001", "NaT"], "M8[ns]")
    assert arrow_utils.moments(times).equals(pa.array(times, pa.timestamp("ns", "UTC")))


HEAVY = {"pandas", "matplotlib", "scipy", "ssl", "multiprocessing"}


@pytest.mark.parametrize(
    ("tables", "absent"),
    [(["--tables", "events"], HEAVY), ([], HEAVY)],
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
