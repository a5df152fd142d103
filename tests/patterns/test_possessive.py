"""Python before 3.11.5 matches a group that is repeated possessively in a wrong way: atomic groups say the same there."""

import re
from collections.abc import Iterator
from re import _constants as c  # type: ignore[attr-defined]
from typing import Any

import pytest

from tests.patterns.backtracking import SINGLE, Steps
from tests.patterns.collected import all_patterns


def _possessive_groups(tree: Any) -> Iterator[Any]:
    """Yield what a parsed pattern repeats possessively and is more than one character."""
    for op, argument in tree:
        if op is c.POSSESSIVE_REPEAT and [kind for kind, _ in argument[2]] not in [[one] for one in SINGLE]:
            yield argument[2]
        for inner in argument if isinstance(argument, tuple | list) else (argument,):
            for part in inner if isinstance(inner, list) else (inner,):
                if hasattr(part, "data"):
                    yield from _possessive_groups(part)


def test_no_group_is_repeated_possessively():
    """Debian 12 has 3.11.2, where `Authorization: Bearer` kept its token."""
    assert [used.name for used in all_patterns() if any(_possessive_groups(Steps(used.pattern).tree))] == []


@pytest.mark.parametrize("pattern", ["(?:ab)?+c", "x(?:a|(?:bc)++)d", "(?=(?:ab|c)*+)", "(a(?:bc){2}+)"])
def test_a_possessive_group_is_found(pattern):
    """Wherever it stands; single characters and atomic groups are none."""
    assert any(_possessive_groups(Steps(re.compile(pattern)).tree))
    assert not any(_possessive_groups(Steps(re.compile(r"(?>(?:ab)?)[a-z]++\s*+")).tree))
