"""The overlay: Helm values that hold what was advised, read back, and leave everything else as it was."""

from dataclasses import replace

import pytest
import yaml

from dfly_analysis.config.helm_values_overlay import Overlay
from dfly_analysis.errors import DflyError, OverlayConflictError
from dfly_analysis.recommendation.recommendations import Advice, Current, Recommendation

PIECE, WRITE = "download.pieceTimeout", "storage.writePieceTimeout"


def advised(key=PIECE, proposed="180s", role="seedClient", **other):
    made = Recommendation(
        key=key,
        role=role,
        helm_path=f"{role}.config.{key}",
        current=Current("40s", "chart", "chart 1.7.4"),
        proposed=proposed,
        unit="s",
        low=95.0,
        high=140.0,
        because="now 40s (chart 1.7.4); 32 of 353 attempts ran into it",
        confidence="high",
        findings=("reqwest_body_timed_out",),
        how_to_check="repeat the preheat",
    )
    return replace(made, **other)


def overlay_of(*items):
    return Overlay.from_advice(Advice(items, size_bytes=20 * 2**30))


def test_holds_the_proposal_at_its_path_with_the_reason():
    """The file reads back as nested values; the comment says what it was, how sure, the interval and why."""
    text = overlay_of(advised()).to_yaml()
    assert yaml.safe_load(text) == {"seedClient": {"config": {"download": {"pieceTimeout": "180s"}}}}
    for said in ("was 40s (chart)", "high confidence", "95 s to 2 min 20 s (95 % interval)", "32 of 353", "20 GiB"):
        assert said in " ".join(text.replace("#", " ").split())


def test_empty_advice_is_a_comment_that_reads_back_as_nothing():
    """No recommendation makes a file of comments only."""
    text = overlay_of().to_yaml()
    assert all(line.startswith("#") for line in text.splitlines())
    assert yaml.safe_load(text) is None


def test_order_of_keys_does_not_depend_on_the_advice():
    """Seed client first, then client, then the scheduler; within a role by path."""
    items = [
        advised(role="client"),
        advised(WRITE, "200s"),
        advised("scheduler.retryLimit", "7", "scheduler", unit="1"),
        advised(),
    ]
    there, back = overlay_of(*items), overlay_of(*reversed(items))
    assert there.to_yaml() == back.to_yaml()
    assert list(there.paths) == [
        "seedClient.config.download.pieceTimeout", "seedClient.config.storage.writePieceTimeout",
        "client.config.download.pieceTimeout", "scheduler.config.scheduler.retryLimit",
    ]  # fmt: skip


def test_counts_are_numbers_and_quantities_text():
    """A count goes into YAML as a number, a flag as a flag, a Kubernetes quantity as text."""
    paths = overlay_of(
        advised("download.concurrentPieceCount", "8", unit="1"),
        advised("proxy.disableBackToSource", "true", unit="1"),
        advised("resources.limits.memory", "16Gi", unit="B", helm_path="seedClient.resources.limits.memory"),
    ).paths
    assert paths["seedClient.config.download.concurrentPieceCount"] == 8
    assert paths["seedClient.config.proxy.disableBackToSource"] is True
    assert paths["seedClient.resources.limits.memory"] == "16Gi"


def test_two_values_for_one_path_name_both():
    """Contradicting recommendations are an error that names both; the same value twice is none."""
    with pytest.raises(OverlayConflictError, match=r"seedClient\.config\.download\.pieceTimeout.*180s.*240s"):
        overlay_of(advised(), advised(proposed="240s"))
    assert len(overlay_of(advised(), advised()).paths) == 1


def test_a_path_cannot_be_value_and_section():
    """One path inside another is refused, whichever comes first."""
    with pytest.raises(OverlayConflictError, match="section"):
        overlay_of(advised(), advised(helm_path="seedClient.config.download"))


def test_write_timeout_may_not_be_shorter():
    """storage.writePieceTimeout below download.pieceTimeout of the same role is refused, of another role not."""
    with pytest.raises(OverlayConflictError, match="shorter than"):
        overlay_of(advised(), advised(WRITE, "90s"))
    overlay_of(advised(), advised(WRITE, "90s", role="client"))


def test_collector_has_to_outlast_a_piece_with_its_retries():
    """scheduler.gc.pieceDownloadTimeout has to be above pieceTimeout times the tries."""
    key = "scheduler.gc.pieceDownloadTimeout"
    overlay_of(advised(), advised(key, "361s", "scheduler"))
    with pytest.raises(OverlayConflictError, match="not longer than 2 attempts"):
        overlay_of(advised(), advised(key, "360s", "scheduler"))
    with pytest.raises(OverlayConflictError, match="not longer than 4 attempts"):
        overlay_of(advised(), advised(key, "361s", "scheduler"), advised("backend.maxRetries", "3", unit="1"))


def test_a_duration_that_is_none_is_refused():
    """A proposal in seconds that does not parse never reaches a file."""
    with pytest.raises(OverlayConflictError, match="not a duration"):
        overlay_of(advised(proposed="soon"))


def test_the_file_holds_the_values(tmp_path):
    """The written file holds the text, in a folder made for it; a place that cannot be written is an error with a hint."""
    overlay = overlay_of(advised())
    path = overlay.write(tmp_path / "new" / "overlay.values.yaml")
    assert yaml.safe_load(path.read_text("utf-8")) == overlay.values
    (tmp_path / "file").write_text("")
    with pytest.raises(DflyError, match="cannot be written"):
        overlay.write(tmp_path / "file" / "overlay.yaml")


def test_a_tampered_overlay_does_not_pass_its_check():
    """The check compares what is read back with the advice, not with itself."""
    advice = Advice((advised(),))
    other = Overlay({"seedClient": {"config": {"download": {"pieceTimeout": "90s"}}}})
    with pytest.raises(OverlayConflictError, match="'90s', not '180s'"):
        other.check(advice)


def test_text_from_logs_cannot_leave_its_comment():
    """Line breaks and control characters in a reason stay within the comment."""
    text = overlay_of(advised(because="now x; a\nmanager: {evil: true}\r\x00\x85b: 1")).to_yaml()
    assert yaml.safe_load(text) == {"seedClient": {"config": {"download": {"pieceTimeout": "180s"}}}}


def test_values_of_a_parent_chart_keep_their_section():
    """With a parent chart's section as prefix, the paths lie below it."""
    overlay = Overlay.from_advice(Advice((advised(),)), prefix="dragonfly.")
    assert list(overlay.paths) == ["dragonfly.seedClient.config.download.pieceTimeout"]
