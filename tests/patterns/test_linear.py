"""No text makes a pattern take more than linear time: each pattern of the package and the catalogue meets texts made against it."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patterns.backtracking import Steps
from tests.patterns.collected import all_patterns, package_patterns, run_time_patterns
from tests.patterns.pumps import GROWTH, RECURSION, worst_growth

PARTS = 8
TRIES = 8
"""For each pattern; `python -m tests.patterns 1000` tries more."""
NOT_LINEAR = {
    "exponential": r"(?:\s*\w+=\w*)*$", "overlap": r"\w+\d+=", "every start": r"\w+=", "tail": r"\s+$", "lazy": r"a.*?b.*?c$", "look": r"a(?=.*b)",
}  # fmt: skip
LINEAR = {
    "possessive": r"(?<!\w)\w++=",
    "bounded": r"a.{0,300}b",
    "atomic": r"(?<!x)(?>x+)y",
    "apart": r'^"(?:[^"\\]|\\.)*"$',
}
SINGLE = ["a", "b", ".", r"\w", r"\s", "[^a]"]
ATOMS = [*SINGLE, "(?:a|ab)", "(a|b)", r"\b", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "(?>a|ab)", "^", "$"]
COUNTS = ["", "", "?", "*", "+", "*?", "+?", "??", "*+", "++", "{1,2}", "{2}"]
PATTERNS = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(COUNTS)), min_size=1, max_size=5)


@pytest.fixture(autouse=True)
def deep_recursion():
    """Each repetition of the interpreter is a call."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(RECURSION)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("part", range(PARTS))
def test_twice_the_text_takes_about_twice_the_steps(part):
    """Patterns whose steps grow faster are named, with the text that shows it."""
    found = {}
    for used in all_patterns()[part::PARTS]:
        growth = worst_growth(Steps(used.pattern), anchored=used.anchored, tries=TRIES)
        if growth and growth.ratio > GROWTH:
            found[used.name] = growth
    assert not found


def test_patterns_made_at_run_time_are_listed():
    """A pattern that a function puts together has to be in `run_time_patterns` to be tried."""
    modules = {name.partition(":")[0] for name in package_patterns()[1]}
    assert modules == set(run_time_patterns())


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_pumps_find_patterns_that_are_not_linear(name):
    """Among them two that people often take for harmless."""
    growth = worst_growth(Steps(re.compile(NOT_LINEAR[name])), anchored=False)
    assert growth
    assert growth.ratio > GROWTH


@pytest.mark.parametrize("name", LINEAR)
def test_linear_patterns_pass(name):
    """A bounded count is linear, however high."""
    growth = worst_growth(Steps(re.compile(LINEAR[name])), anchored=False)
    assert growth
    assert growth.ratio <= GROWTH


def _repeated(atom: str, count: str) -> str:
    """Return a part that is repeated, groups not possessively: before 3.11.5 Python errs with them."""
    return f"{atom}{count}" if atom in SINGLE else f"(?:{atom}){count[:1] if count in ('*+', '++') else count}"


@given(PATTERNS, st.text("ab c=", max_size=8))
def test_the_interpreter_finds_what_re_finds(parts, text):
    """Its steps are those of Python's matcher only if it matches alike."""
    source = "".join(_repeated(atom, count) for atom, count in parts)
    pattern = re.compile(source)
    assert Steps(pattern).find_all(text) == [match.span() for match in pattern.finditer(text)]
