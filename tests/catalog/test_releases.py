"""Releases: their order, numbering lines, and what charts ship."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.releases import (
    chart_with,
    charts,
    images_of,
    known_release,
    line_of,
    parse_version,
    releases,
    within,
)
from dfly_analysis.errors import FactMissingError

CLIENTS = releases("client")


def test_releases_are_sorted_and_charts_ship_known_clients():
    """Versions stand oldest first, and each client image of a chart is a release of the client."""
    for line in ("client", "server", "chart"):
        order = [parse_version(text) for text in releases(line)]
        assert order == sorted(order)
        assert len(set(order)) == len(order)
    assert {chart.images["client"] for chart in charts()} - {None} <= set(CLIENTS)


def test_an_entry_without_an_end_holds_to_the_newest_release():
    """Spans are closed at both ends, or open to the newest; a pre-release counts as its release."""
    assert [within(one, "v1.5.4", "") for one in ("v1.5.3", "v1.5.4", "v9.0.0")] == [False, True, True]
    assert [within(one, "v1.5.4", "v1.5.10") for one in ("v1.5.10", "v1.5.11")] == [True, False]
    assert within("v2.3.5-beta.0", "v2.3.5", "v2.3.5")


def test_versions_order_as_releases_do():
    """Numbers count as numbers, a pre-release comes before its release, the leading v does not matter."""
    order = ["v0.1.9", "0.1.118", "v1.0.0-alpha.2", "v1.0.0-alpha.10", "v1.0.0-rc.0", "1.0.0", "v2.1.63"]
    assert sorted(order, key=parse_version) == order
    assert parse_version("v1.7.4") == parse_version("chart-1.7.4") == parse_version("1.7.4")
    with pytest.raises(FactMissingError, match="not a release"):
        parse_version("latest")


def test_images_and_charts_find_each_other():
    """A chart names its images; a client names the latest chart that ships it, or None."""
    assert images_of("1.7.4") == {
        "client": "v1.4.0", "seedClient": "v1.4.0", "scheduler": "v2.5.0", "manager": "v2.5.0",
    }  # fmt: skip
    assert images_of("1.5.1")["seedClient"] == "v1.1.0"
    assert images_of("9.0.0") == images_of("1.7.4")
    assert chart_with("client", "v1.4.0") == "1.7.4"
    assert chart_with("client", "v1.5.1") is None
    with pytest.raises(FactMissingError, match="known from"):
        images_of("0.0.1")


@pytest.mark.parametrize(
    ("text", "line", "number"),
    [
        ("v0.1.118", "client", "v0.1.118"), ("v1.7.4", "client", "v1.7.4"), ("1.7.4", "chart", "1.7.4"),
        ("chart-1.7.4", "chart", "1.7.4"), ("v2.1.63", "server", "v2.1.63"), ("2.1.63", "server", "v2.1.63"),
        ("0.1.118", "client", "v0.1.118"),
    ],
)  # fmt: skip
def test_a_release_tells_its_numbering_line(text, line, number):
    """The leading v, the prefix chart- and the major number tell the three numbering lines apart."""
    assert line_of(text)[:2] == (line, number)
    assert number.removeprefix("v") in line_of(text)[2]


@given(st.sampled_from(CLIENTS))
def test_a_known_release_is_itself(version):
    """Looking up a release that exists changes nothing."""
    assert known_release("client", version) == version
