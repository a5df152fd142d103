"""The loader of the catalogue: wrong entries are named with file, line and way out, and valid ones come from the cache."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dfly_analysis.catalog import load_catalog, yaml_loader
from dfly_analysis.catalog.config_checks import ConfigRule
from dfly_analysis.catalog.defaults import DefaultsFile
from dfly_analysis.catalog.envelopes import EnvelopeKind, load_notices
from dfly_analysis.catalog.error_signatures import Signature
from dfly_analysis.catalog.log_events import EventKind
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.catalog.yaml_loader import ENTRIES, load_document, load_entries, record
from dfly_analysis.config.yaml_positions import load_yaml
from dfly_analysis.errors import CatalogError

FILES = sorted(ENTRIES.rglob("*.yaml"))

FORMAT = """
- id: one
  title: t
  component: client
  grammar: json
  zone: given
  first: "{"
  pattern: '^\\{.*\\}$'
  samples:
    - {text: '{}', fields: {}}
    - {text: '{"a": 1}', fields: {}}
"""
EVENT = """
- id: one
  meaning: M.
  starts: ["hello "]
  pattern: '^hello (?P<url>\\w+)'
  samples:
    - {text: hello you, fields: {url: you}}
    - text: hello them
      fields: {url: them}
"""
SIGNATURE = """
- id: first_one
  title: t
  layer: cause
  literals: [x]
  pattern: x
  samples:
    match:
      - x
      - ax
    other:
      - b
- id: a_b
  title: t
  layer: cause
  literals: [y]
  pattern: y
"""
ENVELOPE = """
- id: one
  title: t
  kind: prefix
  pattern: '(?P<key>)b'
  key: a
  notices: [kubectl]
  samples: []
"""
RULE = """
- id: one
  title: t
  severity: high
  remedy: Do this.
  when: ["a.b < 5s", ["a.b > 1", "a.c = 2"]]
  samples: {present: [{values: {}}], absent: [{values: {}}]}
