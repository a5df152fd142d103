"""Events: each sample is named as its own event with its fields, and as no other."""

from __future__ import annotations

import pytest

from dfly_analysis.catalog.log_events import load_events, name_event

EVENTS = load_events()


EVENT_SAMPLES = [(kind, text, fields) for kind in EVENTS for text, fields in kind.samples]


def named(value):
    return value if isinstance(value, str) else getattr(value, "id", "")[:40]


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
