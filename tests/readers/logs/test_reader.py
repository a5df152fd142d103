"""Client, scheduler and manager logs of every era: records with their ids, and a count of what became of each line."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest
from reading_cases import HOST_ID, IDS, PEER, TASK, line, opened, read, read_log, write_tree, zap

from dfly_analysis.dataset import load
from dfly_analysis.readers.logs.format_detection import find_format, strip_colour
from dfly_analysis.readers.logs.log_identity import split_host
from dfly_analysis.readers.logs.python_parser import split_tail

AT = "dragonfly-client/src/resource/task.rs:1201"
DIM, RESET, GREEN, ITALIC, BOLD = "\x1b[2m", "\x1b[0m", "\x1b[32m", "\x1b[2;3m", "\x1b[1m"


def counts(part):
    return tuple(part.coverage[name] for name in ("lines", "parsed", "continuation", "rejected"))


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-01-02T10:00:00.000123Z",
        "2024-11-02T18:00:00.000123456+08:00",
        "2024-11-02T10:00:00Z",
        "2024-11-02T10:00:00.120+00:00",
    ],
)
@pytest.mark.parametrize("spans", ["", "download_task: ", "run:Server::run:download_task:download: "])
@pytest.mark.parametrize("ids", ["", f" {IDS}", f' {IDS} url="https://r/x?y=1" remote_ip="10.0.0.9" content_length=7'])
def test_compact_lines_of_every_era(stamp, spans, ids):
    """Six and nine digits, with and without zone offset, spans, ids and length: time, place, text and ids come out."""
    row = read(f"{stamp}  INFO {spans}{AT}: finished piece {TASK}-3 from source{ids}\n").events.iloc[0]
    assert row["time"] == pd.Timestamp(stamp)
    assert row["message"] == f"finished piece {TASK}-3 from source"
    assert (row["event_id"], row["task_id"], row["piece_number"]) == ("piece_finished", TASK, 3)
    assert row["source"] == AT
    assert (row["peer_id"] == PEER) if ids else pd.isna(row["peer_id"])
    assert (row["span"] == spans.strip(": ").rsplit(":", 1)[-1]) if spans else pd.isna(row["span"])
    assert row["url"] == "https://r/x" if "url" in ids else pd.isna(row["url"])


def pretty(escape):
    """Return two records as the console of v1.4.0 and earlier colours them."""
    text = (
        f"  {DIM}2024-11-02T10:00:00.000123456+00:00{RESET} {GREEN} INFO{RESET}  {GREEN}finished piece {TASK}-1 from source{RESET}\n"
        f"    {ITALIC}at{RESET} {AT}\n    {ITALIC}in{RESET} {BOLD}download{RESET}\n"
        f'    {ITALIC}in{RESET} {BOLD}download_task{RESET} {ITALIC}with{RESET} {BOLD}host_id{RESET}: "{HOST_ID}", {BOLD}task_id{RESET}: "{TASK}", {BOLD}peer_id{RESET}: "{PEER}"\n\n'
        f"  {DIM}2024-11-02T10:00:01Z{RESET} \x1b[31mERROR{RESET}  \x1b[31mdownload failed: error decoding response body{RESET}\n    {ITALIC}at{RESET} {AT}\n"
    )
    return text if escape else text.replace("\x1b", "")


@pytest.mark.parametrize("escape", [True, False])
def test_the_coloured_console_is_read_with_and_without_its_escape_bytes(escape):
    """Exporters drop the escape byte and leave the rest of each colour; both forms give the same records."""
    part = read(pretty(escape), "pod.log")
    first, second = part.events.to_dict("records")
    assert counts(part) == (7, 2, 5, 0)
    assert (first["message"], first["span"], first["source"]) == (
        f"finished piece {TASK}-1 from source",
        "download",
        AT,
    )
    assert (first["peer_id"], first["host"], first["role"]) == (PEER, "seed-client-0", "seedClient")
    assert (second["level"], second["event_id"]) == ("ERROR", "task_failed")


def test_the_full_console_carries_ids_in_braces():
    """The console of v1.4.1 prints each span's fields beside its name; quotes and braces in them do not confuse."""
    text = f'2026-06-01T00:00:00.000001Z ERROR download_task{{host_id="{HOST_ID}" task_id="{TASK}" peer_id="a \\"b\\" {{}}"}}:from_source{{piece_id="{TASK}-4"}}: {AT}: download piece finished: boom\n'
    row = read(text).events.iloc[0]
    assert (row["span"], row["peer_id"], row["piece_number"], row["event_id"]) == (
        "from_source",
        'a "b" {}',
        4,
        "piece_failed",
    )


