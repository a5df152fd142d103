"""Facts by version: every fact is sound, and queries by release, line and role answer as documented."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.defaults import (
    UNITS,
    all_defaults,
    chart_run,
    defaults_at,
    defaults_by_release,
    defaults_diff,
    defaults_of,
    find_defaults,
)
from dfly_analysis.catalog.releases import (
    parse_version,
    releases,
    within,
)
from dfly_analysis.errors import DflyError, FactMissingError
from dfly_analysis.units import parse_duration, parse_size

CLIENTS = releases("client")


def _check(unit: str, value: object) -> None:
    if value is None:
        return
    if unit == "duration":
        assert isinstance(value, str)
        assert parse_duration(value) > 0
    elif unit in {"size", "rate", "quantity"}:
        assert parse_size(value) >= 0
    elif unit in {"count", "requests_per_s", "percent", "nanoseconds"}:
        assert isinstance(value, int)
        assert not isinstance(value, bool)
    elif unit == "bool":
        assert isinstance(value, bool)
    else:
        assert isinstance(value, str)


@pytest.mark.parametrize("item", all_defaults(), ids=lambda item: f"{item.component}:{item.key}")
def test_every_fact_is_sound(item):
    """Each value parses in its unit, eras are sorted and apart, each has a source, and the key says what it means."""
    assert item.unit in UNITS
    assert len(item.meaning) > 8
    assert item.eras or item.chart_runs
    for era in item.eras:
        assert parse_version(era.since) <= parse_version(era.until)
        assert item.repository.startswith("dragonflyoss/")
        assert era.source
        assert era.ignored is None or era.default is None
        _check(item.unit, era.default)
    if item.unit != "text" and item.unit != "mapping":
        for run in item.chart_runs:
            _check(item.unit, run.value)
    for spans in (item.eras, item.chart_runs):
        for before, after in itertools.pairwise(spans):
            assert parse_version(before.until) < parse_version(after.since)


@pytest.mark.parametrize(
    "item", [one for one in all_defaults() if one.eras], ids=lambda item: f"{item.component}:{item.key}"
)
def test_eras_begin_and_end_at_known_releases(item):
    """An era names releases that exist, so that a typing error in a version is caught."""
    known = releases(item.line)
    for era in item.eras:
        assert {era.since, era.until} <= set(known)


@pytest.mark.parametrize(
    ("version", "value"),
    [
        ("v0.1.38", "30s"),
        ("v0.1.118", "60s"),
        ("v0.1.120", "10s"),
        ("v0.2.26", "15s"),
        ("v0.2.27", "120s"),
        ("v1.5.1", "360s"),
    ],
)
def test_the_binary_default_of_the_piece_timeout_moved(version, value):
    """The default of a key is that of the era a release lies in."""
    assert defaults_of("client", "download.pieceTimeout").at(version).default == value
    assert defaults_of("seedClient", "download.pieceTimeout").at(version).default == value


def test_chart_sets_seed_and_client_apart():
    """Chart 1.7.4 gives the seed client 40 s and the client 360 s."""
    assert chart_run("seedClient.config.download.pieceTimeout", "1.7.4").value == "40s"
    assert chart_run("client.config.download.pieceTimeout", "1.7.4").value == "360s"
    assert chart_run("client.config.storage.writePieceTimeout", "1.3.27") is None


@pytest.mark.parametrize(
    ("key", "places"),
    [
        ("download.pieceTimeout", {"client", "seedClient"}),
        ("pieceTimeout", {"client", "seedClient"}),
        ("seedClient:download.pieceTimeout", {"seedClient"}),
        ("seedClient.config.download.pieceTimeout", {"seedClient"}),
        ("pieceDownloadTimeout", {"client", "seedClient", "scheduler", "go-client"}),
        ("dfdaemon.config.download.pieceDownloadTimeout", {"go-client"}),
        ("scheduler.config.dynconfig.refreshInterval", {"scheduler"}),
        ("args.timeout", {"manager"}),
        ("database:seed_peer_cluster.config.load_limit", {"manager"}),
        ("seedClient.resources.limits.memory", {"seedClient"}),
        ("client.config.server.adaptiveRateLimit.memoryThreshold", {"client"}),
    ],
)
def test_a_key_is_found_under_each_of_its_names(key, places):
    """Full Helm path, bare key, last part and component:key all find the facts."""
    assert {item.component for item in find_defaults(key)} == places


def test_an_unknown_key_offers_the_nearest_names():
    """The error of a misspelt key holds the right one."""
    with pytest.raises(FactMissingError, match=r"did you mean download\.pieceTimeout"):
        find_defaults("pieceTimout")
    with pytest.raises(FactMissingError):
        find_defaults("")


def test_what_the_rust_client_ignores_can_be_asked_for():
    """The wrong key of the article has a fact that names the right one, and no value in any client."""
    rows = defaults_at("download.pieceDownloadTimeout", "v1.4.0")
    assert {row["component"] for row in rows} == {"client", "seedClient"}
    assert all(row["value"] is None and "download.pieceTimeout" in row["note"] for row in rows)
    assert defaults_of("scheduler", "scheduler.gc.pieceDownloadTimeout").at("v2.5.1").default == "30m"
    assert defaults_of("go-client", "download.pieceDownloadTimeout").at("v2.3.4").default == "30s"


def test_a_key_lists_all_its_spans_in_both_layers():
    """Without a release, the program's defaults come before what charts write; what only charts know is listed too."""
    rows = defaults_by_release("seedClient:download.collectedPieceTimeout")
    assert [(row["layer"], row["default"]) for row in rows] == [
        ("binary", "10s"), ("binary", "360s"), ("chart", "10s"), ("chart", "30s"), ("chart", "5s"),
    ]  # fmt: skip
    only = defaults_by_release("seedClient.persistence.size")
    assert [(row["layer"], row["default"]) for row in only] == [("chart", "50Gi"), ("chart", "100Gi")]
    ignored = defaults_by_release("client:scheduler.enableBackToSource")
    assert any(row["default"] is None and "ignored" in row["note"] for row in ignored)


