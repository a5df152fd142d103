"""Upgrade notes: what follows from an upgrade is computed from the facts, and a note read backwards says the reverse."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.catalog.defaults import all_defaults, changes_between
from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_length_rule, piece_rules
from dfly_analysis.catalog.releases import releases
from dfly_analysis.catalog.sizing_guide import documented_sizing
from dfly_analysis.cli import main
from dfly_analysis.config.upgrade_notes import upgrade_note
from dfly_analysis.errors import DflyError, FactMissingError
from dfly_analysis.messages import translate
from dfly_analysis.units import format_size, parse_duration, parse_rate, parse_size

LINES = {"chart": releases("chart")[-140:], "client": releases("client"), "server": releases("server")}
PAIRS = st.sampled_from(sorted(LINES)).flatmap(lambda line: st.tuples(*[st.sampled_from(LINES[line])] * 2))
SIZES = st.sampled_from([10**9, 5 * 10**9, 20 * 1024**3])


def topics(note, topic, role="seedClient"):
    return [one for one in note.consequences if one.topic == topic and one.role == role]


def test_chart_1_3_26_lengthens_pieces_at_the_same_timeout():
    """The note says so, with the bandwidth that follows: lengths, limit and demand all come from the facts."""
    note = upgrade_note("1.3.25", "1.3.26", 20 * 10**9)
    (pieces,), (demand,) = topics(note, "piece_length"), topics(note, "demand")
    assert (pieces.before, pieces.after, pieces.factor) == (16 * 1024**2, 64 * 1024**2, 4)
    assert "become 4 times longer (16 MiB → 64 MiB) while the piece timeout stays 30 s" in pieces.text
    assert demand.after == pytest.approx(35.8e6, rel=0.01)
    assert demand.factor == pytest.approx(4)
    assert any("[demands_more_than_a_link]: new problem" in one.text for one in note.consequences)


def test_small_layers_do_not_notice():
    """Layers of 1 GB have pieces of 4 MiB before and after."""
    note = upgrade_note("1.3.25", "1.3.26", 10**9)
    assert not topics(note, "piece_length")
    assert not topics(note, "demand")
    assert note.changes


def test_a_timeout_that_goes_down_is_told():
    """From chart 1.4.0 to 1.4.1 the seed's limit fell from 120 s to 40 s, so it demands three times as much."""
    note = upgrade_note("1.4.0", "1.4.1")
    (limit,) = [one for one in topics(note, "setting") if one.key == "download.pieceTimeout"]
    assert (limit.before, limit.after) == (120, 40)
    assert topics(note, "demand")[0].factor == pytest.approx(3)


def test_keys_that_lose_their_effect_are_named():
    """From client v1.2.7 to v1.2.8 the rate limits are read under new names alone."""
    texts = [one.text for one in upgrade_note("v1.2.7", "v1.2.8").consequences if one.topic == "key"]
    assert any(
        "download.rateLimit is no longer read" in text and "renamed to download.bandwidthLimit" in text
        for text in texts
    )
    assert any(text.startswith("download.bandwidthLimit is read from v1.2.8") for text in texts)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("v0.1.82", "v1.5.10"), "download.collectedPieceTimeout is read from v0.2.39"),
        (("v0.1.82", "v1.5.10"), "download.bandwidthLimit is read from v1.2.8"),
        (("v2.0.9", "v2.5.1"), "scheduler.backSourceCount is no longer read, and silently ignored, from v2.1.0"),
        (("v1.5.10", "v1.5.1"), "storage.writebackMode is read from v1.5.2 on only: it is silently ignored again"),
        (("v1.2.8", "v1.2.7"), "download.rateLimit is read again: from v1.2.8 on it is not"),
        (("v2.0.9", "v1.5.10"), "download.pieceDownloadTimeout (30s): in the Rust client download.pieceTimeout (360s)"),
        (("v2.0.9", "v1.5.1"), "download.concurrent.goroutineCount (32): in the Rust client download.concurrentPieceCount (8)"),
    ],
)  # fmt: skip
def test_a_key_is_read_from_the_release_that_first_reads_it(pair, said):
    """Not from where its default last changed, nor only at the release asked for; the old Go client's keys name what replaces them."""
    note = upgrade_note(*pair)
    assert said in [one.text for one in note.consequences if one.topic == "key"]
    assert all(translate(one.text, "zh") != one.text for one in note.consequences if one.topic in ("key", "image"))


