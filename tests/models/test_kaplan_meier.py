"""The Kaplan-Meier survival."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.errors import TableError
from dfly_analysis.models import (
    kaplan_meier,
)

MIB = 2**20


def test_kaplan_meier_by_hand():
    """The textbook example: 1, 2+, 3, 4+, 5 with censoring marked +."""
    curve = kaplan_meier([1, 2, 3, 4, 5], [False, True, False, True, False])
    assert curve.x == (1.0, 3.0, 5.0)
    assert curve.y == pytest.approx((0.8, 0.8 * 2 / 3, 0.0))
    assert kaplan_meier([1.0, 2.0], [True, True]).x == ()
    with pytest.raises(TableError):
        kaplan_meier([1.0], [True, False])


@given(
    times=st.lists(st.floats(0.01, 100), min_size=1, max_size=40),
    data=st.data(),
)
def test_kaplan_meier_falls_and_stays_between_its_bounds(times, data):
    """Survival never rises, starts at most at 1, and lies within its interval."""
    cut = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    curve = kaplan_meier(times, cut)
    assert list(curve.y) == sorted(curve.y, reverse=True)
    for low, value, high in zip(curve.low, curve.y, curve.high, strict=True):
        assert -1e-12 <= low <= value + 1e-12 <= high + 2e-12 <= 1 + 3e-12


@given(times=st.lists(st.floats(0.01, 100), min_size=1, max_size=40))
def test_kaplan_meier_without_censoring_counts(times):
    """With nothing cut the curve counts."""
    curve = kaplan_meier(times, [False] * len(times))
    counted = [(np.array(times) > point).mean() for point in curve.x]
    assert curve.y == pytest.approx(counted, abs=1e-9)
