"""Arrow arrays of few values, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.arrow_values import arrow_array, numpy_array

_WHOLE = st.integers(-(2**63), 2**63 - 1)
_VALUES = [
    (pa.string(), st.text()),
    (pa.int64(), _WHOLE),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.bool_(), st.booleans()),
]


@pytest.mark.parametrize(("kind", "values"), _VALUES, ids=str)
@given(data=st.data())
def test_arrays_hold_what_pyarrow_makes_of_values(kind, values, data):
    given_values = data.draw(st.lists(st.none() | values))
    array = arrow_array(given_values, kind)
    array.validate(full=True)
    assert array.equals(pa.array(given_values, kind))


@given(st.lists(st.tuples(_WHOLE, st.booleans())), st.integers(0, 3))
def test_numpy_arrays_come_back_with_the_marked_ones_filled(pairs, start):
    values, missing = np.array([one for one, _ in pairs], np.int64), np.array([mark for _, mark in pairs], np.bool_)
    array = arrow_array(values, pa.int64(), missing)
    expected = np.where(missing, -1, values)
    assert numpy_array(array[start:], -1).tolist() == expected[start:].tolist()
    chunked = pa.chunked_array([array, array[start:]])
    assert numpy_array(chunked, -1).tolist() == [*expected.tolist(), *expected[start:].tolist()]


def test_a_fraction_is_no_whole_number():
    with pytest.raises(TypeError):
        arrow_array([1.5], pa.int64())


def test_many_values_are_left_to_pyarrow():
    values = [str(number) for number in range(2000)]
    assert arrow_array(values, pa.string()).equals(pa.array(values, pa.string()))
