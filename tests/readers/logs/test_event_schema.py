"""Values, codes and gaps of Arrow's arrays as numpy has them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.readers.logs.event_schema import (
    coded,
    codes_and_texts,
    codes_of,
    is_there,
    lengths_of,
    values_of,
)


@settings(deadline=None, max_examples=examples(60))
@given(
    st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=20),
    st.lists(st.none() | st.text(max_size=5), max_size=20),
)
def test_numpy_sees_what_arrow_holds(whole, texts):
    """Numbers and texts, some missing, also of a part of an array and in several chunks."""
    numbers, strings = pa.array(whole, pa.int64()), pa.array(texts, pa.string())
    assert is_there(numbers[1:]).tolist() == [one is not None for one in whole[1:]]
    assert values_of(numbers[1:]).tolist() == [one or 0 for one in whole[1:]]
    assert lengths_of(strings).tolist() == [len((text or "").encode()) for text in texts]
    encoded = strings.dictionary_encode()
    assert coded(codes_of(encoded[2:]), encoded.dictionary).equals(encoded[2:])
    parts = pa.chunked_array([encoded, strings[1:].dictionary_encode()], encoded.type)
    codes, known = codes_and_texts(pa.table({"text": parts}), "text")
    assert [known[code] if code >= 0 else None for code in codes.tolist()] == [*texts, *texts[1:]]


def test_times_are_nanoseconds():
    """A time that is missing is 0 and not there."""
    times = pa.array(np.array(["2026-01-01T00:00:00.000000001", "NaT"], "M8[ns]"), pa.timestamp("ns", "UTC"))
    assert values_of(times).tolist() == [1767225600000000001, 0]
    assert is_there(times).tolist() == [True, False]
