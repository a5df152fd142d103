"""Laws of the reading side: no line is lost, no secret survives, no order of files matters, no piece doubles."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import IDS, TASK, generated, line, loaded, opened, read, reported, settings_of, write_tree, zap
from reconstruction_cases import reconstructed, to_arrow

from dfly_analysis.catalog.log_formats import load_formats
from dfly_analysis.dataset import effective_timeouts, load
from dfly_analysis.readers.logs import sniff_format
from dfly_analysis.units import parse_duration
from tests.synthetic import CLIENTS, write_run
from tests.synthetic.log_writer import go_duration

CANARY = "c4n4ry-5e"
KNOWN = [text for one in load_formats() for text, _ in one.samples] + [
    line(1, "a"),
    line(2, f"finished piece {TASK}-1 from source"),
    zap(1, "m"),
    reported(2, 3, "1.5s"),
]
WRECKS = st.sampled_from(KNOWN).flatmap(lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut]))
LINES = st.lists(
    st.text(max_size=60)
    | st.sampled_from(KNOWN)
    | WRECKS
    | st.sampled_from(["", "  ", "\t at x", "\x1b[31m", "\r", '{"level":"info"}', f" {IDS}"]),
    max_size=12,
)
TABLES = ("events", "pieces", "tasks", "jobs", "runs")


def comparable(dataset, name):
    frame = getattr(dataset, name).drop(columns=["log_path", "log_line"], errors="ignore")
    return frame.sort_values(
        list(frame.columns.intersection(["time", "peer_id", "piece_number", "attempt", "task_id", "message"])),
        kind="stable",
        ignore_index=True,
    )


@given(LINES)
@settings(max_examples=examples(150))
def test_every_line_is_parsed_continuation_or_rejected(lines):
    """For any text the three counts add up to the lines, and each record stands on a line of its own."""
    text = "\n".join(lines)
    part = read(text)
    counted = part.coverage
    physical = text.count("\n") + (not text.endswith("\n")) if text else 0
    assert counted["lines"] == physical
    assert counted["parsed"] + counted["continuation"] + counted["rejected"] == physical
    assert min(counted[name] for name in ("parsed", "continuation", "rejected")) >= 0
    assert len(part.events) == counted["parsed"]
    assert part.events["log_line"].is_monotonic_increasing
    assert part.events["log_line"].is_unique


@given(LINES)
@settings(max_examples=examples(60))
def test_any_text_is_loaded_or_refused_in_one_line(lines):
    """`reconstruct` takes whatever events arbitrary text gives."""
    part = read("\n".join([*lines, line(9, "z")]))
    pieces, tasks = reconstructed(to_arrow(part.events), settings=effective_timeouts(settings_of("v1.5.1")))
    assert len(pieces) <= len(part.events)
    assert len(tasks) <= len(part.events)


@given(st.binary(max_size=2000))
@settings(max_examples=examples(60))
def test_any_bytes_are_counted(data):
    """Draining and reading agree on the number of lines, whatever the bytes are."""
    assert opened(data).drain() == len(list(opened(data).lines())) == read(data).coverage["lines"]


@given(
    LINES,
    st.sampled_from(
        [
            "Authorization: Bearer {}",
            "password={}",
            '"token":"{}"',
            "https://u:{}@r/x",
            "?X-Amz-Signature={}",
            "Cookie: s={}",
        ]
    ),
    st.integers(0, 12),
)
@settings(max_examples=examples(80))
def test_a_planted_secret_is_in_no_column(lines, shape, at):
    """Wherever in a file it stands, as a line, behind a message or in a continuation."""
    text = shape.format(CANARY)
    planted = [
        *lines[:at],
        text,
        line(3, f"download failed: {text}", level="ERROR"),
        f"more {text}",
        zap(4, text.replace('"', '\\"')),
        *lines[at:],
    ]
    part = read("\n".join(planted))
    assert len(part.events) >= 2
    assert CANARY not in part.events.to_csv()
    assert CANARY not in str(part.coverage)


@given(st.integers(1, 10**13))
def test_durations_of_go_come_back(nanoseconds):
    """What the scheduler prints of a cost is read to the same time."""
    seconds = nanoseconds / 1e9
    assert parse_duration(go_duration(seconds)) == pytest.approx(seconds, rel=1e-5, abs=1e-6)


@given(
    st.datetimes(pd.Timestamp("2024-01-01").to_pydatetime(), pd.Timestamp("2030-01-01").to_pydatetime()),
    st.sampled_from([0, 3, 6, 9]),
    st.integers(-12, 14),
)
def test_times_come_back_whatever_their_digits_and_zone(moment, digits, hours):
    """A time written with 0 to 9 digits in any zone is the same moment in the table."""
    utc = pd.Timestamp(moment, tz="UTC").floor({0: "s", 3: "ms", 6: "us", 9: "ns"}[digits])
    local = utc + pd.Timedelta(hours=hours)
    fraction = f".{local.nanosecond + local.microsecond * 1000:09d}"[: digits + 1] if digits else ""
    zone = f"{'-' if hours < 0 else '+'}{abs(hours):02d}:00" if hours else "Z"
    text = f"{local.strftime('%Y-%m-%dT%H:%M:%S')}{fraction}{zone}  INFO a/b.rs:1: m"
    assert read(text).events["time"][0] == utc


@given(
    st.datetimes(pd.Timestamp("2024-01-01").to_pydatetime(), pd.Timestamp("2030-01-01").to_pydatetime()),
    st.sampled_from(["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/Sao_Paulo"]),
)
def test_local_times_come_back_in_their_zone(moment, tz):
    """A service's local time without a zone is the same moment once the zone is given."""
    local = pd.Timestamp(moment).floor("ms")
    text = f'{{"level":"info","ts":"{local.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]}","caller":"a/b.go:1","msg":"m"}}'
    assert read(text, "scheduler/core.log", tz).events["time"][0] == local.tz_localize(tz)


