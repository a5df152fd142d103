"""The small form of the fault matrix; `make faults` runs all of it."""

from __future__ import annotations

import pytest

from tests.faults.__main__ import PAGE, table
from tests.faults.cases import CASES, problems, run


@pytest.mark.parametrize("case", [one for one in CASES if one.small], ids=lambda one: one.name)
def test_a_fault_ends_in_one_line_and_leaves_nothing(case, tmp_path):
    """With a documented exit code."""
    assert problems(case, run(case, tmp_path)) == []


def test_the_matrix_in_the_documentation_is_the_one_that_runs():
    """`python -m tests.faults` writes it."""
    assert PAGE.read_text("utf-8") == table()
