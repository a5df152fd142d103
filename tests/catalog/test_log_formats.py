"""Formats of log lines: each sample is read as its own format says, and by no other."""

from __future__ import annotations

import pandas as pd
import pytest
from reading_cases import opened, read_log

from dfly_analysis.catalog.log_formats import GRAMMARS, load_formats
from dfly_analysis.errors import LogFormatError
from dfly_analysis.readers.logs import sniff_format
from dfly_analysis.readers.logs.format_detection import find_format, match_head
from dfly_analysis.readers.logs.python_parser import READERS

FORMATS = load_formats()
SAMPLES = [(one, text, fields) for one in FORMATS for text, fields in one.samples]


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
