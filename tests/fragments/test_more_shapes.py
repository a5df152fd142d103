"""Decisive lines are found behind what chat programs, log services and mail put between their letters and around them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dfly_analysis.readers.fragments import read_fragments
from tests.fragments.evaluate import is_recognised, lines
from tests.fragments.shapes import parts_of


def _every(line: str, width: int) -> list[str]:
    return [line[at : at + width] for at in range(0, len(line), width)]


SHAPES: dict[str, Callable[[str], str]] = {
    "joiners": lambda line: line.replace("_", "_\u200d").replace(" ", " \u2060"),
    "soft hyphens": lambda line: line.replace("e", "e\u00ad"),
    "wide blanks": lambda line: line.replace(" ", "\u3000"),
    "wide colons": lambda line: parts_of(line).message.replace(": ", "\uff1a"),
    "joined letters": lambda line: parts_of(line).message.replace("fi", "\ufb01").replace("fl", "\ufb02"),
    "wrapped and quoted": lambda line: "\n".join(f"> {part}" for part in _every(line, 98)),
    "wrapped and indented": lambda line: "\n".join(f"    {part}" for part in _every(line, 76)),
    "wrapped with backslashes": lambda line: "\\\n".join(_every(line, 90)),
    "wrapped, Windows": lambda line: "\r\n".join(_every(line, 80)),
    "text payload": lambda line: json.dumps({"insertId": "a1", "textPayload": line, "severity": "ERROR"}, indent=2),
    "JSON in JSON": lambda line: json.dumps({"events": [{"message": json.dumps({"log": line, "pod": "a"})}]}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_lines_are_found_in_more_shapes(name):
    missed = [line.finding for line in lines() if not is_recognised(line, SHAPES[name](line.line))]
    assert len(missed) <= 0.05 * len(lines()), missed


@pytest.mark.parametrize(
    "text",
    [
        "java.net.NoRouteToHostException: No route to host\n\tat java.net.PlainSocketImpl.connect",
        'rsync: write failed on "backup.tar": No space left on device (28)',
        "aws s3 cp ends with 403 Forbidden",
    ],
)
def test_texts_that_name_another_program_give_nothing(text):
    assert not read_fragments(text)
