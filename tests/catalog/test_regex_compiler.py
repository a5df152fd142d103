"""Patterns of events as steps: the subset that is known, and what is left to Python's `re`."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.regex_compiler import FIELDS, OPS, Program

ATOMS = ["a", "b", "ab", ".", r"\d", r"\w", r"\S", "[ab]", "[^a]", "[a-c1]", r"[\w.+-]", r"\.", "(?:a|b)", "(?:ab|ac|a)", "(?:a|)", "(?P<url>a|b1)"]  # fmt: skip
COUNTS = ["", "", "", "?", "*", "+", "??", "*?", "+?", "{2}", "{1,2}", "{1,}"]


def compiled(pattern: str) -> tuple[Program, int]:
    program = Program()
    return program, program.add(SimpleNamespace(id="event", pattern=pattern))


def run(program: Program, place: int, text: bytes, at: int, saved: dict[int, int]) -> dict[int, int] | None:
    """Interpret steps as native/regex_vm.c does; return what was saved, None where the text does not match."""
    while True:
        op, a, b, c = program.steps[place]
        name = OPS[op]
        if name == "DONE":
            return saved
        if name == "TEXT":
            literal = bytes(program.literals[a : a + b])
            if not text.startswith(literal, at):
                return None
            at += b
        elif name == "SET":
            if at == len(text) or text[at] not in program.sets[a]:
                return None
            at += 1
        elif name == "SAVE":
            saved = {**saved, a: at}
        elif name == "AT_END":
            if at != len(text):
                return None
        elif name == "JUMP":
            place = a
            continue
        elif name == "SPLIT":
            found = run(program, a, text, at, saved)
            return found if found is not None else run(program, b, text, at, saved)
        else:
            most = 0
            while at + most < len(text) and (c < 0 or most < c) and text[at + most] in program.sets[a]:
                most += 1
            counts = range(b, most + 1) if name == "LAZY" else range(most, b - 1, -1)
            found = (run(program, place + 1, text, at + count, saved) for count in counts)
            return next((one for one in found if one is not None), None)
        place += 1


@given(
    st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(COUNTS)), min_size=1, max_size=5),
    st.sampled_from(["", "$"]),
    st.text("abc1.", max_size=8),
)
def test_steps_match_as_re_does(parts, end, text):
    """Any pattern of the subset either matches like Python's engine, with the same group, or is left to it."""
    pattern = "^" + "".join(atom + count for atom, count in parts) + end
    program, first = compiled(pattern)
    if first < 0:
        assert pattern.count("(?P<url>") > 1 or re.search(r"\)[^)]*(?:[*+]|\?\?|,\})", pattern), pattern
        return
    expected = re.match(pattern, text, re.DOTALL)
    found = run(program, first, text.encode(), 0, {})
    assert (found is None) == (expected is None)
    if found is not None and "(?P<url>" in pattern:
        number = 2 * FIELDS.index("url")
        span = (found.get(number, -1), found.get(number + 1, -1))
        assert span == expected.span("url")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<url>a)(?P=url)", "a(?=b)", "(?i)a", r"\bword", "a++", "(?>a)", "(?:ab)*", "é", "[é]", "a(b", "a)", "(a)", "a^b", "a{,2}",
        r"\x41", "[]a]", "(?P<url>a)|(?P<url>b)", "(?P<x>a)(?P<y>b)",
    ],
)  # fmt: skip
def test_what_has_no_steps_is_left_to_re(pattern):
    """It leaves no steps and no literals behind."""
    program, first = compiled(pattern)
    assert first == -1
    assert (program.steps, program.literals) == ([], bytearray())
