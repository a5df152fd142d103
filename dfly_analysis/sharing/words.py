"""Decides which words may pass: those of Dragonfly's catalogue and of technical English, numbers, sizes, times and ids."""

import re
from functools import cache, lru_cache
from pathlib import Path

from dfly_analysis.catalog.yaml_loader import ENTRIES

_LETTERS = re.compile(r"[A-Za-z]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_HEXADECIMAL = re.compile(r"[a-f]{3,}")
_SHAPE = re.compile(
    r"\d++|\d+[eTZ]\d{0,6}|T?\d{1,9}Z?|[vVrR]\d{1,6}[a-z]?|(?:\d{1,12}(?:ns|us|µs|ms|[smhdkB]|[KMGTPE]i?[Bb]?|bps))+"
    r"|u?int(?:8|16|32|64)|0x[0-9a-fA-F]{1,16}|[0-9a-f]{3,4}|[0-9a-f]{6,10}|[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
)
_ESCAPED = re.compile(r"u00[0-9a-f]{2}(?P<rest>\w*)")
_NUMBERED = re.compile(r"(?P<word>[A-Za-z]{2,})\d{1,4}|\d{1,3}(?P<unit>[A-Za-z]{2,})")


@cache
def known_words() -> frozenset[str]:
    """Return the words that pass, in lower case."""
    own = Path(__file__).with_suffix(".txt").read_text("ascii").partition("\n")[2].split()
    catalogue: set[str] = set()
    for path in sorted(ENTRIES.rglob("*.yaml")):
        for run in set(_LETTERS.findall(path.read_text("utf-8"))):
            catalogue |= {run.lower(), *(part.lower() for part in _PARTS.findall(run))}
    return frozenset(own) | {word for word in catalogue if not _HEXADECIMAL.fullmatch(word)}


@lru_cache(maxsize=65536)
def is_known(run: str) -> bool:
    """Return whether a run of letters and digits is a word, a number with its unit, a time, or an id by its length."""
    if len(run) < 3 or run.lower() in known_words() or _SHAPE.fullmatch(run):
        return True
    if escaped := _ESCAPED.fullmatch(run):
        run = escaped["rest"]
    if numbered := _NUMBERED.fullmatch(run):
        run = numbered["word"] or numbered["unit"]
    if len(run) < 3:
        return True
    if not (run.isascii() and run.isalpha()):
        return False
    parts = [part for part in _PARTS.findall(run) if len(part) > 2]
    return run.lower() in known_words() or all(part.lower() in known_words() for part in parts)