def test_charts_say_where_the_old_go_client_ends():
    """After chart 1.1.65 its sections are dead."""
    forth, back = upgrade_note("1.1.65", "1.1.66"), upgrade_note("1.1.66", "1.1.65")
    texts = [one.text for note in (forth, back) for one in topics(note, "image", None)]
    assert ["dfdaemon" in text for text in texts] == [True, True]


def test_the_deadline_of_a_job_is_part_of_a_scheduler_note():
    """From v2.3.0 to v2.3.1 the deadline went from 30 to 60 min; what a program does by rule is told too."""
    note = upgrade_note("v2.3.0", "v2.3.1")
    assert any(
        one.key == "fixed:preheat.jobDeadline" and (one.before, one.after) == (1800, 3600) for one in note.consequences
    )


@given(PAIRS, SIZES)
@settings(max_examples=examples(25))
def test_a_note_read_backwards_is_the_reverse(pair, size):
    """Before and after change places, and nothing else appears or is lost."""
    one, other = upgrade_note(*pair, size), upgrade_note(*reversed(pair), size)
    assert {(c.component, c.key, c.layer, repr(c.before), repr(c.after)) for c in one.changes} == {
        (c.component, c.key, c.layer, repr(c.after), repr(c.before)) for c in other.changes
    }
    assert {(c.topic, c.role, c.key, c.before, c.after) for c in one.consequences} == {
        (c.topic, c.role, c.key, c.after, c.before) for c in other.consequences
    }
    assert all(c.factor is None or c.factor > 0 for c in one.consequences)


@given(st.sampled_from(sorted(LINES)).flatmap(lambda line: st.sampled_from(LINES[line])))
@settings(max_examples=examples(40))
def test_nothing_changes_from_a_release_to_itself(version):
    """The difference of a release and itself is empty."""
    note = upgrade_note(version, version)
    assert (note.changes, note.consequences) == ((), ())


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_two_texts_are_a_note_or_one_clear_line(one, other):
    """No text for a release makes a note fail with anything but one line."""
    try:
        said = [change.note for change in changes_between(one, other)]
    except DflyError as problem:
        said = [str(problem)]
    assert all("\n" not in text for text in said)


def test_a_release_never_tagged_is_refused_with_the_nearest():
    """A misspelt release is no release of tomorrow: it is named, with the nearest."""
    with pytest.raises(FactMissingError, match=r"1\.3\.266 does not exist \(did you mean 1\.3\.26"):
        changes_between("1.3.25", "1.3.266")
    with pytest.raises(FactMissingError, match="cannot be compared"):
        upgrade_note("1.3.25", "v0.2.26")


def test_a_note_to_a_release_of_tomorrow_says_what_it_rests_on():
    """What such a release changes is not known: said, not left out."""
    newest = releases("client")[-1]
    (said,) = upgrade_note("v1.5.1", "v1.99.0").notes
    assert f"read as {newest}" in said
    assert upgrade_note("v1.5.1", newest).notes == ()


