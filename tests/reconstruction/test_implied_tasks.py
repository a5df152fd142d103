"""Tasks of which only the record of a failed preheat tells."""

from __future__ import annotations

from reading_cases import zap
from reconstruction_cases import began, client, rebuilt, scheduler

FAILED = "[preheat]: preheat failed for http://r/a: No space left on device (os error 28)"


def verdict(second, text, url="http://r/a"):
    return zap(second, text.replace("http://r/a", url)).split(',"hostID"')[0] + "}"


def test_a_lost_blob_without_a_peer_is_a_failed_task():
    """With the cause that the preheat names, less surely, and where the record is."""
    _, tasks = rebuilt(scheduler(verdict(1, FAILED), verdict(2, FAILED, "http://r/b")))
    assert tasks["url"].tolist() == ["http://r/a", "http://r/b"]
    assert tasks["log_line"].tolist() == [1, 2]
    row = tasks.iloc[0]
    assert (row["role"], row["outcome"], row["cause"], row["confidence"]) == (
        "seedClient",
        "failed",
        "disk_full",
        "medium",
    )
    assert tasks[["peer_id", "host", "started", "bytes_from_source"]].isna().all(axis=None)


def test_the_last_verdict_counts():
    """A preheat that came through in the end lost nothing."""
    good = verdict(3, "[preheat]: preheat succeeded for http://r/a")
    _, tasks = rebuilt(scheduler(verdict(1, FAILED), good))
    assert tasks.empty


def test_a_known_task_is_not_told_twice():
    """Where a seed client's task stands for the blob, the verdict adds no row."""
    own = client(began(0).replace("Download {  }", 'Download { url: "http://r/a" }'))
    _, tasks = rebuilt(own, scheduler(verdict(1, FAILED)))
    assert len(tasks) == 1
    assert tasks["outcome"].tolist() == ["failed"]
