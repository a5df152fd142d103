"""Attempts rebuilt from events: pieces, cancelled siblings and tasks agree with what was planted, whichever logs are there."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shutil
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import PEER, TASK, generated, line, loaded, read, reported, settings_of, write_tree, zap

from dfly_analysis.attempts import (
    COLUMNS,
    EVERYWHERE,
    Limits,
    assign_parts,
    choose_everywhere,
    needed_rows,
    rebuild,
    rebuild_parts,
    tasks_of_peers,
    typed,
)
from dfly_analysis.attempts.limits import is_at_limit
from dfly_analysis.attempts.pairs import pair_up
from dfly_analysis.attempts.pieces import n_planned
from dfly_analysis.dataset import limits_of, load
from dfly_analysis.synth import CLIENTS

FAILING = ["slow-source", "resets", "mixture", "truncated", "stalls", "write-timeout"]
RUNS = [(case, client) for client in CLIENTS for case in FAILING if (case, client) != ("write-timeout", "v0.1.118")]
OTHERS = [
    (case, client)
    for client in CLIENTS
    for case in ("healthy", "disk-full", "killed", "token-expired", "scheduler-frozen")
]
SLOTS = 8
TIMED_OUT = "error decoding response body: request or response body error: operation timed out"


def source(dataset):
    return dataset.pieces[dataset.pieces["origin"] == "source"]


def outcomes(pieces):
    return pieces["outcome"].value_counts().to_dict()


def rebuilt(*files, limit_s=6.0, cancelled=True, slots=2):
    """Rebuild from texts: (address, text) each."""
    events = pd.concat([read(text, address).events for address, text in files], ignore_index=True)
    events = events.sort_values(["time", "log_path", "log_line"], kind="stable", ignore_index=True)
    return rebuild(
        events, Limits(lambda _role, _host: limit_s, lambda _role, _host: slots, lambda _role, _host: cancelled)
    )


def client(*lines, address="seed-client-0/dfdaemon/dfdaemon.log"):
    return address, "\n".join(lines) + "\n"


def started(second, number):
    return line(second, f"start to download piece {TASK}-{number} from source")


def finished(second, number):
    return line(second, f"finished piece {TASK}-{number} from source")


def failed(second, number, words="error decoding response body"):
    ids = f'task_id="{TASK}" peer_id="{PEER}" piece_id="{TASK}-{number}"'
    return "\n".join(
        [
            line(second, f'copy "/content/{TASK}" failed: {words}', level="ERROR", ids=ids),
            line(second + 0.0001, f"download piece finished: {words}", level="ERROR", ids=ids),
        ]
    )


def deleted(second, number):
    return line(second, f"delete piece metadata {TASK}-{number}")


def planned(second, numbers, stage="downloading from scheduler"):
    return line(second, f"interested pieces after {stage}: {list(numbers)}")


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_failed_and_cancelled_pieces_are_those_of_the_truth(case, version):
    """Cut, reset and cancelled attempts at the source are counted as planted, for every era and kind of failure."""
    _, truth = generated(case, version)
    pieces = source(loaded(case, version))
    got = outcomes(pieces)
    requests = truth.requests_at_origin
    assert truth.pieces_failed > 3
    assert got.get("timeout", 0) == truth.pieces_cut
    assert got.get("reset", 0) == requests.get("reset", 0) + requests.get("truncated", 0)
    assert got.get("cancelled", 0) == truth.pieces_cancelled
    assert "unknown" not in got
    seen_by_its_client = version != "v1.5.1"  # later clients log no start and no finish
    assert (got["ok"] == requests["sent"]) if seen_by_its_client else (0 < got["ok"] < requests["sent"])
    assert not pieces[pieces["outcome"] == "ok"].duplicated(["peer_id", "piece_number"]).any()
    assert pieces["censored"].equals(pieces["outcome"] != "ok")


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_a_cut_piece_ran_as_long_as_its_limit(case, version):
    """Of the two clocks over a body the shorter one is the limit in force, and cut pieces ran just as long."""
    _, truth = generated(case, version)
    pieces = source(loaded(case, version))
    cut = pieces[pieces["outcome"] == "timeout"]
    limits = [
        truth.seed_settings["pieceTimeout"],
        *([truth.seed_settings["writePieceTimeout"]] if version != "v0.1.118" else []),
    ]
    shortest = min(float(limit.removesuffix("s")) for limit in limits)
    assert len(cut) == truth.pieces_cut
    assert cut["timeout_s"].eq(shortest).all()
    assert (cut["duration_s"] - shortest).abs().le(0.1).all()
    rest = pieces[pieces["duration_s"].notna() & (pieces["outcome"] != "timeout")]
    assert (rest["duration_s"] >= 0).all()
    assert (rest["duration_s"] <= shortest + 0.1).all()


@pytest.mark.parametrize(("case", "version"), [*RUNS, *OTHERS])
def test_tasks_are_those_of_the_truth(case, version):
    """As many failed, of the planted causes, each with its first and last error where a client logged one."""
    _, truth = generated(case, version)
    failed_tasks = loaded(case, version).failed_tasks
    assert failed_tasks["cause"].value_counts().to_dict() == dict(truth.tasks_failed_by_cause)
    own = failed_tasks[failed_tasks["outcome"] == "failed"]
    assert own["first_error"].notna().all()
    assert own["last_error"].notna().all()
    assert own["ended"].notna().all()
    assert failed_tasks["log_path"].notna().all()


@pytest.mark.parametrize("version", CLIENTS)
def test_finished_tasks_know_size_pieces_and_origin(version):
    """Sizes are those of the layers, pulled blobs came from parents, preheated ones from the source."""
    _, truth = generated("healthy", version)
    tasks = loaded("healthy", version).tasks
    sizes = {layer["size_bytes"] for layer in truth.layers}
    seeds = tasks[(tasks["role"] == "seedClient") & (tasks["n_pieces"] > 1)]
    assert sizes >= set(seeds["size_bytes"])
    assert len(seeds)
    assert seeds["origin"].eq("source").all()
    assert (seeds["bytes_from_source"] == seeds["size_bytes"]).all()
    assert (seeds["n_pieces"] == -(-seeds["size_bytes"] // seeds["piece_bytes"])).all()
    pulls = tasks[(tasks["role"] == "client") & (tasks["n_pieces"] > 1)]
    assert pulls["origin"].eq("parent").all()
    assert len(pulls)


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case, version in RUNS if case in ("slow-source", "mixture")]
)
def test_client_logs_alone_tell_the_same_failures(tmp_path, case, version):
    """Without the scheduler the failed and cancelled pieces are the same; where survivors are unseen the rows say so."""
    run, truth = generated(case, version)
    alone = load(
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("scheduler-0")),
        settings=settings_of(version),
    )
    pieces, whole = source(alone), source(loaded(case, version))
    assert {name: count for name, count in outcomes(pieces).items() if name != "ok"} == {
        name: count for name, count in outcomes(whole).items() if name != "ok"
    }
    assert len(alone.failed_tasks) == truth.tasks_failed
    if version == "v1.5.1":
        assert pieces["survivors_unseen"].all()
        assert (pieces.loc[pieces["outcome"] == "timeout", "duration_s"] - 6).abs().lt(0.1).all()
    else:
        assert outcomes(pieces) == outcomes(whole)
        assert not pieces["survivors_unseen"].any()


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case, version in RUNS if case in ("slow-source", "mixture")]
)
def test_the_scheduler_alone_tells_finished_pieces_and_failed_layers(tmp_path, case, version):
    """Every piece it was told of is one row with length and cost; nothing is invented."""
    run, truth = generated(case, version)
    alone = load(
        shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("seed-client-*", "client-*")),
        settings=settings_of(version),
    )
    pieces = source(alone)
    told = len(
        re.findall(
            r"receive DownloadPieceBackToSourceFinishedRequest",
            (run / "scheduler-0/scheduler/core.log").read_text("utf-8"),
        )
    )
    assert set(pieces["outcome"]) == {"ok"}
    assert len(pieces) == told > 20
    assert pieces["duration_s"].gt(0).all()
    assert pieces["size_bytes"].gt(0).all()
    assert len(alone.failed_tasks) == truth.tasks_failed


@pytest.mark.parametrize(("case", "version"), RUNS)
def test_both_logs_together_double_nothing(case, version):
    """A piece that client and scheduler saw is one row, with the client's times and the scheduler's size."""
    pieces = loaded(case, version).pieces
    finished_rows = pieces[(pieces["outcome"] == "ok") & (pieces["origin"] != "local")]
    assert not finished_rows.duplicated(["peer_id", "piece_number", "round"]).any()
    assert not pieces.duplicated(["peer_id", "piece_number", "attempt"]).any()
    assert finished_rows["size_bytes"].notna().all()


@pytest.mark.parametrize("case", ["slow-source", "write-timeout", "resets", "mixture"])
def test_siblings_without_any_line_are_inferred(tmp_path, case):
    """Without `delete piece metadata` the pieces in flight when the first round was lost are rebuilt, number and time alike."""
    run, _ = generated(case, "v1.5.1")
    with_lines = loaded(case, "v1.5.1")
    bare = shutil.copytree(run, tmp_path / "run")
    for log in bare.glob("*/dfdaemon/*.log"):
        log.write_text(
            "".join(
                text for text in log.read_text("utf-8").splitlines(keepends=True) if "delete piece metadata" not in text
            ),
            "utf-8",
        )
    dataset = load(bare, settings=settings_of("v1.5.1"))
    first, told = (
        source(one)[lambda frame: (frame["outcome"] == "cancelled") & (frame["round"] == 1)]
        for one in (dataset, with_lines)
    )
    key = ["peer_id", "piece_number"]
    assert len(told) > 5
    assert set(map(tuple, first[key].to_numpy())) == set(map(tuple, told[key].to_numpy()))
    assert first["duration_s"].sum() == pytest.approx(told["duration_s"].sum(), rel=0.02)
    assert outcomes(source(dataset)).get("timeout") == outcomes(source(with_lines)).get("timeout")
    assert len(dataset.failed_tasks) == len(with_lines.failed_tasks)


def test_a_plan_that_repeats_all_pieces_infers_only_what_was_in_flight():
    """Real clients print the whole plan again; finished pieces are not called cancelled, and no more than the slots hold."""
    plan = planned(0, range(6), "downloading from local")
    pieces, _ = rebuilt(
        client(plan, failed(6, 1, TIMED_OUT), planned(6.5, range(6)), line(20, "download failed: x", level="ERROR")),
        ("s/scheduler/core.log", "\n".join([reported(2, 0, "2s"), reported(4, 2, "2s"), reported(6.2, 3, "2.2s")])),
    )
    cancelled = pieces[pieces["outcome"] == "cancelled"].set_index("piece_number")
    assert cancelled.index.tolist() == [4, 5]
    assert cancelled["duration_s"].round(1).to_dict() == {4: 0.5, 5: 0.3}
    assert cancelled["censored"].all()


def test_pieces_that_never_had_a_slot_are_no_attempts():
    """Where the round ends before a slot was free for a piece, it was not begun."""
    pieces, _ = rebuilt(
        client(planned(0, range(9), "downloading from local"), failed(6, 0, TIMED_OUT), planned(6, range(9))),
        ("s/scheduler/core.log", reported(5, 1, "5s")),
    )
    assert sorted(pieces.loc[pieces["outcome"] == "cancelled", "piece_number"]) == [2]


def test_start_and_finish_are_one_piece():
    """Their distance is its time; a start without an end stays open."""
    pieces, _ = rebuilt(client(started(1, 0), started(1.5, 1), finished(3, 0)))
    first, second = pieces.to_dict("records")
    assert (first["outcome"], first["duration_s"], first["censored"]) == ("ok", 2.0, False)
    assert (second["outcome"], second["censored"]) == ("unknown", True)
    assert pd.isna(second["ended"])


def test_the_lines_of_one_failure_are_one_failed_piece():
    """Write error, piece error and dropped record are one attempt with the time it had run."""
    pieces, _ = rebuilt(client(started(1, 0), failed(7, 0), deleted(7.0002, 0)))
    assert pieces[["outcome", "duration_s", "attempt"]].to_numpy().tolist() == [
        ["timeout", pytest.approx(6.0, abs=0.001), 1]
    ]


def test_a_body_that_ends_early_is_a_reset_and_at_the_limit_a_timeout():
    """The same words mean different things by the time the piece had run; without a limit nothing is guessed."""
    log = client(started(1, 0), failed(3, 0), started(4, 1), failed(10, 1))
    assert rebuilt(log)[0]["outcome"].tolist() == ["reset", "timeout"]
    assert rebuilt(log, limit_s=None)[0]["outcome"].tolist() == ["unknown", "unknown"]


def test_a_second_failure_of_the_same_piece_is_an_attempt_of_its_own():
    """Dropped records are matched to failures one by one, even where the next round fails at once."""
    log = client(
        started(1, 0),
        failed(2, 0),
        deleted(2.001, 0),
        planned(2.01, [0]),
        started(2.02, 0),
        failed(2.5, 0),
        deleted(2.501, 0),
    )
    pieces, _ = rebuilt(log)
    assert pieces[["attempt", "round", "outcome"]].to_numpy().tolist() == [[1, 1, "reset"], [2, 2, "reset"]]


def test_a_dropped_sibling_is_counted_once_with_its_own_start():
    """Its record's line ends the attempt that began; the plan after it adds nothing."""
    pieces, _ = rebuilt(
        client(
            started(1, 0),
            started(2, 1),
            failed(7, 0),
            deleted(7.001, 0),
            deleted(7.1, 1),
            planned(7.2, [0, 1]),
            started(7.3, 0),
            started(7.3, 1),
        )
    )
    rows = pieces[["piece_number", "outcome"]].to_numpy().tolist()
    assert rows == [[0, "timeout"], [0, "unknown"], [1, "cancelled"], [1, "unknown"]]
    assert pieces["duration_s"][2] == pytest.approx(5.1)


