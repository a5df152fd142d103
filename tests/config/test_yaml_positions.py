"""YAML of the user's: lines, repeated keys, bounds on depth and size."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.config.helm_values import read_values
from dfly_analysis.config.rendered_manifests import read_rendered
from dfly_analysis.config.yaml_positions import load_yaml
from dfly_analysis.errors import SettingsError


def test_lines_and_repeated_keys_of_a_values_file(tmp_path):
    """Each path has its line, counted in the file as it is; a key written twice keeps the last value and is told."""
    path = tmp_path / "values.yaml"
    path.write_text("# a\n\nclient:\n  config:\n    storage: {keep: true}\n    storage: {keep: false}\n", "utf-8")
    values = read_values(path)
    assert values.entries == {"client.config.storage.keep": False}
    assert values.lines["client.config.storage.keep"] == 6
    assert [(one.path, one.line, one.earlier) for one in values.repeated] == [("client.config.storage", 6, 5)]


@pytest.mark.parametrize(
    "text", ["download:\n  x: " + "[" * 150_000, "download: &a\n  b: *a\nserver: {}\n", "storage:\n" + "- " * 50_000]
)
def test_a_hostile_file_among_the_inputs_is_no_rendered_file(text):
    """Depth that would end the process, and anchors that hold themselves, are passed over."""
    assert read_rendered(text, "host/dfdaemon.yaml") is None


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False)
    | st.text("abc: #-'\"\n", max_size=6)
)


NAMES = st.text("abcxyz", min_size=1, max_size=3)


NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=10,
)


@given(NESTED, st.booleans())
def test_the_bounded_reader_reads_what_a_safe_loader_reads(content, flow):
    """Built from events, a document is the same as built by the library, in block and in flow."""
    text = yaml.safe_dump(content, default_flow_style=flow)
    assert load_yaml(text, "x") == yaml.safe_load(text)


def test_a_repeated_anchor_is_refused_by_name_and_line():
    """PyYAML takes an anchor's name once in a file; the error says which line has the second."""
    with pytest.raises(SettingsError, match="x:2: not YAML: this anchor is defined twice"):
        load_yaml("a: &x 1\nb: &x 2\n", "x")


@pytest.mark.parametrize(
    "more",
    [
        "",
        "gc: {interval: 1h}\n",
        "storage: {keep: false}\n",
        '"host": {hostname: b}\n',
        "a: &x 1\nb: *x\n",
        "---\n",
        "c: {\nd: 1}\n",
    ],
)
def test_a_file_is_read_by_section_as_it_is_as_a_whole(more, monkeypatch):
    """Files of a fleet share sections; repeated keys, anchors and values across sections are found all the same."""
    text = "# made by a chart\nhost:\n  hostname: a\ndownload:\n  pieceTimeout: 30s\nstorage: {keep: true}\n" + more
    found = read_rendered(text, "x/dfdaemon.yaml")
    monkeypatch.setattr("dfly_analysis.config.rendered_manifests._by_section", lambda text: None)
    assert found == read_rendered(text, "x/dfdaemon.yaml")
