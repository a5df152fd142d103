"""From the failure of an attempt to that of a task."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.errors import TableError
from dfly_analysis.models.layer_failure import task_failure_probability

MIB = 2**20


def test_task_failure_probability_by_simulation():
    """The closed form agrees with attempts drawn piece by piece, two passes each."""
    source = np.random.default_rng(0)
    failed = (source.random((40_000, 20, 2)) < 0.1).all(axis=2).any(axis=1).mean()
    assert task_failure_probability(0.1, 20, 2) == pytest.approx(failed, abs=0.01)
    assert task_failure_probability(0.1, 20, 2, retry_failure_correlation=1.0) == pytest.approx(1 - 0.9**20)
    assert task_failure_probability(1.0, 5) == 1.0
    with pytest.raises(TableError):
        task_failure_probability(1.2, 5)


@given(f=st.floats(0, 1), g=st.floats(0, 1), n=st.integers(1, 500), passes=st.integers(1, 4))
def test_worse_pieces_or_fewer_passes_fail_more_tasks(f, g, n, passes):
    """The chance of a task grows with that of an attempt, and falls with each further pass."""
    low, high = sorted((f, g))
    assert task_failure_probability(low, n, passes) <= task_failure_probability(high, n, passes) + 1e-12
    assert task_failure_probability(f, n, passes + 1) <= task_failure_probability(f, n, passes) + 1e-12
