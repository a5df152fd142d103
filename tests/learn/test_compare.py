"""A release against the catalogue: what differs, the entries that are proposed, and what a person has to judge."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
import yaml
from click.testing import CliRunner

from tools.learn import compare
from tools.learn.__main__ import main
from tools.learn.charts import read_chart
from tools.learn.facts import Constant, Facts, Key, Metric, Place, Statement, Use
from tools.learn.sources import CRATES, NoSourcesError, from_crates, from_folder

PLACE = Place("src/x.rs", "serve")
TIMEOUT = Key("download.pieceTimeout", "Duration", "360s", "360s")


def _statement(text, level="error", file="src/x.rs"):
    return Statement(Place(file, "serve"), level, text)


def test_a_key_that_the_catalogue_has_otherwise_is_named():
    """A default of another unit is the same; a new key, another default and a key that is gone are three differences."""
    same = compare.Comparison()
    compare._compare_keys("client", "v1.5.10", [replace(TIMEOUT, default="6m", section_default="6m")], same)
    assert not [one for one in same.differences if "pieceTimeout is" in one]
    other = compare.compare(
        "client",
        "v1.5.10",
        Facts((replace(TIMEOUT, default="7s", section_default="7s"), Key("oven.racks", "u32", 8, 8, "range(min = 1)"))),
    )
    assert "client v1.5.10: the default of download.pieceTimeout is 7s, the catalogue says 360s" in other.differences
    assert any("reads oven.racks, default 8; the catalogue lacks it" in one for one in other.differences)
    assert any("does not read download.concurrentPieceCount" in one for one in other.differences)
    entry = yaml.safe_load(next(one for one in other.entries if "oven.racks" in one))[0]
    assert (entry["key"], entry["unit"], entry["eras"][0]["default"], entry["meaning"]) == (
        "oven.racks",
        "count",
        8,
        "",
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("finished piece {} from source", "event"), ("download piece failed: {}", "event"), ("{}", "error"), ("{}: {}", "error"),
        ("can not get speed, network interface {} with bandwidth {} bps", "statement"), ("the cook left", None),
    ],
)  # fmt: skip
def test_a_text_is_matched_by_an_entry_of_some_kind(text, kind):
    """Values do not matter; nothing but an error's text is left to the signatures of errors."""
    assert compare.matched_by(text) == kind


def test_only_texts_of_the_daemon_at_warning_and_above_count():
    """Debug and info are for events, and a command such as dfget ends by itself."""
    unknown = "the cook left"
    facts = Facts(statements=(
        _statement(unknown), _statement(unknown), _statement(unknown, "debug"), _statement(unknown, file="src/bin/dfget/main.rs"),
    ))  # fmt: skip
    assert [(one.template, n) for one, n in compare.unmatched(facts.statements)] == [(unknown, 2)]
    assert compare.coverage(facts) == {"none": 1}


def test_a_key_that_moves_is_for_a_person_to_judge():
    """Which function reads which key is what shows that a key has taken over another's meaning."""
    before = Facts((TIMEOUT,), (Constant(PLACE, "IDLE", "6s"),), uses=(Use(PLACE, "download.old_count"),))
    now = Facts((TIMEOUT,), (Constant(PLACE, "IDLE", "9s"),), uses=(Use(PLACE, "download.new_count"),))
    assert compare.compare("client", "v1.5.10", now, before).judge == [
        "constant: src/x.rs serve IDLE: 6s -> 9s", "use of a key: new: src/x.rs serve download.new_count",
        "use of a key: gone: src/x.rs serve download.old_count",
    ]  # fmt: skip


def test_a_metric_is_proposed_with_its_buckets():
    """Kind and labels as the catalogue writes them."""
    found = compare.compare(
        "client", "v1.5.10", Facts(metrics=(Metric("dragonfly_client_eaten", "histogram", ("type",), "b(1)"),))
    )
    entry = next(one for one in found.entries if "eaten" in one)
    assert 'default: "histogram by type"' in entry
    assert "# buckets: b(1)" in entry


def test_a_chart_is_compared_value_by_value(tmp_path):
    """Images make the row of the release; a value that the catalogue has otherwise is a difference."""
    (tmp_path / "values.yaml").write_text(
        "client: {image: {tag: v1.5.10}, config: {download: {pieceTimeout: 7s}, oven: {racks: 8}}}"
    )
    (tmp_path / "Chart.yaml").write_text("version: 1.7.4\nappVersion: 2.5.0\n")
    chart = read_chart(from_folder(tmp_path))
    found = compare.compare_chart(chart)
    assert (
        compare.release_row("chart", "1.7.4", "2026-07-15", chart)
        == '- ["1.7.4", "2026-07-15", null, null, v1.5.10, null]'
    )
    assert "chart 1.7.4 sets client.config.download.pieceTimeout to 7s; the catalogue says 360s" in found.differences
    assert found.judge == ["value that the catalogue does not hold: client.config.oven.racks: 8"]


def _crate(folder, name, version, files):
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / f"{name}-{version}.crate", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))


def test_a_release_is_learnt_offline_from_crates_that_are_there(tmp_path, monkeypatch):
    """One command writes the entries and the list to judge; without sources it says what is missing."""
    monkeypatch.setenv("PATH", "")
    cache = tmp_path / "cargo" / "registry" / "cache" / "x"
    config = b"#[derive(Deserialize, Default)]\n#[serde(default)]\npub struct Config { pub oven: u32 }"
    for name in CRATES:
        _crate(
            cache,
            name,
            "1.9.0",
            {"src/dfdaemon.rs": config, "src/lib.rs": b'fn f() { error!("the cook left"); }', "tests/x.rs": b"!"},
        )
    given = [
        "learn",
        "--client",
        "1.9.0",
        "--cargo-home",
        str(tmp_path / "cargo"),
        "-o",
        str(tmp_path / "out"),
        "--date",
        "2027-01-02",
    ]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    entries, judge = ((tmp_path / "out" / f"client-1.9.0.{end}").read_text() for end in ("entries.yaml", "judge.md"))
    assert '- [v1.9.0, "2027-01-02"]' in entries
    assert "- key: oven" in entries
    assert "no event, signature or statement matches error 'the cook left'" in judge
    assert "the sources of 1.5.10 are not there" in judge
    with pytest.raises(NoSourcesError, match="give a source tree"):
        from_crates("9.9.9", tmp_path)


def test_the_first_charts_write_the_tag_beside_the_image():
    """An image is a section with a tag, or a name with the tag beside it."""
    values = b"manager: {image: d7y/manager, tag: v0.1.0}\nclient: {image: {tag: v1.5.10}}"
    assert read_chart({"values.yaml": values}).images == {
        "manager": "v0.1.0", "scheduler": None, "client": "v1.5.10", "seedClient": None,
    }  # fmt: skip


def test_metrics_of_the_old_client_are_not_those_of_a_service():
    """Packages that they share register metrics of the Go client, which have no series in manager and scheduler."""
    shared = Facts(
        metrics=(Metric("dragonfly_dfdaemon_oven_total", "counter"), Metric("dragonfly_manager_oven_total", "counter"))
    )
    found = [one for one in compare.compare("manager", "v2.5.1", shared).differences if "oven" in one]
    assert found == ["manager v2.5.1 exports dragonfly_manager_oven_total, counter; the catalogue says nothing"]