def test_the_command_prints_a_note_in_each_format():
    """Without KEY, --diff is an upgrade note: words for people, the same in JSON, changes as CSV."""
    shown = CliRunner().invoke(main, ["facts", "--diff", "1.3.25", "1.3.26"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert (
        "pieces of a 20 GiB layer become 4 times longer (16 MiB → 64 MiB) while the piece timeout stays 30 s"
        in shown.stdout
    )
    data = json.loads(
        CliRunner().invoke(main, ["facts", "--diff", "1.3.25", "1.3.26", "--size", "20GB", "--format", "json"]).stdout
    )
    assert (data["schema_version"], data["line"], data["size_bytes"]) == (1, "chart", 20 * 10**9)
    assert {"topic", "role", "key", "text", "before", "after", "factor"} == set(data["consequences"][0])
    rows = CliRunner().invoke(main, ["facts", "--diff", "1.3.25", "1.3.26", "--format", "csv"]).stdout.splitlines()
    assert rows[0].startswith("component,key,layer,")
    assert len(rows) == 1 + len(data["changes"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["facts"], "give a KEY, or two releases"), (["facts", "gc.interval", "--size", "1GB"], "--size needs --diff"),
        (["facts", "--diff", "1.3.25", "1.3.266"], "did you mean 1.3.26"), (["facts", "--diff", "1.3.25", "v2.5.1"], "cannot be compared"),
        (["facts", "--diff", "1.3.25", "soon"], "is not a release"), (["facts", "polingWindow"], "fixed:preheat.pollingWindow"),
        (["facts", "gc.interval", "--at", "1.3.266"], "did you mean 1.3.26"),
    ],
)  # fmt: skip
def test_misspelt_questions_are_one_line(arguments, words):
    """A missing key, a misspelt key or release: exit code 2 and one line with the nearest."""
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


@given(st.sampled_from(releases("client")))
def test_rules_of_the_client_say_the_same_in_both_places(version):
    """What is fixed in the client agrees with the rule that the package computes with."""
    fixed = {
        item.key: item for item in all_defaults() if item.component == "seedClient" and item.key.startswith("fixed:")
    }
    most = fixed["fixed:piece.most"].at(version)
    assert format_size(piece_length_bytes(10**13, version)) in piece_length_rule(version)
    assert parse_size(most.default) == piece_length_bytes(10**13, version)
    retries = fixed["fixed:source.retries"].at(version)
    assert retries is None or retries.default == piece_rules(version).retries_before_body
    cancelled = fixed["fixed:siblings.cancelled"].at(version)
    assert cancelled is None or cancelled.default is piece_rules(version).siblings_cancelled


def test_documented_sizing_grows_with_the_cluster():
    """The guide's rows are in order; a role it does not know, and a cluster beyond it, have an answer."""
    sizes = [documented_sizing("seedClient", peers) for peers in (1, 1000, 1001, 5000, 10**6)]
    assert [one.peers for one in sizes] == [500, 1000, 3000, 5000, 5000]
    assert sizes[0].disk_bytes == 1024**4
    assert documented_sizing("go-client") is None


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [("100MB/s", 1e8), ("1Gbit/s", 125e6), ("1Gbps", 125e6), ("800 Mbit/s", 1e8), ("50MiB", 50 * 1024**2), ("12500000", 12.5e6), (7, 7), ("8kbit", 1000), ("10GBps", 1e10)],
)  # fmt: skip
def test_bandwidths_are_read_in_bits_and_bytes(text, bytes_per_s):
    """A small b of bits counts an eighth; a bare number is bytes."""
    assert parse_rate(text) == pytest.approx(bytes_per_s)


@pytest.mark.parametrize(
    "text", ["fast", "", "-1MB", "1 parsec/s", "bit", "9" * 400, float("inf"), float("nan"), 10**400]
)
def test_what_is_no_bandwidth_is_refused(text):
    """Words and numbers without bounds are no bandwidth."""
    with pytest.raises(DflyError):
        parse_rate(text)


@pytest.mark.parametrize("text", ["9" * 400 + "s", "9" * 400, 10**400, float("inf")])
def test_quantities_without_bounds_are_refused(text):
    """Neither a duration nor a size may be infinite."""
    with pytest.raises(DflyError):
        parse_duration(text)
    if not isinstance(text, int) and not str(text).endswith("s"):
        with pytest.raises(DflyError):
            parse_size(text)


def test_a_note_says_what_moved_and_since_when_in_both_languages():
    """A key that rules other pieces, ids of earlier preheats: from the release that changed it, and undone on the way back."""
    forth, back = upgrade_note("v1.5.1", "v1.5.10"), upgrade_note("v1.5.10", "v1.5.1")
    texts = [one.text for one in topics(forth, "meaning", None)]
    assert any(text.startswith("from v1.5.4 on: concurrent pieces from the registry follow") for text in texts)
    assert any("do not use what was preheated before" in text for text in texts)
    assert len(texts) == len(topics(back, "meaning", None))
    assert {translate(text, "zh")[:2] for text in texts} == {"自 "}
    assert topics(upgrade_note("v1.5.9", "v1.5.10"), "meaning", None) == []
    (key,) = [one for one in forth.consequences if one.key == "storage.writebackMode" and one.topic == "key"]
    assert key.text == "storage.writebackMode is read from v1.5.2"
