"""Takes the shell commands out of a page, and holds what the page shows against what they print."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ELIDED = "…"
"""Alone on a line: any lines, or none. Within a line: any text, or none."""
TOLERANCE = 0.02
"""Of a figure with a decimal point: it comes from an optimiser or a simulation. Whole numbers are exact."""
_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_END = "\x1e"


@dataclass(frozen=True)
class Step:
    """A command of a page and what the page shows of its output."""

    command: str
    shown: list[str] = field(compare=False)
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.command}"


def steps_of(page: Path) -> list[Step]:
    """Return the commands of all ``console`` blocks in order."""
    text, steps = page.read_text("utf-8"), []
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("body")) + 1
        for number, line in enumerate(block["body"].splitlines(), first):
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), [], number))
            else:
                assert steps, f"{page}:{number} shows an output before any command"
                steps[-1].shown.append(line)
    return steps


def run_all(steps: list[Step], folder: Path, environment: dict[str, str]) -> list[tuple[int, list[str]]]:
    """Run commands one after another in one shell; return of each its exit code and its lines, those of stderr among them."""
    script = "".join(f"{step.command}\nprintf '{_END}%s{_END}' $?\n" for step in steps)
    done = subprocess.run(
        ["bash", "-s"], input=script, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    parts = done.stdout.split(_END)
    return [(int(parts[2 * place + 1]), parts[2 * place].splitlines()) for place in range(len(steps))]


def first_difference(shown: list[str], printed: list[str]) -> str | None:
    """Say which shown line is not printed where it should be; None where the page is right.

    Blank lines, the width of columns and of rules below headings do not count. A page that shows nothing of a command says
    nothing about it.
    """
    wanted, found = _plain(shown), _plain(printed)
    if not wanted:
        return None
    furthest = 0

    @cache
    def fits(row: int, at: int) -> bool:
        nonlocal furthest
        furthest = max(furthest, row)
        if row == len(wanted):
            return at == len(found)
        if wanted[row] == ELIDED:
            return fits(row + 1, at) or (at < len(found) and fits(row, at + 1))
        return at < len(found) and _same(wanted[row], found[at]) and fits(row + 1, at + 1)

    if fits(0, 0):
        return None
    return wanted[furthest] if furthest < len(wanted) else "(more is printed than the page shows)"


def _plain(lines: list[str]) -> list[str]:
    squeezed = (re.sub(r"-{3,}", "---", " ".join(line.split())) for line in lines)
    return [line for line in squeezed if line]


def _same(shown: str, printed: str) -> bool:
    """Hold one line against another: text exactly, figures with a decimal point nearly."""
    figure = r"(\d+\.\d+)(?![\w.])"
    pieces = re.split(f"({ELIDED}|(?<![\\w.]){figure})", shown)
    pattern, figures, place = "", [], 0
    while place < len(pieces):
        pattern += re.escape(pieces[place])
        if place + 1 < len(pieces):
            elided = pieces[place + 1] == ELIDED
            pattern += ".*?" if elided else r"(\d+(?:\.\d+)?)"
            figures += [] if elided else [float(pieces[place + 1])]
        place += 3
    match = re.fullmatch(pattern, printed)
    return match is not None and all(
        abs(float(one) - wanted) <= TOLERANCE * wanted for one, wanted in zip(match.groups(), figures, strict=True)
    )
