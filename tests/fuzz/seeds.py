"""What fuzzing begins with: samples of the catalogue, lines of generated runs, every wrapping, small archives; and words to put in."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.catalog.log_events import load_events
from dfly_analysis.catalog.log_formats import load_formats
from tests.synthetic import CASES, write_run

SEPARATOR = b"\xff--\xff"
"""Between the files of a folder, for the target `folder`."""
TASK = "6a" * 32
HEAD = "2026-05-02T10:00:00.000001Z ERROR download_task:download: dragonfly-client/src/resource/task.rs:12: "
TAIL = f' host_id="10.0.0.1-node-1" task_id="{TASK}" peer_id="10.0.0.1-node-1-p" piece_id="{TASK}-7"'
PROMETHEUS = """# HELP dragonfly_client_download_task_total Counter of downloads.
# TYPE dragonfly_client_download_task_total counter
dragonfly_client_download_task_total{app="",priority="6",tag="d7y",task_type="STANDARD"} 12
# TYPE dragonfly_client_download_task_duration_milliseconds histogram
dragonfly_client_download_task_duration_milliseconds_bucket{task_size_level="3",task_type="STANDARD",le="100"} 3
dragonfly_client_download_task_duration_milliseconds_bucket{task_size_level="3",task_type="STANDARD",le="+Inf"} 9
dragonfly_client_download_task_duration_milliseconds_sum{task_size_level="3",task_type="STANDARD"} 900.5
dragonfly_client_download_task_duration_milliseconds_count{task_size_level="3",task_type="STANDARD"} 9
dragonfly_client_version{git_version="v1.4.1"} 1
process_start_time_seconds 1.7e9
"""
JOB = {
    "id": 3, "task_id": "group_1b2e", "type": "preheat", "state": "FAILURE", "created_at": "2025-11-02T10:00:00Z", "updated_at": "2025-11-02T10:05:00+08:00",
    "args": {"url": "https://reg.example/v2/m/manifests/1", "scope": "single_seed_peer", "urls": ["https://reg.example/v2/m/blobs/sha256:00"], "timeout": 10**10},
    "result": {"group_uuid": "group_1b2e", "job_states": [{"state": "FAILURE", "error": "boom", "task_name": "preheat", "results": [
        {"failure_tasks": [{"url": "https://reg.example/x?y=1", "description": "error decoding response body"}], "success_tasks": []}]}]},
}  # fmt: skip
POD = {"apiVersion": "v1", "kind": "List", "items": [
    {"kind": "Pod", "metadata": {"name": "seed-client-0", "namespace": "d", "labels": {"component": "seed-client"}},
     "spec": {"nodeName": "node-a", "containers": [{"name": "c", "resources": {"limits": {"memory": "2Gi"}}}]},
     "status": {"reason": "Evicted", "containerStatuses": [{"name": "c", "restartCount": 2, "state": {"running": {"startedAt": "2026-03-01T10:05:21Z"}},
                "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T10:05:20Z"}}}]}},
    {"kind": "Event", "reason": "Evicted", "message": "low on memory", "count": 3, "lastTimestamp": "2026-03-01T10:05:20Z",
     "involvedObject": {"kind": "Pod", "name": "seed-client-0"}},
]}  # fmt: skip
POD_DESCRIBED = """Name:             seed-client-0
Node:             node-a/10.90.0.1
Containers:
  seed-client:
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Finished:     Sun, 01 Mar 2026 12:05:20 +0200
    Restart Count:  3
    Limits:
      memory:  2Gi
Events:
  Type     Reason   Age                 From     Message
  ----     ------   ----                ----     -------
  Warning  BackOff  2m (x12 over 9m)    kubelet  Back-off restarting failed container