def test_clients_of_the_old_kind_let_siblings_run_on():
    """Nothing is cancelled; a piece of the next pass waits for the one under way and is no request of its own."""
    log = client(
        started(1, 0),
        started(1, 1),
        failed(7, 0),
        planned(7.1, [0, 1], "downloading from scheduler"),
        started(7.2, 1),
        finished(9, 1),
        finished(9.001, 1),
    )
    pieces, _ = rebuilt(log, cancelled=False)
    assert pieces[["piece_number", "origin", "outcome"]].to_numpy().tolist() == [
        [0, "source", "timeout"],
        [1, "source", "ok"],
        [1, "local", "ok"],
    ]


def test_who_waited_for_a_request_that_failed_asks_itself():
    """From then on it is an attempt at the source, begun when the other failed."""
    log = client(started(1, 0), planned(2, [0]), started(2.1, 0), failed(7, 0), finished(9, 0))
    pieces, _ = rebuilt(log, cancelled=False)
    assert pieces[["origin", "outcome", "duration_s"]].to_numpy().tolist() == [
        ["source", "timeout", pytest.approx(6.0)],
        ["source", "ok", pytest.approx(2.0)],
    ]


def test_a_restart_frees_what_was_under_way_also_across_rotated_files():
    """The process start in the newer file ends the older file's requests: the next peer asks itself, whichever file comes first."""
    other = PEER.replace("1111", "9999")
    old = client(
        line(0, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        started(1, 0),
        address="seed-client-0/dfdaemon/dfdaemon.log.1",
    )
    new = client(
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        started(6, 0).replace(PEER, other), finished(8, 0).replace(PEER, other),
    )  # fmt: skip
    rows = {True: rebuilt(old, new)[0], False: rebuilt(new, old)[0]}
    for pieces in rows.values():
        done = pieces[pieces["peer_id"] == other].iloc[0]
        assert (done["origin"], done["outcome"], done["duration_s"]) == ("source", "ok", 2.0)
    same_process = client(started(6, 0).replace(PEER, other), finished(8, 0).replace(PEER, other))
    waited = rebuilt(old, same_process)[0]
    assert waited.loc[waited["peer_id"] == other, "origin"].tolist() == ["local"]


def test_a_task_cut_in_two_by_rotation_is_whole():
    """A start in the older file pairs with its end in the newer one."""
    pieces, tasks = rebuilt(
        client(
            line(0, "download task started: Download {  }"),
            started(1, 0),
            address="seed-client-0/dfdaemon/dfdaemon.log.1",
        ),
        client(finished(4, 0), line(5, "download task succeeded")),
    )
    assert pieces[["outcome", "duration_s"]].to_numpy().tolist() == [["ok", 3.0]]
    assert tasks[["outcome", "duration_s"]].to_numpy().tolist() == [["ok", 5.0]]


def test_a_process_that_starts_anew_leaves_its_tasks_dead():
    """No end before the next start: the task died, and with a start of another host only it did not."""
    log = client(
        line(0, "download task started: Download {  }"),
        started(1, 0),
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
    )
    assert rebuilt(log)[1][["outcome", "cause"]].to_numpy().tolist() == [["died", "resource_limit"]]
    elsewhere = client(
        line(5, "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO", ids="", spans=""),
        address="other/dfdaemon/dfdaemon.log",
    )
    assert rebuilt(client(line(0, "download task started: Download {  }"), started(1, 0)), elsewhere)[1][
        "outcome"
    ].tolist() == ["unknown"]


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


def test_the_same_report_twice_is_one_piece():
    """The scheduler may print a piece again; a piece both saw keeps the client's times."""
    reports = (
        "s/scheduler/core.log",
        "\n".join([reported(3, 0, "9s"), reported(3.1, 0, "9s"), reported(5, 1, "1500ms")]),
    )
    pieces, _ = rebuilt(client(started(1, 0), finished(3, 0)), reports)
    assert pieces[["piece_number", "duration_s", "size_bytes"]].to_numpy().tolist() == [
        [0, 2.0, 4194304],
        [1, 1.5, 4194304],
    ]


def test_the_last_piece_is_as_long_as_what_is_left():
    """Sizes come from the blob where no report names them."""
    pieces, tasks = rebuilt(
        client(
            line(0, "content length 9000000, piece length 4194304"),
            *(started(1, n) for n in range(3)),
            *(finished(2, n) for n in range(3)),
            line(3, "download task succeeded"),
        )
    )
    assert pieces["size_bytes"].tolist() == [4194304, 4194304, 611392]
    assert tasks["bytes_from_source"].tolist() == [9000000]


def test_a_failed_task_keeps_its_first_and_last_error():
    """And takes the cause its words name."""
    log = client(
        line(0, "download task started: Download {  }"),
        failed(7, 0, TIMED_OUT),
        line(8, f"download failed: {TIMED_OUT}", level="ERROR"),
    )
    task = rebuilt(log)[1].iloc[0]
    assert (task["outcome"], task["cause"], task["duration_s"]) == ("failed", "timeout_too_short", 8.0)
    assert task["first_error"].startswith("copy ")
    assert task["last_error"].startswith("download failed")


def test_only_the_scheduler_saw_it():
    """A peer without a client log ends as the scheduler or the preheat says."""
    good = (
        "s/core.log",
        "\n".join(
            [
                zap(1, "receive RegisterPeerRequest, url: http://r/a"),
                zap(4, "receive DownloadPeerBackToSourceFinishedRequest, content length: 12, piece count: 1"),
            ]
        ),
    )
    bad = (
        "s/core.log",
        "\n".join(
            [
                zap(1, "receive RegisterPeerRequest, url: http://r/a"),
                zap(4, "[preheat]: preheat failed for http://r/a: error decoding response body", level="error"),
            ]
        ),
    )
    assert rebuilt(good)[1][["outcome", "size_bytes", "duration_s"]].to_numpy().tolist() == [["ok", 12, 3.0]]
    assert rebuilt(bad)[1]["outcome"].tolist() == ["failed"]


@pytest.mark.parametrize(
    ("duration_s", "limit_s", "expected"),
    [
        (6.0, 6.0, True),
        (6.3, 6.0, True),
        (5.99, 6.0, True),
        (5.9, 6.0, False),
        (6.4, 6.0, False),
        (610.0, 600.0, True),
        (1.0, None, False),
    ],
)
def test_the_limit_has_some_play(duration_s, limit_s, expected):
    """Timers fire late, by a third of a second or two per cent of a long limit, and next to never early."""
    assert is_at_limit(duration_s, limit_s) is expected


@pytest.mark.parametrize("sample", ["article_sample", "slow_sample"])
def test_the_real_runs_are_rebuilt(sample, request):
    """On logs of the real clients nothing is doubled, cut pieces ran six seconds, and every failed layer is there."""
    truth = request.getfixturevalue(sample.replace("sample", "truth"))
    dataset = load(request.getfixturevalue(sample), settings=settings_of(truth["client"]))
    pieces = source(dataset)
    ok = pieces[pieces["outcome"] == "ok"]
    assert not ok.duplicated(["peer_id", "piece_number"]).any()
    assert len(ok) <= truth["requests_at_origin"]["sent"]
    cut = pieces[pieces["outcome"] == "timeout"]
    assert (cut["duration_s"] - 6).abs().lt(0.1).all()
    assert len(cut) >= truth["requests_at_origin"]["cut at the limit"]
    cancelled = int((pieces["outcome"] == "cancelled").sum())
    assert cancelled == 0 if truth["client"] == "v0.1.118" else 75 < cancelled < 100
    assert len(dataset.failed_tasks) == truth["tasks_failed"]
    logs = dataset.coverage[dataset.coverage["kind"] == "log"]
    assert logs["rejected"].sum() == 0
    assert limits_of(dataset.settings).limit_s("seedClient", "seed-client-0") == 6


def test_an_empty_input_is_two_empty_tables(tmp_path):
    """A log without any task gives frames with their columns."""
    dataset = load(write_tree(tmp_path / "in", {"a.log": line(1, "hello", ids="", spans="")}))
    assert dataset.pieces.empty
    assert dataset.tasks.empty
    assert {"piece_number", "duration_s", "outcome"} <= set(dataset.pieces.columns)


STAGE = importlib.import_module("dfly_analysis.attempts.rebuild")
OTHER_PEER = PEER.replace("1111", "9999")
RESTART = "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO"
STEPS = st.tuples(
    st.sampled_from([started, started, finished, finished, failed, deleted, planned, None]),
    st.integers(0, 2),
    st.sampled_from([PEER, PEER, PEER, OTHER_PEER]),
    st.sampled_from([0.0, 0.5, 3.0, 6.0]),
)


def written(steps):
    """Write a client's log of such steps, one after another; None is a restart."""
    lines, second = [], 1.0
    for step, number, peer, wait_s in steps:
        second += wait_s
        if step is None:
            lines.append(line(second, RESTART, ids="", spans=""))
        else:
            told = step(second, range(number + 1) if step is planned else number)
            lines.append(told.replace(PEER, peer))
    return client(*lines)


def one_by_one(records, background):
    """Leave every piece to the pairing record by record."""
    paired = pair_up(records, background)
    rows = np.sort(np.concatenate([paired.rest, *(one[one >= 0] for one in (paired.started, paired.ended))]))
    none = np.empty(0, dtype=np.int64)
    return dataclasses.replace(paired, started=none, ended=none, found_there=none.astype(bool), rest=rows)


@given(st.lists(STEPS, min_size=1, max_size=25), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_ordinary_pieces_paired_at_once_are_those_paired_one_by_one(steps, cancelled):
    """Whatever happens to siblings, rounds, processes and other peers, the short way gives the rows of the long one."""
    log = written(steps)
    at_once = rebuilt(log, cancelled=cancelled)
    with mock.patch.object(STAGE, "pair_up", one_by_one):
        for left, right in zip(at_once, rebuilt(log, cancelled=cancelled), strict=True):
            pd.testing.assert_frame_equal(left, right)


def test_most_pieces_of_a_real_log_are_ordinary(article_sample):
    """Else the short way would be none: of a run with many failures more than half of the pieces take it."""
    taken = []

    def counted(records, background):
        paired = pair_up(records, background)
        taken.append(len(paired.started))
        return paired

    with mock.patch.object(STAGE, "pair_up", counted):
        pieces = load(article_sample).pieces
    assert sum(taken) > 0.5 * len(pieces)


def rejoined(tables):
    """Put the tables of all parts together in the order of the whole."""
    pieces, tasks = (pd.concat(frames) for frames in zip(*tables, strict=True))
    began = tasks["started"].fillna(pd.Timestamp(0, tz="UTC"))
    tasks = tasks.assign(began=began).sort_values(["began", "peer_id"], ignore_index=True).drop(columns="began")
    return pieces.sort_values(["peer_id", "piece_number", "attempt"], ignore_index=True), tasks


def split(events, n_parts, known=None):
    part = assign_parts(events, n_parts, known)
    return [lambda number=number: events[part == number] for number in range(n_parts)]


def assert_same(got, wanted):
    for left, right in zip(got, wanted, strict=True):
        pd.testing.assert_frame_equal(left, right)


def all_events(case, version):
    """Return the events of a generated run with the columns that loading drops."""
    run, _ = generated(case, version)
    logs = sorted(path for path in run.rglob("*.log"))
    return pd.concat(
        [read(path.read_text("utf-8"), str(path.relative_to(run))).events for path in logs], ignore_index=True
    )


@pytest.mark.parametrize(("n_parts", "everywhere"), [(1, "collected"), (3, "given"), (16, "collected")])
@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case in ("mixture", "killed") for version in CLIENTS]
)
def test_parts_have_the_rows_of_the_whole(case, version, n_parts, everywhere):
    """Limits learned from all parts, restarts and verdicts of preheats reach each of them, without any configuration too."""
    events = all_events(case, version)
    limits = Limits(lambda _role, _host: 360.0, lambda _role, _host: SLOTS, lambda _role, _host: version != "v0.1.118")
    shared = choose_everywhere(events) if everywhere == "given" else None
    whole = rebuild(events, limits)
    assert len(whole[0]) > 100
    assert_same(rejoined(rebuild_parts(split(events, n_parts), limits, shared)), whole)


