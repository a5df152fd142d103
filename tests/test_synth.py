"""Synthetic runs: their lines look like the real ones, their truth agrees with their text."""

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from line_shapes import UNSEEN, real_shape, run_shapes

from dfly_analysis.errors import DflyError
from tests.synthetic import (
    CASES,
    CLIENTS,
    Hosts,
    Limits,
    Origin,
    draw_request,
    piece_length,
    write_run,
    write_sample,
)
from tests.synthetic.scenarios import CAUSES

DATA = Path(__file__).parent / "data"
PAIRS = [(name, client) for client in CLIENTS for name, case in CASES.items() if client in case.clients]
TROUBLE = [pair for pair in PAIRS if pair[0] != "healthy" and pair != ("twenty", "v0.1.118")]


@cache
def known(client):
    lines = (DATA / f"line_shapes-{client}.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def dfdaemon_text(directory, pattern="*"):
    return "".join(path.read_text("utf-8") for path in sorted(Path(directory).glob(f"run/{pattern}/dfdaemon/*.log")))


def tree_bytes(directory):
    root = Path(directory)
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(("case", "client"), [pair for pair in PAIRS if pair[1] != "v1.0.26"])
def test_each_line_has_the_shape_of_a_real_line(tmp_path, case, client):
    """Level, spans, place, wording, fields and their order occur in logs of the real version, error words aside."""
    write_run(tmp_path, case=case, client=client, seed=3, images=3, layers_per_image=3)
    shapes = set(run_shapes(tmp_path / "run"))
    unseen = {shape for shape in shapes if any(text in shape for text in UNSEEN[client])}
    strange = {shape for shape in shapes - unseen if real_shape(shape, client) not in known(client)}
    assert len(shapes) > 60
    assert strange == set()
    assert bool(unseen) == ((case, client) in UNSEEN_PAIRS)


UNSEEN_PAIRS = {("token-expired", "v0.1.118"), ("registry-503", "v0.1.118"), ("scheduler-frozen", "v1.5.1")}


def test_a_shape_tells_changed_lines_apart(tmp_path):
    """The check is not blind: another level, place, wording or order of fields is no real shape."""
    write_run(tmp_path, client="v1.5.1", seed=3, images=1, layers_per_image=2)
    log = next((tmp_path / "run").glob("seed-client-0/dfdaemon/dfdaemon.log"))
    line = next(text for text in dfdaemon_text(tmp_path).splitlines() if "need back to source" in text)
    assert set(run_shapes(tmp_path / "run")) <= known("v1.5.1")
    swapped = re.sub(r'(task_id="\S+") (peer_id="\S+")', r"\2 \1", line)
    for broken in (
        line.replace(" INFO", " WARN"),
        line.replace("task.rs:950", "task.rs:951"),
        line.replace("need back to source", "needs back to source"),
        swapped,
        line.replace("Z  INFO", "123+00:00  INFO"),
    ):
        assert broken != line
        log.write_text(broken + "\n", "utf-8")
        assert not set(run_shapes(tmp_path / "run")) <= known("v1.5.1")


@cache
def sourced_wording():
    rows = [row.split("\t") for row in known("v1.0.26")]
    fields = r"(?: (?:host_id|remote_host_id|task_id|peer_id|url|remote_ip|content_length|piece_id)=\S+)*"
    return [(level, re.compile(re.sub(r"<\d>", ".+?", re.escape(text)) + fields)) for level, text in rows]


@pytest.mark.parametrize("case", ["slow-source", "write-timeout", "disk-full", "scheduler-frozen", "token-expired"])
def test_lines_of_v1_0_26_have_the_level_and_wording_of_its_sources(tmp_path, case):
    """Where no real log exists, level and message still follow what the sources of that version print."""
    write_run(tmp_path, case=case, client="v1.0.26", seed=2, images=1, layers_per_image=2)
    messages = set()
    for line in dfdaemon_text(tmp_path).splitlines():
        level, message = re.fullmatch(r"\S+ +(\w+) (?:[a-z_:]+: )?\S+\.rs:\d+: (.*)", line).groups()
        messages.add((level, re.sub(r"[0-9a-f]{64}", "H", message)))
    assert {
        m for m in messages if not any(m[0] == level and p.fullmatch(m[1]) for level, p in sourced_wording())
    } == set()


def test_piece_lines_of_v1_0_26_carry_nothing_but_the_piece(tmp_path):
    """The versions v1.0.18 to v1.0.28 lose span, task, peer and host on piece lines; task lines keep them."""
    write_run(tmp_path, client="v1.0.26", seed=1, images=1, layers_per_image=2)
    text = dfdaemon_text(tmp_path, "seed-*")
    pieces = [
        line for line in text.splitlines() if "piece" in line and "from source" in line and "all pieces" not in line
    ]
    assert len(pieces) > 20
    assert not [line for line in pieces if "host_id=" in line or "peer_id=" in line or "download_task" in line]
    failed = re.findall(r"^.*(?:copy \"|download piece finished: ).*$", text, re.MULTILINE)
    assert failed
    assert all(re.search(r' piece_id="[0-9a-f]{64}-\d+"$', line) and "task_id=" not in line for line in failed)
    task_lines = [line for line in text.splitlines() if "download task succeeded" in line]
    assert all("host_id=" in line and "task_id=" in line and "peer_id=" in line for line in task_lines)


@pytest.mark.parametrize("client", CLIENTS)
def test_same_seed_same_bytes(tmp_path, client):
    """A run is decided by its arguments alone; another seed is another run."""
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_run(tmp_path / name, case="mixture", client=client, seed=seed, images=1, layers_per_image=2)
    assert tree_bytes(tmp_path / "a") == tree_bytes(tmp_path / "b")
    assert tree_bytes(tmp_path / "a") != tree_bytes(tmp_path / "c")


@pytest.mark.parametrize(("case", "client"), TROUBLE)
def test_a_case_shows_its_trouble(tmp_path, case, client):
    """What is planted makes tasks fail, for the cause planted, in one of a few seeds at default size."""
    planted = CASES[case].origin
    causes = {
        "resets": "network_instability",
        "truncated": "network_instability",
        "disk-full": "disk_full",
        "token-expired": "auth",
        "registry-503": "origin_registry",
        "killed": "resource_limit",
        "scheduler-frozen": "scheduler_unavailable",
    }
    found = Counter()
    for seed in range(1, 7):
        truth = write_run(tmp_path, case=case, client=client, seed=seed)
        found.update(truth.tasks_failed_by_cause)
        if found:
            break
    expected = (
        {"timeout_too_short", "network_instability"} if case == "mixture" else {causes.get(case, "timeout_too_short")}
    )
    assert found
    assert set(found) <= expected
    assert planted.rate_bps == truth.origin["rate_bps"]


@pytest.mark.parametrize(("case", "client"), PAIRS)
def test_truth_agrees_with_the_text(tmp_path, case, client):
    """Failed tasks are told in as many lines; killed ones are told by nothing, which is the point of the case."""
    truth = write_run(tmp_path, case=case, client=client, seed=4, images=3, layers_per_image=3)
    text = dfdaemon_text(tmp_path)
    told = len(re.findall(r": download (?:started )?failed(?: by error)?: ", text))
    killed = truth.tasks_failed_by_cause.get("resource_limit", 0)
    assert told == truth.tasks_failed - killed
    assert (case == "killed") == (killed > 0)
    assert sum(truth.tasks_failed_by_cause.values()) == truth.tasks_failed
    assert set(truth.tasks_failed_by_cause) <= set(CAUSES.values())
    assert truth.layers_failed == sum(not layer["preheated"] for layer in truth.layers)
    written = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert written["tasks_failed"] == truth.tasks_failed
    assert not list((tmp_path / "run").rglob("truth*"))


@pytest.mark.parametrize("client", ["v0.1.118", "v1.0.26"])
@given(seed=st.integers(0, 10_000), case=st.sampled_from(["slow-source", "resets", "mixture"]))
@settings(max_examples=examples(8), deadline=None)
def test_started_pieces_are_finished_failed_or_cancelled(tmp_path_factory, client, seed, case):
    """In the text as in the truth: each attempt that starts ends in exactly one way."""
    directory = tmp_path_factory.mktemp("run")
    truth = write_run(directory, case=case, client=client, seed=seed, images=1, layers_per_image=2)
    text = dfdaemon_text(directory, "seed-*")
    started = len(re.findall(r"start to download piece \S+ from source", text))
    ok = len(re.findall(r"finished piece \S+ from source", text)) + text.count('"Closed(..)"')
    failed = text.count("download piece finished: ")
    deleted = text.count(": delete piece metadata ")
    assert (started, ok, failed) == (truth.pieces_started, truth.pieces_ok, truth.pieces_failed)
    assert deleted == failed + truth.pieces_cancelled
    assert started == ok + failed + truth.pieces_cancelled
    assert (truth.pieces_cancelled == 0) or client != "v0.1.118"


@given(seed=st.integers(0, 10_000), client=st.sampled_from(CLIENTS))
@settings(max_examples=examples(8), deadline=None)
def test_no_more_pieces_in_flight_than_slots(tmp_path_factory, seed, client):
    """Without a failure, a task never has more pieces in flight than ``concurrentPieceCount``, and its slots are used."""
    directory = tmp_path_factory.mktemp("run")
    case = replace(CASES["healthy"], concurrent_pieces=3, pulls=0)
    write_run(
        directory,
        case=case,
        client="v0.1.118" if client == "v1.5.1" else client,
        seed=seed,
        images=1,
        layers_per_image=1,
    )
    most = Counter()
    for path in Path(directory).glob("run/seed-*/dfdaemon/dfdaemon.log"):
        flying = Counter()
        for line in path.read_text("utf-8").splitlines():
            if found := re.search(r"(start to download|finished) piece ([0-9a-f]{64})-\d+ from source", line):
                flying[found[2]] += 1 if found[1].startswith("start") else -1
                most[found[2]] = max(most[found[2]], flying[found[2]])
        assert set(flying.values()) <= {0}
    assert max(most.values()) == 3


@pytest.mark.parametrize("client", CLIENTS)
def test_a_generous_timeout_ends_the_trouble(tmp_path, client):
    """The slow registry alone fails nothing: only the limit does."""
    case = replace(CASES["slow-source"], piece_timeout_s=120.0)
    truth = write_run(tmp_path, case=case, client=client, seed=1, images=3)
    assert (truth.tasks_failed, truth.pieces_failed, truth.primary_cause) == (0, 0, None)
    assert "ERROR download_task" not in dfdaemon_text(tmp_path)
    assert write_run(tmp_path, client=client, seed=1, images=3).tasks_failed > 0


def test_pieces_cut_ran_exactly_the_limit(tmp_path):
    """A piece that fails of the limit ends the limit after its start: what the analysis of v0.1.118 rests on."""
    write_run(tmp_path, client="v0.1.118", seed=1, images=2)
    started, took_s = {}, []
    for path in (tmp_path / "run").glob("seed-*/dfdaemon/dfdaemon.log"):
        for line in path.read_text("utf-8").splitlines():
            at_s = float(line[17:].split("+")[0]) + 60 * int(line[14:16])
            if found := re.search(r"partial_with_scheduler_from_source: .*start to download piece (\S+)", line):
                started[found[1]] = at_s
            elif found := re.search(
                r'scheduler_from_source:download_from_source: .*piece finished.*piece_id="(\S+)"', line
            ):
                took_s.append(at_s - started[found[1]])
    assert len(took_s) > 10
    # A piece that waits for another round's request may see it fail; then it asks anew and ends later.
    assert np.mean(np.abs(np.array(took_s) - 6.0) < 0.01) > 0.8
    assert min(took_s) > 5.99


@pytest.mark.parametrize("client", CLIENTS)
def test_only_pieces_of_the_first_round_reach_the_scheduler(tmp_path, client):
    """The scheduler sees the pieces its round reported in time and no other: fewer than the client finished."""
    truth = write_run(tmp_path, client=client, seed=1, images=3)
    core = (tmp_path / "run/scheduler-0/scheduler/core.log").read_text("utf-8")
    seen = core.count("receive DownloadPieceBackToSourceFinishedRequest")
    assert 0 < seen < truth.pieces_ok
    if client == "v0.1.118":
        text = dfdaemon_text(tmp_path, "seed-*")
        assert seen == len(re.findall(r"scheduler_from_source: .*finished piece", text))
        assert core.count("InvalidArgument") == text.count("sent DownloadPeerBackToSourceFailedRequest") > 0
        assert "BackToSourceFailedRequest, description" not in core


def test_jobs_of_the_old_scheduler_fail_with_a_layer(tmp_path):
    """v2.1.63: one task a layer, a failed layer fails its job and leaves its words there."""
    truth = write_run(tmp_path, client="v0.1.118", seed=1)
    jobs = json.loads((tmp_path / "run/jobs.json").read_text("utf-8"))
    states = [state for job in jobs for state in job["result"]["job_states"]]
    failed = [state for state in states if state["state"] == "FAILURE"]
    assert len(states) == len(truth.layers) + truth.images
    assert len(failed) == truth.layers_failed > 0
    assert {state["error"] for state in failed} == {"rpc error: code = Internal desc = error decoding response body"}
    assert [job["state"] for job in jobs] == list(truth.job_states)
    assert "FAILURE" in truth.job_states


@pytest.mark.parametrize("client", ["v1.0.26", "v1.5.1"])
def test_jobs_of_newer_schedulers_say_success_although_layers_are_missing(tmp_path, client):
    """v2.3.4 and v2.5.1: only ``success_tasks`` tells which layers are there."""
    truth = write_run(tmp_path, client=client, seed=1)
    jobs = json.loads((tmp_path / "run/jobs.json").read_text("utf-8"))
    there = {
        task["url"].rsplit(":", 1)[1]
        for job in jobs
        for state in job["result"]["job_states"]
        for task in state["results"][0]["success_tasks"] or ()
    }
    missing = {layer["digest"] for layer in truth.layers if not layer["preheated"]}
    assert set(truth.job_states) == {"SUCCESS"}
    assert len(missing) == truth.layers_failed > 0
    assert missing.isdisjoint(there)
    assert {layer["digest"] for layer in truth.layers} - missing <= there


@pytest.mark.parametrize("client", CLIENTS)
def test_a_killed_seed_stops_and_starts_without_goodbye(tmp_path, client):
    """Three kills show as three more starts; no line of the client says that a task failed."""
    truth = write_run(tmp_path, case="killed", client=client, seed=1)
    text = dfdaemon_text(tmp_path)
    assert text.count("tracing initialized directory") == 5 + 3
    assert "download failed:" not in text
    assert truth.tasks_failed_by_cause == {"resource_limit": truth.tasks_failed}
    core = (tmp_path / "run/scheduler-0/scheduler/core.log").read_text("utf-8")
    assert "error reading from server: EOF" in core


@pytest.mark.parametrize("client", CLIENTS)
def test_a_silent_scheduler_fails_only_the_client_that_may_not_go_to_the_source(tmp_path, client):
    """The other client falls back; while the scheduler is silent it prints nothing."""
    truth = write_run(tmp_path, case="scheduler-frozen", client=client, seed=1, images=2)
    assert truth.layers_failed == 0
    assert truth.pulls_failed == truth.pulls // 2 == truth.tasks_failed
    assert "back-to-source is disabled" not in dfdaemon_text(tmp_path, "client-0")
    assert dfdaemon_text(tmp_path, "client-1").count("back-to-source is disabled") == truth.pulls_failed
    first_pull = min(re.findall(r"^(\S{19}).*download task started", dfdaemon_text(tmp_path, "client-*"), re.MULTILINE))
    core = (tmp_path / "run/scheduler-0/scheduler/core.log").read_text("utf-8").splitlines()
    assert json.loads(core[-1])["ts"][:19].replace(" ", "T") < first_pull


def test_one_layer_of_twenty_gigabytes(tmp_path):
    """320 pieces of 64 MiB on v1.5.1, lost in both passes; 16 MiB on v0.1.118 come through at the same limit."""
    truth = write_run(tmp_path / "new", case="twenty", client="v1.5.1")
    assert truth.layers[0]["size_bytes"] == 20 * 1024**3
    assert truth.layers_failed == 1
    assert truth.pieces_cancelled > 47
    assert str(list(range(320))) in dfdaemon_text(tmp_path / "new")
    assert write_run(tmp_path / "old", case="twenty", client="v0.1.118").tasks_failed == 0


def test_configuration_in_force_is_in_the_tree(tmp_path):
    """Each host's rendered file says the limits the simulation used."""
    case = replace(CASES["slow-source"], piece_timeout_s=7.5, concurrent_pieces=5)
    truth = write_run(tmp_path, case=case, client="v1.5.1", seed=1, images=1, hosts=Hosts(seeds=2, clients=1))
    found = {
        path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in (tmp_path / "run").glob("*/dfdaemon.yaml")
    }
    assert set(found) == {"seed-client-0", "seed-client-1", "client-0"}
    assert (
        {host["download"]["pieceTimeout"] for host in found.values()}
        == {"7.5s"}
        == {truth.seed_settings["pieceTimeout"]}
    )
    assert {host["download"]["concurrentPieceCount"] for host in found.values()} == {5}
    assert found["seed-client-0"]["seedPeer"]["enable"] is True
    assert found["client-0"]["seedPeer"]["enable"] is False


@pytest.mark.parametrize(
    ("client", "size_bytes", "expected_mib"),
    [
        ("v0.1.97", 20 * 1024**3, 4),
        ("v0.1.118", 1_000_000, 4),
        ("v0.1.118", 2_000_000_000, 4),
        ("v0.1.118", 2_200_000_000, 8),
        ("v0.2.25", 20 * 1024**3, 16),
        ("v0.2.26", 20 * 1024**3, 64),
        ("v1.5.1", 20 * 1024**3, 64),
        ("v1.5.1", 500 * 8 * 1024**2, 8),
    ],
)
def test_piece_length_follows_size_and_version(client, size_bytes, expected_mib):
    """4 MiB to about 2.1 GB, then the next power of two of a 500th, clamped by version."""
    assert piece_length(client, size_bytes) == expected_mib * 1024**2


def test_the_law_of_a_request_is_the_one_planted():
    """Uncut durations are log-normal with the median and sigma planted; the limit and the hazard cut as they should."""
    rng, origin = np.random.default_rng(5), Origin(1.6e6, 0.5)
    taken = np.array([draw_request(rng, origin, 4_194_304, Limits(float("inf"))).duration_s for _ in range(4000)])
    logs = np.log(taken - 0.004)
    assert np.median(taken) == pytest.approx(4_194_304 / 1.6e6, rel=0.04)
    assert np.std(logs) == pytest.approx(0.5, rel=0.05)
    cut = [draw_request(rng, origin, 4_194_304, Limits(6.0)) for _ in range(4000)]
    share = np.mean([request.outcome == "timeout" for request in cut])
    assert share == pytest.approx(np.mean(taken > 6.0), abs=0.015)
    assert {request.duration_s for request in cut if request.outcome == "timeout"} == {6.0}
    reset = [draw_request(rng, Origin(1e6, 0.01, reset_per_s=0.05), 10_000_000, Limits(60.0)) for _ in range(4000)]
    assert np.mean([request.outcome == "reset" for request in reset]) == pytest.approx(1 - np.exp(-0.5), abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"case": "slow-sorce"}, "slow-source"),
        ({"case": "healthy", "client": "v1.5.2"}, "v1.5.1"),
        ({"case": "write-timeout", "client": "v0.1.118"}, "v1.0.26"),
        ({"scale": 0}, "above 0"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(tmp_path, arguments, hint):
    """A misspelt case or client, or one that cannot be shown, is one line with the way out, and nothing is written."""
    with pytest.raises(DflyError) as caught:
        write_run(tmp_path / "out", **arguments)
    assert hint in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_sample_prints_nothing(tmp_path, capsys):
    """Writing a sample is silent and gives the same bytes as the run it stands for."""
    write_sample(tmp_path / "sample", "registry-503", "v1.5.1", 2)
    write_run(tmp_path / "run-itself", case="registry-503", client="v1.5.1", seed=2)
    assert capsys.readouterr() == ("", "")
    assert tree_bytes(tmp_path / "sample") == tree_bytes(tmp_path / "run-itself")
