"""The play of timeouts."""

from __future__ import annotations

import duckdb
import pytest

from dfly_analysis.reconstruction.effective_timeouts import at_timeout


@pytest.mark.parametrize(
    ("duration_s", "timeout_s", "expected"),
    [
        (6.0, 6.0, True),
        (6.3, 6.0, True),
        (5.99, 6.0, True),
        (5.9, 6.0, False),
        (6.4, 6.0, False),
        (610.0, 600.0, True),
        (1.0, None, False),
    ],
)
def test_a_timeout_has_some_play(duration_s, timeout_s, expected):
    """Timers fire late, by a third of a second or two per cent of a long limit, and next to never early."""
    with duckdb.connect() as connection:
        query = f"SELECT coalesce({at_timeout('$1::DOUBLE', '$2::DOUBLE')}, false)"
        assert connection.execute(query, [duration_s, timeout_s]).fetchall() == [(expected,)]
