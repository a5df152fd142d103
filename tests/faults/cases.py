"""The fault matrix: each case runs a command under one fault and says how it may end."""

from __future__ import annotations

import http.server
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.unpacking import unpack

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "samples" / "article-v0.1.118.tar.gz"
MOST_S = 120.0
_KILLED = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}


@dataclass(frozen=True)
class Case:
    """A command under a fault, and what is right then."""

    fault: str
    arguments: tuple[str, ...]
    codes: tuple[int, ...]
    ending: str
    """How it ends, in words."""
    small: bool = False
    """Whether the tests run it; `make faults` runs all."""
    prepare: Callable[[Path], object] | None = None
    """Makes the files of the working folder."""
    around: Callable[[Path], object] | None = None
    """A context of a server; what it yields replaces {address} in arguments and environment."""
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Callable[[], None] | None = None
    """Sets limits in the process that runs the command."""
    signal: int | None = None
    again: bool = False
    """Whether the command runs a second time, which must end as it would have without the first."""

    @property
    def name(self) -> str:
        return f"{self.arguments[0]}: {self.fault}"


@dataclass(frozen=True)
class Outcome:
    """What a command under a fault did."""

    code: int
    stderr: str
    left: tuple[str, ...]
    """Files left in temporary folders, and unfinished ones."""


def unpack_sample(folder: Path) -> None:
    """Put the committed sample below `run`."""
    next(unpack(SAMPLE, folder).glob("article-*")).rename(folder / "run")


def run(case: Case, folder: Path) -> Outcome:
    """Run a case in an empty folder."""
    temporary, cache = folder / "tmp", folder / "cache"
    temporary.mkdir()
    if case.prepare:
        case.prepare(folder)
    with ExitStack() as stack:
        address = str(stack.enter_context(case.around(folder))) if case.around else ""
        own = {name: value.replace("{address}", address) for name, value in case.environment.items()}
        environment = (
            os.environ | {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)} | own
        )
        command = [
            sys.executable,
            "-m",
            "dfly_analysis",
            *(one.replace("{address}", address) for one in case.arguments),
        ]
        for _ in range(1 + case.again):
            code, stderr = _run(command, folder, environment, case)
    if case.signal == signal.SIGKILL:  # what was being written stays, marked as such
        return Outcome(code, stderr, ())
    unfinished = [path for path in folder.rglob("*") if path.name.endswith((".unfinished", ".tmp"))]
    left = [path for path in temporary.iterdir() if path.name.startswith("dfly")]
    return Outcome(code, stderr, tuple(str(path.relative_to(folder)) for path in (*unfinished, *left)))


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], case: Case) -> tuple[int, str]:
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, preexec_fn=case.limits, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            if case.signal is not None:
                time.sleep(random.Random(case.name).uniform(1.0, 4.0))
                process.send_signal(case.signal)
            _, stderr = process.communicate(timeout=MOST_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            _, stderr = process.communicate()
            return 124, stderr
    return process.returncode, stderr


def problems(case: Case, outcome: Outcome) -> list[str]:
    """Return what is wrong with an outcome: its code, what it said, what it left."""
    found = []
    if outcome.code not in case.codes:
        found.append(f"exit code {outcome.code}, not {' or '.join(map(str, case.codes))}: {outcome.stderr[-300:]!r}")
    lines = [line for line in outcome.stderr.splitlines() if not line.startswith("dfly-analysis: ")]
    if lines or "internal error" in outcome.stderr:
        found.append(f"not one line each: {(lines or [outcome.stderr])[0][:200]!r}")
    if outcome.code not in (0, -9) and not outcome.stderr.strip():
        found.append("it ended without a word")
    found += [f"left {path}" for path in outcome.left[:3]]
    return found


def _limit(kind: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (most, most))


def _file_for_folder(folder: Path) -> None:
    unpack_sample(folder)
    (folder / "out").write_text("a file")


def _broken_cache(folder: Path) -> None:
    """Fill the cache by a run, and spoil each of its files."""
    unpack_sample(folder)
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "dfly_analysis", "diagnose", "run"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    spoiled = [path for path in (folder / "cache").rglob("*") if path.is_file()]
    for path in spoiled:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"spoiled")


