"""The translations hold every message that the package shows, no other, and the same places."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import polib
import pytest

from dfly_analysis.messages import LANGUAGES, LOCALE
from tests.extract_messages import KEYWORDS, extract, message_calls

OTHERS = LANGUAGES[1:]
UPDATE = "run `make messages`"


@cache
def translations(language: str) -> polib.POFile:
    return polib.pofile(str(LOCALE / language / "LC_MESSAGES" / "messages.po"))


@cache
def msgids() -> frozenset[tuple[str, str]]:
    return frozenset((msgid, "") if isinstance(msgid, str) else tuple(msgid) for _, msgid in extract())


def places(text: str) -> set[str]:
    """Return what stands in braces, with its format."""
    return set(re.findall(r"\{[^{}]*\}", text))


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_in_the_catalogue(language):
    known = {(entry.msgid, entry.msgid_plural) for entry in translations(language)}
    assert not sorted(msgids() - known), UPDATE


@pytest.mark.parametrize("language", OTHERS)
def test_no_entry_is_unused(language):
    known = {(entry.msgid, entry.msgid_plural) for entry in translations(language) if not entry.obsolete}
    assert not sorted(known - msgids()), UPDATE
    assert not [entry.msgid for entry in translations(language) if entry.obsolete or entry.fuzzy], UPDATE


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_the_english(language):
    differ = [
        (entry.msgid, text)
        for entry in translations(language)
        for text in (entry.msgstr, *entry.msgstr_plural.values())
        if text and places(text) != places(entry.msgid_plural or entry.msgid)
    ]
    assert not differ


def test_messages_are_templates_with_named_places():
    """A place is a name with a format at most, for `str.format_map` fills it."""
    wrong = {
        text
        for pair in msgids()
        for text in pair
        for place in places(text)
        if not re.fullmatch(r"\{\w+(:[^{}]*)?\}", place)
    }
    assert not wrong


def test_msgids_are_literals():
    """Babel finds no msgid that is made at run time."""
    wrong = [
        f"{path}:{call.lineno}"
        for path in sorted(LOCALE.parent.rglob("*.py"))
        if path != LOCALE.parent / "reporting" / "components.py"  # it hands the functions to the templates
        for call in message_calls(path.read_text("utf-8"), str(path))
        if call.func.id != "join"
        and not all(isinstance(call.args[place - 1], ast.Constant) for place in KEYWORDS[call.func.id])
    ]
    assert not wrong


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language):
    lacking = [
        entry.msgid
        for entry in translations(language)
        if not (all(entry.msgstr_plural.values()) if entry.msgid_plural else entry.msgstr)
    ]
    assert not lacking


def test_extraction_reads_all_kinds_of_files():
    found = set(extract())
    assert ("dfly_analysis/messages.py", "{names} and {last}") in found
    assert ("dfly_analysis/messages.py", ", ") in found, "the separator of a `join`"
    assert {Path(name).suffix for name, _ in found} == {".py", ".j2", ".yaml", ".ipynb"}