@pytest.mark.parametrize(
    ("tz", "utc"), [("UTC", "05:06:07.123"), ("Asia/Shanghai", "21:06:07.123"), ("America/New_York", "10:06:07.123")]
)
def test_local_times_of_the_services_take_the_given_zone(tz, utc):
    """File logs of scheduler and manager print local time; the console carries its zone and ignores the given one."""
    ids = f'"hostID":"{HOST_ID}","taskID":"{TASK}","peerID":"{PEER}"'
    local = f'{{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"service/service_v2.go:9","msg":"receive DownloadPeerFinishedRequest",{ids}}}'
    console = (
        f"2025-03-04T05:06:07.123+0000\tINFO\tservice/service_v2.go:9\treceive DownloadPeerFinishedRequest\t{{{ids}}}"
    )
    first, second = read(f"{local}\n{console}\n", "scheduler/core.log", tz).events.to_dict("records")
    assert first["time"].strftime("%H:%M:%S.%f")[:-3] == utc
    assert second["time"].strftime("%H:%M:%S.%f")[:-3] == "05:06:07.123"
    for row in (first, second):
        assert (row["component"], row["role"], row["host"], row["peer_id"]) == (
            "scheduler",
            "seedClient",
            "seed-client-0",
            PEER,
        )
        assert row["event_id"] == "peer_finished"


def test_an_hour_that_does_not_exist_or_exists_twice_is_no_crash():
    """Clock changes: a time that may mean two hours is the first of them, one that never was moves on."""
    lines = [
        f'{{"level":"info","ts":"{ts}","caller":"a/b.go:1","msg":"m"}}'
        for ts in ("2025-03-09 02:30:00.000", "2025-11-02 01:30:00.000")
    ]
    times = list(read("\n".join(lines), "core.log", "America/New_York").events["time"])
    assert times[0] == pd.Timestamp("2025-03-09T07:00:00Z")
    assert times[1] == pd.Timestamp("2025-11-02T05:30:00Z")


def test_the_manager_is_told_from_the_scheduler():
    """By its folder, else by the places its records come from."""
    record = '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"%s","msg":"m"}'
    assert read(record % "service/service_v2.go:1", "x/manager/core.log").coverage["component"] == "manager"
    assert read(record % "manager/rpcserver/x.go:1", "core.log").coverage["component"] == "manager"
    assert read(record % "scheduling/scheduling.go:1", "core.log").coverage["component"] == "scheduler"


def test_lines_of_one_record_are_joined():
    """A body in an error message spans lines; the ids at the end of its last one belong to it."""
    part = read(
        "\n".join([line(1, "download failed: first", level="ERROR", ids=""), "second", f"third {IDS}", line(2, "next")])
    )
    assert counts(part) == (4, 2, 2, 0)
    assert part.events["message"][0] == "download failed: first\nsecond\nthird"
    assert part.events["peer_id"][0] == PEER
    assert part.events["log_line"].tolist() == [1, 4]


def test_a_stack_trace_belongs_to_its_record_and_not_to_its_message():
    """Go's console prints frames below an error; they count as continuation."""
    text = "2025-03-04T05:06:07.123Z\tERROR\tjob/job.go:4\t[preheat]: preheat failed: boom\nmain.run\n\t/src/job.go:4\n"
    part = read(text, "scheduler.log")
    assert counts(part) == (3, 1, 2, 0)
    assert part.events["message"][0] == "[preheat]: preheat failed: boom"


def test_each_line_is_counted_once():
    """Lines before the first record are rejected, lines after one continue it, JSON takes no continuation."""
    part = read("tail of a record\n" + line(1, "a") + "\nmore\n\n" + line(2, "b"))
    assert counts(part) == (5, 2, 2, 1)
    zapped = read(zap(1, "a") + "\nplain\n" + "{broken}\n" + zap(2, "b"), "core.log")
    assert counts(zapped) == (4, 2, 0, 2)
    assert zapped.events["log_line"].tolist() == [1, 4]