"""
SETTINGS = [
    (
        "host:\n  hostname: n1\ndownload:\n  pieceTimeout: 360s\n  rateLimit: 50GiB\nproxy:\n  rules: []\nscheduler:\n  scheduleTimeout: 3h\n"
        "seedPeer:\n  enable: true\nstorage:\n  dir: /var/lib/dragonfly/\n"
    ),
    "scheduler:\n  algorithm: default\n  retryLimit: 7\n  gc:\n    pieceDownloadTimeout: 30m\nserver:\n  port: 8002\n",
    "server:\n  grpc:\n    port: {start: 65003}\n  rest: {addr: ':8080'}\ndatabase:\n  type: mysql\nauth:\n  jwt: {key: abc}\n",
]
BENCH = [
    "+-------+------+\n| OVERALL | Times |\n",
    '{"latencies":{"total":1000,"mean":10,"50th":1,"95th":2,"99th":3,"max":4},"requests":3,"success":0.5,"status_codes":{"200":3},"errors":[]}\n',
    "Requests      [total, rate, throughput]         3, 1.50, 1.40\nLatencies     [min, mean, 50, 90, 95, 99, max]  1ms, 2ms, 2ms, 3ms, 3ms, 3ms, 3ms\n",
    '{"attack":"","seq":0,"code":200,"timestamp":"2025-01-01T00:00:00Z","latency":1000,"bytes_out":0,"bytes_in":5,"error":""}\n',
]


def lines() -> list[str]:
    """Return every sample line of the catalogue, those of events and signatures as whole records."""
    found = [sample for one in load_formats() for sample, _ in one.samples]
    texts = [text for kind in load_events() for text, _ in kind.samples]
    texts += [text for one in load_signatures() for text in (*one.samples.match, *one.samples.other)]
    found += [HEAD + text + TAIL for text in texts]
    return found + [
        json.dumps({"level": "error", "ts": "2025-03-04 05:06:07.123", "caller": "a/b.go:1", "msg": text, "taskID": TASK, "error": "boom"})
        for text in texts[::3]
    ]  # fmt: skip


@cache
def run_files() -> dict[str, bytes]:
    """Return the files of one small generated run of each of two releases, by path."""
    found = {}
    for client in ("v0.1.118", "v1.5.1"):
        with tempfile.TemporaryDirectory() as top:
            name = next(name for name, case in sorted(CASES.items()) if client in case.clients and name != "twenty")
            write_run(Path(top), case=name, client=client, seed=3, images=1, layers_per_image=2)
            for path in sorted((Path(top) / "run").rglob("*")):
                if path.is_file():
                    found[f"{client}/{path.relative_to(Path(top) / 'run')}"] = path.read_bytes()
    return found


def logs() -> Iterator[bytes]:
    """Yield plain logs: each sample line for itself, and some lines of each generated file."""
    for line in lines():
        yield line.encode() + b"\n"
    for path, data in run_files().items():
        if path.endswith(".log"):
            taken = data.splitlines(keepends=True)
            yield b"".join(taken[:4] + taken[len(taken) // 2 :][:4])


def wrapped() -> Iterator[bytes]:
    """Yield some lines in every shape in which logs come."""
    from tests.wrapping import NAMING, SHAPES

    compact = (
        "".join(f"{line}\n" for line in lines()[-60::9] if line[:1] != "{").encode()
        or (HEAD + "x" + TAIL + "\n").encode()
    )
    compact += "".join(f"{HEAD}piece {number}{TAIL}\n" for number in range(3)).encode()
    zapped = "".join(f"{line}\n" for line in lines() if line[:1] == "{").encode()[:2000]
    for name, wrap in SHAPES.items():
        yield wrap({"a/client": compact, "b/scheduler": zapped} if name in NAMING else {"a/client": compact})


def texts(kind: str) -> list[bytes]:
    """Return whole files of one of `jobs`, `bench`, `metrics`, `pods`, `settings`."""
    wanted = {"jobs": ".json", "bench": "bench", "metrics": "metrics", "settings": ".yaml", "pods": "pods"}[kind]
    made = [data for path, data in run_files().items() if wanted in path.rsplit("/", 1)[-1] and len(data) < 20000]
    own = {
        "jobs": [json.dumps(JOB), json.dumps([JOB, JOB], indent=1)],
        "bench": BENCH,
        "metrics": [PROMETHEUS],
        "settings": SETTINGS,
        "pods": [json.dumps(POD), POD_DESCRIBED],
    }[kind]
    return [*made, *(text.encode() for text in own)]


def zipped(data: bytes, name: str = "a/x.log") -> bytes:
    """Return a zip of one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes, name: str = "a/x.log") -> bytes:
    """Return a tar of one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zstandard(data: bytes) -> bytes:
    """Return the bytes in a frame of Zstandard."""
    from backports import zstd

    return zstd.compress(data)


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard,
    "zip": zipped,
    "tar": tarred,
}


def packed() -> Iterator[bytes]:
    """Yield a small text in every packing, and in every two of them."""
    text = b"".join(line.encode() + b"\n" for line in lines()[:6])
    for outer in PACKERS.values():
        yield outer(text)
        for inner in PACKERS.values():
            yield outer(inner(text))


def words() -> list[bytes]:
    """Return words that bring a line further: how fields begin, keys, times, names of secrets, how known messages begin."""
    found = {
        ' host_id="', ' remote_host_id="', ' task_id="', ' piece_id="', " url=", " uri=", " id=", " method=", " content_length=", "peer_id=", "piece_number=",
        "2026-05-02T10:00:00.000001Z", "+08:00", " INFO ", " WARN ", "ERROR ", "download_task:download: ", "a/b.rs:12: ", "::", ": ", "\n", "\r\n", "\x1b[32m", "\x1b[0m", "[2m", "\0",
        '{"level":"info"', ',"ts":"2025-03-04 05:06:07.123"', ',"caller":"a/b.go:1"', ',"msg":"', ',"error":"', '"taskID":"', "\\n", '\\"', "\\u00e9", "\\ud800", "?x=1", "token=", "https://u:p@h/",
        "Bearer abcdefghij", "eyJhbGci.eyJzdWIi.x", "password: ", "é", "1.234ms", "1h2m3s", "4MiB", "9" * 19, "-1", "1e999", "NaN", "null", "true", "[]", "{}", "[[", "stdout F ", "stdout P ", "stderr F ",
    }  # fmt: skip
    found |= {start for kind in load_events() for start in kind.starts}
    for kind in load_events():
        found |= set(re.findall(r"[A-Za-z ]{4,}:?", kind.regex.pattern))
    return sorted(word.encode() for word in found if word)


def begin_with(target: str) -> list[bytes]:
    """Return what the fuzzing of an entry point begins with."""
    if target in ("logs", "sniffing", "redaction", "fragments", "diagnosis"):
        return [*logs(), *wrapped()]
    if target == "sources":
        return list(packed())
    if target == "folder":
        others = [text for kind in ("jobs", "bench", "metrics", "settings", "pods") for text in texts(kind)]
        some = [*list(logs())[-12:], *wrapped(), *packed()]
        return [
            SEPARATOR.join([log, some[-number], others[number % len(others)]]) for number, log in enumerate(some, 1)
        ]
    return texts(target)


def write(target: str, folder: Path) -> None:
    """Write what the fuzzing of an entry point begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(begin_with(target)):
        (folder / f"{number:04d}").write_bytes(data)
