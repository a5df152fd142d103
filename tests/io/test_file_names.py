"""The order of file names is total and transitive."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.io.file_names import natural_key, path_key, reading_key

NAMES = st.one_of(
    st.text(alphabet="a1b02.-_T:", min_size=1, max_size=12),
    st.text(min_size=1, max_size=8),
    st.sampled_from(
        ["core.log", "core.log.1", "core-2025-03-04T05-06-07.123.log", "dfdaemon.2025-03-04", "x.log.10.gz"]
    ),
)


@given(st.lists(NAMES, unique=True, max_size=6))
def test_the_order_is_total(many):
    """However files come, they are sorted the same; different names never tie, and any two can be compared."""
    for key in (natural_key, reading_key, lambda name: path_key(("f10", name))):
        wanted = sorted(many, key=key)
        assert all(sorted(other, key=key) == wanted for other in itertools.islice(itertools.permutations(many), 24))
        assert len({key(name) for name in many}) == len(many)


@given(NAMES, NAMES, NAMES)
def test_the_order_is_transitive(one, two, three):
    """Of any three names the order of the outer two follows from the other two."""
    first, second, third = sorted([reading_key(one), reading_key(two), reading_key(three)])
    assert first <= second <= third
    assert first <= third