def test_a_process_that_writes_its_output_to_a_file_says_so():
    """The one-line files of Go services are recognised, with their own zone; a crash below it is an error."""
    head = "stderr redirect at 2026-05-02 18:00:00.123456789 +0800 CST m=+0.05"
    quiet, crashed = (
        read(head + "\n", "m/manager/stderr.log"),
        read(head + "\npanic: runtime error: x\n\ngoroutine 1 [running]:\nmain.go:1\n"),
    )
    assert counts(quiet) == (1, 1, 0, 0)
    assert quiet.events["time"][0] == pd.Timestamp("2026-05-02T10:00:00.123456789Z")
    assert quiet.events["level"][0] == "INFO"
    assert crashed.events["level"][0] == "FATAL"
    assert crashed.events["signature"][0] == "process_panicked"


@pytest.mark.parametrize(
    "text",
    [
        "thread 'main' panicked at 'x', src/a.rs:1:2",
        "thread 'tokio-runtime-worker' (17) panicked at src/a.rs:1:2:\nindex out of bounds\nnote: run with",
    ],
)
def test_an_old_panic_is_a_record_of_its_own(text):
    """Rust's runtime prints no time: alone it has none, after a record it takes that one's."""
    alone = read(text, "h/dfdaemon/stderr.log")
    assert counts(alone)[3] == 0
    assert pd.isna(alone.events["time"][0])
    behind = read(line(1, "a") + "\n" + text)
    assert behind.events["level"].tolist() == ["INFO", "FATAL"]
    assert behind.events["time"][1] == behind.events["time"][0]
    assert behind.events["source"][1] == "src/a.rs:1"
    assert behind.events["signature"][1] == "process_panicked"
    assert "note:" not in behind.events["message"][1]


def test_windows_line_ends_marks_and_wrong_bytes_do_not_matter():
    """CRLF, a byte order mark and bytes that are no UTF-8 leave records readable."""
    text = line(1, "a") + "\r\n" + line(2, "b \udcff".encode("utf-8", "surrogateescape").decode("latin-1")) + "\r\n"
    part = read(b"\xef\xbb\xbf" + text.encode("latin-1"))
    assert counts(part) == (2, 2, 0, 0)
    assert part.events["peer_id"].tolist() == [PEER, PEER]


def test_an_endless_line_is_cut_and_noted():
    """A line of 5 MB is one line; the next one is read as ever."""
    part = read(line(1, "x" * (5 << 20)) + "\n" + line(2, "b"))
    assert counts(part) == (2, 2, 0, 0)
    assert "1 line longer than 4 MiB" in part.coverage["note"]
    assert part.events["message"][1] == "b"


@pytest.mark.parametrize(
    ("ids", "piece", "size"),
    [
        (f'{IDS} piece_id="{TASK}-7" content_length=12', 7, 12),
        ('piece_id="a-99999999999999999999999" content_length=9', None, 9),
        ('piece_id="x-y" task_id="t" content_length="many"', None, None),
    ],
)
def test_numbers_that_are_none_are_missing(ids, piece, size):
    """Log text is untrusted: a number too large or no number at all never stops a load."""
    row = read(line(1, "odd", ids=ids)).events.iloc[0]
    assert (None if pd.isna(row["piece_number"]) else row["piece_number"]) == piece
    assert (None if pd.isna(row["size_bytes"]) else row["size_bytes"]) == size