def _broken_tables(folder: Path) -> None:
    unpack_sample(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "dfly_analysis", "load", "run", "-o", "tables"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    part = max((folder / "tables").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[:-200])


def _many_files(folder: Path) -> None:
    line = "2026-05-02T10:00:00.000001Z ERROR download_task:download: dragonfly-client/src/resource/task.rs:12: boom\n"
    for number in range(10_000):
        path = folder / "run" / f"node-{number}" / "dfdaemon.log"
        path.parent.mkdir(parents=True)
        path.write_text(line * 2)


def _batch(folder: Path) -> None:
    unpack_sample(folder)
    (folder / "runs.yaml").write_text("reports:\n- {paths: [run], client: v0.1.118}\n")


def _with_kubectl(script: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        path = folder / "bin" / "kubectl"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return prepare


@contextmanager
def _silent_server(_: Path) -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def _silent_dask(folder: Path) -> Iterator[str]:
    with _silent_server(folder) as address:  # type: ignore[var-annotated]
        yield address.replace("http", "tcp")


@contextmanager
def _dask_without_workers(folder: Path) -> Iterator[str]:
    """A scheduler that takes tasks, and no worker that does them."""
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(folder / "dask.json")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            while not (folder / "dask.json").exists() and process.poll() is None:
                time.sleep(0.1)
            yield json.loads((folder / "dask.json").read_text())["address"]
        finally:
            process.terminate()


def _server_of(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Callable[[Path], object]:
    @contextmanager
    def serve(_: Path) -> Iterator[str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    answer(self)
                except OSError:
                    self.close_connection = True

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.daemon_threads = True
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

    return serve


def _lie(handler: http.server.BaseHTTPRequestHandler) -> None:
    body = b'{"status":"error","error":"\x1b[2J\\u001b[31mno"}'
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _die_half_way(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"status":')
    handler.connection.close()


def _stream_without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * (1 << 20))


def _redirect(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
    handler.end_headers()


def _list_without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
    if "list-type" not in handler.path:
        handler.send_error(404)
        return
    item = "<Contents><Key>run/{}</Key><LastModified>2026-05-02T10:00:00.000Z</LastModified><Size>1</Size></Contents>"
    items = "".join(item.format(number) for number in range(100_000))
    body = f"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>{items}</ListBucketResult>"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body.encode())


_S3 = ("diagnose", "s3://bucket/run", "--no-cache")
_S3_AT = {"AWS_ENDPOINT_URL": "{address}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "c"}
_OUT = {
    "load": ("load", "run", "-o", "out"),
    "report": ("report", "run", "-o", "out", "--client", "v0.1.118"),
    "diagnose": ("diagnose", "run", "--no-cache"),
}
_PROMETHEUS = ("diagnose", "run", "--no-cache", "--prometheus", "{address}")
_KUBECTL = ("collect", "-n", "d7y", "-o", "out.tar.gz", "--timeout", "3s")
_ODD_LOCALES = {"C": {"LC_ALL": "C", "PYTHONUTF8": "0"}, "Turkish": {"LC_ALL": "tr_TR.UTF-8"}}

CASES = (
    *(Case(f"{signal.Signals(number).name} at a random moment", _OUT[command], (code, 0), "one line, nothing left; or done before", small=(command, number) == ("load", signal.SIGTERM), prepare=unpack_sample, signal=number) for command in _OUT for number, code in _KILLED.items()),
    *(Case("output is a file", _OUT[command], (2,), "one line names it", small=command == "load", prepare=_file_for_folder) for command in ("load", "report")),
    *(Case("output below a place that nobody can write", (*_OUT[command][:3], "/proc/out"), (2,), "one line names it", small=command == "load", prepare=unpack_sample) for command in ("load", "report")),
    *(Case("no room: files over 16 KiB cannot be written", _OUT[command], (2, 5), "one line names the file", small=command == "load", prepare=unpack_sample, limits=_limit(resource.RLIMIT_FSIZE, 16 << 10)) for command in ("load", "report")),
    Case("no room: files over 16 KiB cannot be written", _OUT["diagnose"], (0, 2), "done, or one line", prepare=unpack_sample, limits=_limit(resource.RLIMIT_FSIZE, 16 << 10)),
    Case("64 file descriptors", _OUT["diagnose"], (0,), "done", small=True, prepare=unpack_sample, limits=_limit(resource.RLIMIT_NOFILE, 64)),
    Case("10,000 files, 64 file descriptors", _OUT["diagnose"], (0,), "done", prepare=_many_files, limits=_limit(resource.RLIMIT_NOFILE, 64)),
    Case("cache with spoiled files", ("diagnose", "run"), (0,), "done: read again", small=True, prepare=_broken_cache),
    Case("truncated part of the tables", ("diagnose", "tables"), (2, 3, 4), "one line names the part", small=True, prepare=_broken_tables),
    *(Case(f"{name} locale", _OUT["diagnose"], (0,), "done", small=name == "C", prepare=unpack_sample, environment=variables) for name, variables in _ODD_LOCALES.items()),
    *(Case(f"TZ={zone}", _OUT["diagnose"], (0,), "done", prepare=unpack_sample, environment={"TZ": zone}) for zone in ("Nowhere/Land", ":", "<+99>-99", "UTC+25")),
    Case("second run into the same folder", _OUT["load"], (0,), "done: the tables of the second run", small=True, prepare=unpack_sample, again=True),
    Case("Prometheus answers with an error that holds escape sequences", _PROMETHEUS, (0, 3), "one line without them", small=True, prepare=unpack_sample, around=_server_of(_lie)),
    Case("Prometheus dies half way", _PROMETHEUS, (0, 3), "one line", small=True, prepare=unpack_sample, around=_server_of(_die_half_way)),
    Case("Prometheus streams without end", _PROMETHEUS, (0, 3), "one line", prepare=unpack_sample, around=_server_of(_stream_without_end)),
    Case("Prometheus redirects elsewhere", _PROMETHEUS, (0, 3), "one line", small=True, prepare=unpack_sample, around=_server_of(_redirect)),
    Case("Prometheus is silent, SIGTERM", _PROMETHEUS, (143,), "one line, at once", small=True, prepare=unpack_sample, around=_silent_server, signal=signal.SIGTERM),
    *(
        Case(f"S3 store {fault}", _S3, (3,), "one line", small=fault == "lies", around=around, environment=_S3_AT)
        for fault, around in {
            "hangs": _silent_server, "lies": _server_of(_lie), "dies half way": _server_of(_die_half_way), "redirects elsewhere": _server_of(_redirect),
            "streams without end": _server_of(_stream_without_end), "lists without end": _server_of(_list_without_end),
        }.items()
    ),
    Case("no room: files over 16 KiB cannot be written", ("batch", "runs.yaml", "-o", "out", "-j", "1"), (2, 5), "one line for each report", prepare=_batch, limits=_limit(resource.RLIMIT_FSIZE, 16 << 10)),
    Case("SIGTERM at a random moment", ("batch", "runs.yaml", "-o", "out", "-j", "1"), (143,), "one line, nothing left", prepare=_batch, signal=signal.SIGTERM),
    Case("the scheduler of dask is silent", ("load", "run", "-o", "out", "--cluster", "{address}"), (2, 3, 5), "one line", prepare=unpack_sample, around=_silent_dask),
    Case("there is no scheduler of dask", ("load", "run", "-o", "out", "--cluster", "tcp://127.0.0.1:9"), (2, 3, 5), "one line", prepare=unpack_sample),
    Case("the worker of dask hangs, SIGTERM", ("load", "run", "-o", "out", "--cluster", "{address}"), (143,), "one line, at once", prepare=unpack_sample, around=_dask_without_workers, signal=signal.SIGTERM),
    Case("kubectl streams without end", _KUBECTL, (2, 3, 6), "one line", prepare=_with_kubectl("yes"), environment={"PATH": "bin:/usr/bin:/bin"}),
    Case("kubectl dies half way", _KUBECTL, (2, 3), "one line", prepare=_with_kubectl("printf '{\"items\": [{'; kill -9 $$"), environment={"PATH": "bin:/usr/bin:/bin"}),
    Case("kubectl hangs", _KUBECTL, (2, 3, 6), "one line after the time limit", small=True, prepare=_with_kubectl("sleep 600"), environment={"PATH": "bin:/usr/bin:/bin"}),
    Case("kubectl lies", _KUBECTL, (2, 3), "one line", small=True, prepare=_with_kubectl("echo '{\"items\": 7}'"), environment={"PATH": "bin:/usr/bin:/bin"}),
    Case("kubectl fails with escape sequences", _KUBECTL, (2, 3), "one line without them", small=True, prepare=_with_kubectl("printf '\\033[31mno\\033[0m\\n' >&2; exit 1"), environment={"PATH": "bin:/usr/bin:/bin"}),
)  # fmt: skip


def remove(folder: Path) -> None:
    """Remove the working folder of a case."""
    shutil.rmtree(folder, ignore_errors=True)