def test_a_record_that_names_only_its_peer_is_in_the_part_of_its_task():
    """Also where another file says which task that is; the rows stay those of the whole."""
    events = all_events("mixture", "v1.5.1")
    known = tasks_of_peers(events)
    bare = events["peer_id"].notna() & events["event_id"].isin(["task_started", "task_failed", "peer_registered"])
    without = events.assign(task_id=events["task_id"].mask(bare))
    named = assign_parts(events, 7)
    assert bare.sum() > 10
    assert (assign_parts(without, 7, known)[bare] == named[bare]).all()
    assert_same(rejoined(rebuild_parts(split(without, 7, known), Limits())), rebuild(without, Limits()))


@pytest.mark.parametrize("version", CLIENTS)
def test_what_is_not_needed_changes_nothing(version):
    """Neither other rows and columns, nor the order of rows, nor whether texts are categories and numbers are numbers."""
    events = all_events("mixture", version)
    whole = rebuild(events, Limits())
    needed = events.loc[needed_rows(events), list(COLUMNS)]
    assert len(needed) < len(events)
    assert set(events.loc[events["event_id"].isin(EVERYWHERE)].index) <= set(needed.index)
    texts = needed.select_dtypes(["str", "object"]).columns.difference(["size_bytes", "piece_bytes"])
    numbers = {name: pd.to_numeric(needed[name]).astype("Int64") for name in ("size_bytes", "piece_bytes")}
    lean = needed.astype(dict.fromkeys(texts, "category")).assign(**numbers)
    assert_same(rebuild(lean, Limits()), whole)
    assert_same(rebuild(events.sample(frac=1, random_state=3), Limits()), whole)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4) | st.integers(0, 2**31 - 1)), max_size=30), st.booleans()
)
@settings(max_examples=examples(80), deadline=None)
def test_pieces_are_numbered_by_peer_and_number_whatever_gaps_there_are(pairs, sparse):
    """Places among all possible numbers and places found by sorting put the same pieces together, in the same order."""
    groups, numbers = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (0, 1))
    with mock.patch.multiple(typed, _ROOM=0 if sparse else 4, _ROOM_AT_LEAST=0 if sparse else 1 << 16):
        slots, size = typed.slots_of(groups, numbers, 4)
        codes, at = typed.numbered(groups, 4)
        firsts = typed.first_per_slot(slots, size)
    assert all(0 <= slot < size for slot in slots.tolist())
    assert [sorted(set(pairs)).index(pair) for pair in pairs] == np.unique(slots, return_inverse=True)[1].tolist()
    assert codes[at].tolist() == groups.tolist()
    assert codes.tolist() == sorted(set(groups.tolist()))
    assert firsts.tolist() == [place for place, pair in enumerate(pairs) if pair not in pairs[:place]]


@pytest.mark.parametrize("size", [1, 100, 101, 3000, 9000])
def test_plans_are_counted_whether_or_not_they_have_to_be_read(size: int) -> None:
    """A plan of all pieces in order is known as it is; others are read."""
    numbers = list(range(size))
    for listed in (numbers, numbers[::-1], numbers[size // 2 :], [*numbers, size + 50]):
        text = ", ".join(map(str, listed))
        assert n_planned(text) == max(listed) + 1
        assert n_planned(text.replace(" ", "")) == max(listed) + 1