@given(st.sampled_from(KNOWN), st.text(max_size=20))
def test_what_is_sniffed_is_read(text, tail):
    """A format that is found in the head reads at least one record of the file."""
    whole = f"{text}\n{tail}"
    found = sniff_format(whole)
    assert (found is not None) == (read(whole).coverage["parsed"] > 0)


@given(
    st.sampled_from(CLIENTS), st.sampled_from(["slow-source", "resets", "mixture", "killed"]), st.integers(1, 10_000)
)
@settings(max_examples=examples(6))
def test_pieces_of_any_generated_run_never_double(client, case, seed):
    """With clients' and scheduler's logs each finished piece is one row, and failures are as many as were planted."""
    with TemporaryDirectory() as top:
        truth = write_run(top, case=case, client=client, seed=seed, images=1, layers_per_image=2)
        pieces = load(Path(top) / "run", settings=settings_of(client)).pieces
    source = pieces[pieces["origin"] == "source"]
    ok = source[source["outcome"] == "ok"]
    assert not ok.duplicated(["peer_id", "piece_number"]).any()
    assert len(ok) <= truth.requests_at_origin["sent"]
    assert int(source["outcome"].isin(["timeout", "reset"]).sum()) == truth.pieces_failed
    assert int((source["outcome"] == "cancelled").sum()) == truth.pieces_cancelled
    if client == "v1.5.1":  # older words leave open whether what broke within a moment of the limit was cut by it
        assert int((source["outcome"] == "timeout").sum()) == truth.pieces_cut


@given(st.sampled_from(CLIENTS), st.randoms(use_true_random=False))
@settings(max_examples=examples(6))
def test_the_order_of_files_changes_nothing(client, random):
    """Naming the same files in any order gives the same tables."""
    run, _ = generated("mixture", client)
    files = sorted(str(path) for path in run.rglob("*") if path.is_file())
    random.shuffle(files)
    dataset, whole = load(files, settings=settings_of(client)), loaded("mixture", client)
    for name in TABLES:
        pd.testing.assert_frame_equal(comparable(dataset, name), comparable(whole, name))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_log_cut_in_two_by_rotation_gives_the_same_tables(tmp_path, client, share):
    """Where a file ends and the next one begins does not matter."""
    run, _ = generated("mixture", client)
    cut = shutil.copytree(run, tmp_path / "run")
    for path in cut.glob("*/dfdaemon/dfdaemon.log"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        at = int(len(lines) * share)
        write_tree(path.parent, {"dfdaemon.log.1": "".join(lines[:at]), "dfdaemon.log": "".join(lines[at:])})
    dataset, whole = load(cut, settings=settings_of(client)), loaded("mixture", client)
    for name in ("pieces", "tasks"):
        pd.testing.assert_frame_equal(comparable(dataset, name), comparable(whole, name))