@given(st.sampled_from([item for item in all_defaults() if not item.key.startswith("metric:")]))
def test_every_fact_can_be_asked_for_by_its_own_name(item):
    """A key, and a Helm path, finds the fact it belongs to, with a row for each span."""
    for name in {item.key, item.helm_path} - {None}:
        rows = [
            row for row in defaults_by_release(name) if row["component"] == item.component and row["key"] == item.key
        ]
        assert len(rows) == len(item.eras) + len(item.chart_runs)


def test_at_a_chart_both_layers_answer():
    """At a chart, the row of the image's default stands before that of the chart, which goes before it in force."""
    rows = defaults_at("seedClient:download.pieceTimeout", "1.7.4")
    assert [(row["layer"], row["version"], row["value"]) for row in rows] == [
        ("binary", "v1.4.0", "360s"), ("chart", "1.7.4", "40s"),
    ]  # fmt: skip
    assert all("taken as a release of the chart" in row["note"] for row in rows)


def test_at_a_client_the_latest_chart_that_ships_it_answers_too():
    """A client's row comes with the chart that ships it; a client no chart ships has its own row alone."""
    layers = {row["layer"]: row["version"] for row in defaults_at("client:download.pieceTimeout", "v0.1.118")}
    assert layers == {"binary": "v0.1.118", "chart": "1.2.24"}
    assert [row["layer"] for row in defaults_at("client:download.pieceTimeout", "v1.5.1")] == ["binary"]


def test_a_chart_value_that_its_client_does_not_read_says_so():
    """Chart 1.6.9 ships the new name of the rate limit with a client that does not know it yet."""
    rows = {row["layer"]: row for row in defaults_at("client:download.bandwidthLimit", "chart-1.6.9")}
    assert rows["binary"]["value"] is None
    assert "not yet read" in rows["binary"]["note"]
    assert rows["chart"]["value"] == "50GB"
    assert "does not read it" in rows["chart"]["note"]


def test_asking_by_the_wrong_line_names_the_right_one():
    """A client's key has no value in a scheduler's release."""
    with pytest.raises(FactMissingError, match="give a release of client"):
        defaults_at("download.pieceTimeout", "v2.5.1")


def test_a_release_newer_than_all_is_read_as_the_newest():
    """Tomorrow's release answers with today's newest facts, marked; a key that no known release reads may be read by it."""
    row = defaults_at("client:download.pieceTimeout", "v1.99.0")[0]
    assert row["value"] == "360s"
    assert "v1.99.0 is not known: read as v1.5.1" in row["note"]
    said = []
    for version in (releases("client")[-1], "v1.99.0"):
        with pytest.raises(FactMissingError, match="unknown key 'download.wings'") as error:
            defaults_at("download.wings", version)
        said.append("whether v1.99.0 reads it is not known" in error.value.message)
    assert said == [False, True]


def test_diff_names_what_moved():
    """Between two charts the seed's timeout moved in the chart and in the binary; equal sides are marked unchanged."""
    changes = {row["layer"]: row for row in defaults_diff("seedClient:download.pieceTimeout", "1.3.26", "1.7.4")}
    assert [changes["chart"][name] for name in ("before", "after", "changed")] == ["30s", "40s", True]
    assert [changes["binary"][name] for name in ("before", "after")] == ["15s", "360s"]
    assert not any(
        row["changed"] for row in defaults_diff("gc.interval", "v0.1.118", "v1.5.1") if row["layer"] == "binary"
    )
    with pytest.raises(FactMissingError, match="cannot be compared"):
        defaults_diff("download.pieceTimeout", "1.7.4", "v2.5.1")


@given(st.sampled_from([item for item in all_defaults() if item.eras]), st.data())
def test_a_release_lies_in_at_most_one_era(item, data):
    """Whatever release is asked for, the answer is the one era that covers it, or none."""
    version = data.draw(st.sampled_from(releases(item.line)))
    covering = [era for era in item.eras if within(version, era.since, era.until)]
    assert len(covering) <= 1
    assert item.at(version) == (covering[0] if covering else None)


@given(st.text(max_size=20))
def test_any_text_for_a_release_is_an_answer_or_one_clear_error(text):
    """No text makes a query fail with anything but an error of this package."""
    try:
        rows = defaults_at("pieceTimeout", text)
    except DflyError as problem:
        rows = [str(problem)]
    assert rows
    assert all("\n" not in str(row) for row in rows)