"""


@pytest.fixture
def entries(tmp_path, monkeypatch):
    """Put the catalogue and its cache into a folder of their own."""
    load_notices()  # of the real catalogue: envelopes name its tools
    monkeypatch.setattr(yaml_loader, "ENTRIES", tmp_path / "entries")
    monkeypatch.setattr(yaml_loader, "CACHE", tmp_path / "parsed")
    (tmp_path / "entries").mkdir()
    return tmp_path / "entries"


def load(entries: Path, model: type, text: str) -> tuple:
    (entries / "new.yaml").write_text(text, "utf-8")
    yaml_loader._cached.cache_clear()
    return load_entries(model, "new")


@pytest.mark.parametrize(
    ("model", "text"),
    [(LogFormat, FORMAT), (EventKind, EVENT), (Signature, SIGNATURE), (EnvelopeKind, ENVELOPE), (ConfigRule, RULE)],
)
def test_a_sound_entry_is_taken(entries, model, text):
    """What the cases below make wrong is right before."""
    assert load(entries, model, text)[0].id in ("one", "first_one")


@pytest.mark.parametrize(
    ("model", "text", "change", "place", "words"),
    [
        (LogFormat, FORMAT, ("json\n", "none\n"), "5", "one: grammar: Input should be 'compact'"),
        (LogFormat, FORMAT, ("  pattern: '^\\{.*\\}$'\n", ""), "2", "one: pattern: is missing"),
        (LogFormat, FORMAT, ("^\\{.*\\}$", "("), "8", "one: pattern: is no regular expression"),
        (LogFormat, FORMAT, ("""'{"a": 1}'""", "hello"), "11", "samples.1: the sample starts no record of this format: 'hello'"),
        (EventKind, EVENT, ('"hello "', '"hel"'), "4", "starts.0: 'hel' is shorter than 5 characters"),
        (EventKind, EVENT, ("\\w+)", "\\w+"), "5", "one: pattern: is no regular expression"),
        (EventKind, EVENT, ("url: them", "url: you"), "8", "samples.1: the sample gives {'url': 'them'}, not {'url': 'you'}"),
        (EventKind, EVENT, ("text: hello them", "text: good day"), "8", "samples.1: the sample is not this event"),
        (Signature, SIGNATURE, ("layer: cause\n  literals: [y]", "layer: guess\n  literals: [y]"), "15", "a_b: layer: Input should be 'cause', 'symptom'"),
        (Signature, SIGNATURE, ("pattern: y", "pattern: ("), "17", "a_b: pattern: is no regular expression"),
        (Signature, SIGNATURE, ("pattern: y", "pattern: y\n  colour: red"), "18", "a_b: colour: no such key"),
        (Signature, SIGNATURE, ("pattern: y", "pattern: y\n  cause: moon"), "18", "a_b: cause: 'moon' is not one of timeout_too_short"),
        (Signature, SIGNATURE, ("pattern: y", "pattern: y\n  outcome: moon"), "18", "a_b: outcome: 'moon' is not one of ok"),
        (Signature, SIGNATURE, ("- ax", "- a"), "10", "first_one: samples.match.1: the sample 'a' does not match"),
        (Signature, SIGNATURE, ("- b", "- bx"), "12", "first_one: samples.other.0: the sample 'bx' matches"),
        (Signature, SIGNATURE, ("id: a_b", "id: first_one"), "13", "first_one: this id is used above"),
        (EnvelopeKind, ENVELOPE, ("kind: prefix", "kind: none"), "4", "one: kind: Input should be 'prefix'"),
        (EnvelopeKind, ENVELOPE, ("  pattern: '(?P<key>)b'\n", ""), "2", "`pattern` is required for a prefix"),
        (EnvelopeKind, ENVELOPE, ("<key>", "<name>"), "5", "has no group `key`"),
        (EnvelopeKind, ENVELOPE, (">)b", ">)("), "5", "is no regular expression"),
        (EnvelopeKind, ENVELOPE, ("kubectl", "nobody"), "7", "notices.0: 'nobody' is not one of kubectl"),
        (ConfigRule, RULE, ("high", "grave"), "4", "severity: Input should be 'critical'"),
        (ConfigRule, RULE, ("a.b < 5s", "a.b"), "6", "when.0: 'a.b' is not a comparison; write it like"),
        (ConfigRule, RULE, ("remedy: Do this.", "keys: {kinds: [unknown]}\n  remedy: Do this."), "2", "either `when` or `keys`"),
        (ConfigRule, RULE, ("absent: [{values: {}}]", "absent: [{valeus: {}}]"), "7", "samples.absent.0.valeus: no such key"),
        (Signature, "- [", ("[", "["), "", "not YAML"),
        (Signature, "a: 1", ("1", "1"), "1", "is not a list of entries"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_one_line_that_says_what_to_write(entries, model, text, change, place, words):
    """File, line, entry, key and what is wrong, whatever is wrong; a sample inside an entry too."""
    assert change[0] in text
    with pytest.raises(CatalogError) as raised:
        load(entries, model, text.replace(*change))
    assert str(raised.value).startswith(f"catalog/new.yaml:{place}")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_wrong_document_is_named_by_line(entries):
    """A file that is one record names the line of what is wrong in it."""
    (entries / "client.yaml").write_text(
        "repository: r\nline: client\nkeys:\n- key: a.b\n  roles: [client]\n  unit: foot\n  meaning: m\n"
    )
    with pytest.raises(CatalogError, match=r"catalog/client.yaml:6: keys.0.unit: Input should be 'duration'"):
        load_document(DefaultsFile, "client")


def test_records_come_from_the_cache_until_the_file_changes(entries):
    """The cache answers for the file as it was read; a changed file is read anew and its old cache goes."""

    def cached() -> list[str]:
        return sorted(path.name for path in yaml_loader.CACHE.iterdir())

    first = load(entries, EventKind, EVENT)
    before = cached()
    assert load(entries, EventKind, EVENT) == first
    assert cached() == before
    assert load(entries, EventKind, EVENT.replace("M.", "N."))[0].meaning == "N."
    assert len(cached()) == len(before) == 1
    assert cached() != before


def test_a_folder_that_cannot_be_written_is_no_error(entries):
    """Where no cache can be kept, entries are validated each time."""
    yaml_loader.CACHE.write_text("a file where the folder would be")
    assert load(entries, EventKind, EVENT)[0].id == "one"


def test_records_are_frozen():
    """What the catalogue says cannot be changed by who reads it."""

    @record
    class Small:
        id: str

    with pytest.raises(AttributeError):
        Small("a").id = "b"


def test_reading_the_cache_does_not_import_pydantic():
    """A command that finds valid entries does not pay for validation."""
    load_catalog()
    code = "import sys; from dfly_analysis.catalog import load_catalog; load_catalog(); print({'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENTRIES)))
def test_no_file_writes_a_key_twice(path):
    """PyYAML takes the last of two, and says nothing."""
    nodes = [load_yaml(path.read_text("utf-8"), str(path))]
    for node in nodes:
        nodes += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    assert not [node.repeated for node in nodes if isinstance(node, dict) and node.repeated]