def test_impossible_times_are_missing():
    """A month that is none, and a year the tables cannot hold, give a record without a time."""
    text = "\n".join(
        f"{stamp}  INFO {AT}: m" for stamp in ("2026-13-01T10:00:00Z", "9999-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    )
    assert read(text).events["time"].isna().tolist() == [True, True, False]


def test_deeply_nested_json_is_rejected():
    """A line made to exhaust the reader is one rejected line."""
    part = read(zap(1, "a") + '\n{"level":' + "[" * 100_000 + "}\n", "core.log")
    assert counts(part) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("host_id", "expected"),
    [
        (HOST_ID, ("seed-client-0", "seedClient")), (PEER, ("seed-client-0", "seedClient")), ("10.1.1.5-node-a", ("node-a", "client")),
        ("fd00::7-node-b-11111111-2222-3333-4444-555555555555", ("node-b", "client")), (None, (None, None)), ("odd", ("odd", "client")), ("odd-seed", ("odd-seed", "seedClient")),
    ],
)  # fmt: skip
def test_hosts_and_roles_come_from_ids(host_id, expected):
    """Address, UUID and seed mark are taken off."""
    assert split_host(host_id) == expected


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("n/node-7/dfdaemon/dfdaemon.log", "node-7"),
        ("x.tar.gz!top/node-7/dfdaemon/dfdaemon.log.1", "node-7"),
        ("kept-client.log.3", "kept-client"),
    ],
)
def test_without_ids_the_host_is_its_folder_or_file(address, host):
    """Lines of level warn carry no ids: the place says whose they are."""
    assert read(line(1, "a", ids="", spans=""), address).coverage["host"] == host


def test_only_known_fields_are_taken_off_a_message():
    """A message may hold a=b itself; a length that belongs to its words stays there."""
    assert split_tail('a b=1 host_id="h" task_id="t"') == ("a b=1", {"host_id": "h", "task_id": "t"})
    assert split_tail("not enough space content_length=12") == ("not enough space content_length=12", {})
    assert split_tail('m task_id="outer" task_id="inner"')[1] == {"task_id": "outer"}
    assert split_tail('m panic.payload="a \\"b\\"" host_id="h"')[1] == {"panic.payload": 'a "b"', "host_id": "h"}


def test_tools_that_log_beside_the_daemon_are_no_restart():
    """Only dfdaemon's own start counts as a process start."""
    text = "\n".join(
        line(at, f"tracing initialized directory: {folder}, level: INFO", ids="", spans="")
        for at, folder in enumerate(['"/var/log/dragonfly/dfdaemon"', "/data/log/dfget"])
    )
    assert read(text).events["event_id"].tolist() == ["process_started", "tool_started"]


def test_releases_are_learnt_from_the_logs(tmp_path):
    """The services print their release, old clients announce theirs."""
    service = '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"a/b.go:1","msg":"version:\\nMajor: 2, Minor: 5, GitVersion: v2.5.0, GitCommit: x"}\n'
    announced = (
        'announce host to 10.1.0.3:8002 request=AnnounceHostRequest { build: Some(Build { git_version: "0.1.118" }) }'
    )
    write_tree(tmp_path, {"s/scheduler/core.log": service, "seed-client-0/dfdaemon.log": line(1, announced) + "\n"})
    versions = load(tmp_path).settings.versions
    assert (versions["scheduler"], versions["client"]) == ("v2.5.0", "v0.1.118")


def test_a_given_format_is_tried_first_and_colours_only_go_where_they_are():
    """A reader told the format needs no sniffing; brackets that are no colours stay."""
    assert len(read_log(opened(line(1, "a")), log_format=find_format("client-compact")).events) == 1
    assert strip_colour("a [1, 2] [x]") == "a [1, 2] [x]"
    assert strip_colour("[2m2024[0m a[31mb[0m") == "2024 ab"


TIME = "2026-05-02T10:00:00.000001Z"
ADVERSARIAL = {
    "numbers": f"{TIME}  INFO {AT}: x" + " id=1" * 80_000 + " end",
    "words": f"{TIME}  INFO {AT}: x" + ' url="a" method=true' * 20_000 + " end",
    "open quote": f'{TIME}  INFO {AT}: x host_id="' + '\\"' * 200_000,
    "braces": f"{TIME}  INFO a{{" + 'id="1" ' * 60_000 + f"{AT}: x",
    "pretty": f"  {TIME}  INFO  x\n    in a with " + "a1." * 130_000,
    "panic": "thread 'a' panicked at " + "a.rs" * 100_000,
}


@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_an_adversarial_line_takes_linear_time(text, tmp_path):
    """400,000 characters: with backtracking that is even quadratic the Python reader would not end within the timeout."""
    (tmp_path / "dfdaemon.log").write_text(text, "utf-8")
    command = [sys.executable, "-m", "dfly_analysis", "inspect", str(tmp_path)]
    environment = {**os.environ, "DFLY_ANALYSIS_ENGINE": "python"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
