"""A query that cannot spill is answered with more memory."""

import pytest

from dfly_analysis.dataset.engine import LARGEST_LIMIT_MIB, Engine
from dfly_analysis.errors import TableError


def test_a_query_that_cannot_spill_gets_more_memory():
    """A list is held whole: it is answered, and not refused at the first limit."""
    engine = Engine()
    engine._limit_mib = 16
    engine.connection.execute("SET memory_limit = '16MiB'")
    assert engine.rows("SELECT len(list(range)) FROM range(5_000_000)") == [(5_000_000,)]
    assert 16 < engine._limit_mib < LARGEST_LIMIT_MIB


def test_a_query_beyond_the_largest_limit_is_one_line():
    """It is an error of ours, which names the limit, and not DuckDB's page of advice."""
    engine = Engine()
    engine._limit_mib = LARGEST_LIMIT_MIB
    engine.connection.execute("SET memory_limit = '16MiB'")
    with pytest.raises(TableError, match=f"needs more than {LARGEST_LIMIT_MIB} MiB of memory"):
        engine.rows("SELECT len(list(range)) FROM range(5_000_000)")
