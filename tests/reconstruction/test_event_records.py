"""Which peer a record belongs to, and in which order records were written."""

from __future__ import annotations

import pandas as pd
from reading_cases import PEER, TASK, line
from reconstruction_cases import (
    began,
    client,
    connect,
    finished,
    rebuilt,
    reconstructed,
    records,
    records_of,
    started,
    tables_of,
    timeouts,
)

from dfly_analysis.reconstruction import reconstruct


def test_lines_without_ids_find_their_peer():
    """The piece lines of v1.0.18 to v1.0.28 name the task alone: the peer that began last on that host is meant."""
    log = client(
        line(0, "download task started: Download {  }"), line(1, f"start to download piece {TASK}-0 from source", ids="", spans=""),
        line(3, f"finished piece {TASK}-0 from source", ids="", spans=""),
    )  # fmt: skip
    pieces, _ = rebuilt(log)
    assert pieces[["peer_id", "host", "role", "outcome"]].to_numpy().tolist() == [
        [PEER, "seed-client-0", "seedClient", "ok"]
    ]


def test_of_several_peers_the_one_that_began_last_is_meant():
    """A line before the first peer of its host and task belongs to that one."""
    other = PEER.replace("1111", "9999")
    bare = [
        line(second, f"finished piece {TASK}-{number} from source", ids="", spans="")
        for number, second in enumerate((0.5, 2, 4))
    ]
    pieces, _ = rebuilt(client(began(1), began(3).replace(PEER, other), *bare))
    assert dict(zip(pieces["piece_number"], pieces["peer_id"], strict=True)) == {0: PEER, 1: PEER, 2: other}


def test_of_peers_that_began_at_once_the_first_takes_earlier_lines():
    """Records after them belong to the last of these, records before them to the first."""
    other = PEER.replace("1111", "9999")
    bare = [
        line(second, f"finished piece {TASK}-{number} from source", ids="", spans="")
        for number, second in enumerate((0.5, 2))
    ]
    pieces, _ = rebuilt(client(began(1), began(1).replace(PEER, other), *bare))
    assert dict(zip(pieces["piece_number"], pieces["peer_id"], strict=True)) == {0: PEER, 1: other}


def piece(event: str, log_line: int, log_path: str = "h/a.log", second: int = 0) -> dict:
    return {
        "time": pd.Timestamp("2026-05-02T10:00:00Z") + pd.Timedelta(seconds=second), "level": "INFO", "component": "client", "role": "client",
        "host": "h", "event_id": event, "task_id": "t", "peer_id": "p", "piece_number": 0, "log_path": log_path, "log_line": log_line,
    }  # fmt: skip


def test_newest_first_files_are_read_backwards():
    """Of one moment the later line was written earlier: start and finish are one piece, not an end and an open start."""
    listed = records([piece("task_finished", 1, second=9), piece("piece_finished", 2), piece("piece_started", 3)])
    assert reconstructed(listed)[0]["outcome"].tolist() == ["ok"]


def test_the_engine_says_which_file_is_older():
    """Records of one moment come by `files`, where there is such a relation."""
    listed = records([piece("piece_started", 1, "new"), piece("piece_finished", 1, "old")])
    for order, outcomes in (((1, 2), ["ok"]), ((2, 1), ["unknown", "ok"])):
        with connect(listed) as connection:
            rows = "VALUES ('new', ?, false), ('old', ?, false)"
            connection.execute(
                f"CREATE TABLE files AS SELECT * FROM ({rows}) AS f(log_path, file_order, newest_first)", order
            )
            reconstruct(connection, timeouts())
            assert sorted(tables_of(connection)[0]["outcome"]) == sorted(outcomes)


def test_records_of_no_use_change_nothing():
    """Lines that name no peer, or no event, are not looked at."""
    log = client(began(0), started(1, 0), finished(2, 0))
    more = ("other/dfdaemon/dfdaemon.log", line(1, "something else", ids="") + "\n" + line(2, "more") + "\n")
    for left, right in zip(reconstructed(records_of(log, more)), reconstructed(records_of(log)), strict=True):
        pd.testing.assert_frame_equal(left, right)
