"""Formats and events as data: each sample is read as its own format or event says, and by no other."""

from __future__ import annotations

import pandas as pd
import pytest
from reading_cases import opened

from dfly_analysis.catalog.log_events import load_events, name_event
from dfly_analysis.catalog.log_formats import GRAMMARS, load_formats
from dfly_analysis.errors import LogFormatError
from dfly_analysis.logs import read_log, sniff_format
from dfly_analysis.logs.fields import READERS
from dfly_analysis.logs.sniff import find_format, match_head

FORMATS = load_formats()
SAMPLES = [(one, text, fields) for one in FORMATS for text, fields in one.samples]
EVENTS = load_events()
EVENT_SAMPLES = [(kind, text, fields) for kind in EVENTS for text, fields in kind.samples]


def named(value):
    return value if isinstance(value, str) else getattr(value, "id", "")[:40]


@pytest.mark.parametrize(("one", "text", "fields"), SAMPLES, ids=named)
def test_a_sample_gives_the_fields_its_format_promises(one, text, fields):
    """A sample read as a file is sniffed as its format and gives one event with those fields."""
    part = read_log(opened(text))
    assert sniff_format(text).id == one.id
    assert part.coverage["format"] == one.id
    assert part.coverage["rejected"] == 0
    assert len(part.events) == 1
    row = part.events.iloc[0]
    record = READERS[one.grammar](match_head(text.split("\n")[0])[1], text.split("\n")[1:])
    for name, value in fields.items():
        if name == "time":
            assert row["time"] == pd.Timestamp(value)
        elif name in ("piece_id", "content_length", "host_id"):
            assert record.fields[name] == value
        else:
            assert row[name] == value


@pytest.mark.parametrize(("one", "text", "fields"), SAMPLES, ids=named)
def test_a_sample_begins_a_record_of_no_other_format(one, text, fields):
    """The heads exclude each other, so the order of the formats does not matter."""
    head = text.split("\n")[0]
    assert [other.id for other in FORMATS if head[:1] in other.first and other.head.match(head)] == [one.id]


@pytest.mark.parametrize("one", FORMATS, ids=named)
def test_a_format_has_samples_and_a_grammar(one):
    """Two samples at least, a grammar that the reader has, and a zone rule."""
    assert len(one.samples) >= 2
    assert one.grammar in READERS
    assert one.zone in ("in text", "given", "none")
    assert one.component in ("client", "scheduler", "manager")


def test_every_grammar_is_used_and_readable():
    """No grammar is left over on either side."""
    assert set(GRAMMARS) == set(READERS) == {one.grammar for one in FORMATS}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        "2026-05-02 10:00:00 [INFO] nginx: x",
        "thread safety matters",
        "I0502 10:00:00.1 1 klog.go:1] x",
    ],
)
def test_other_programs_lines_begin_no_record(text):
    """What is not Dragonfly's is not taken for it."""
    assert match_head(text) is None
    assert sniff_format(text + "\n" + text) is None


def test_an_unknown_format_offers_the_nearest():
    """A mistyped id is answered with one that exists."""
    assert find_format("zap-json").id == "zap-json"
    with pytest.raises(LogFormatError, match="client-compact"):
        find_format("client-compakt")


@pytest.mark.parametrize(("kind", "text", "fields"), EVENT_SAMPLES, ids=named)
def test_a_sample_is_named_as_its_event_with_its_fields(kind, text, fields):
    """The message of a sample is named, and the fields the entry promises are there."""
    event_id, found = name_event(text)
    assert event_id == kind.id
    assert {name: found.get(name) for name in fields} == dict(fields)


@pytest.mark.parametrize(("kind", "text", "fields"), EVENT_SAMPLES, ids=named)
def test_a_sample_is_no_other_event(kind, text, fields):
    """Of all entries whose start and pattern fit a sample there is one, so their order does not matter."""
    fitting = {one.id for one in EVENTS if text.startswith(one.starts) and one.regex.match(text)}
    assert fitting == {kind.id}


@pytest.mark.parametrize("kind", EVENTS, ids=named)
def test_an_event_has_a_meaning_and_samples_for_its_starts(kind):
    """Two samples at least, an own id, and each begins as the entry says."""
    assert len(kind.samples) >= 2
    assert kind.meaning.endswith(".")
    assert sum(other.id == kind.id for other in EVENTS) == 1
    assert all(text.startswith(kind.starts) for text, _ in kind.samples)


def test_a_message_that_only_begins_alike_has_no_name():
    """A start is not enough: the pattern decides."""
    assert name_event("copy that") is None
    assert name_event("finished piece of cake") is None
    assert name_event("") is None
