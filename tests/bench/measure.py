"""Times a command as a whole process, and watches the memory of the process and of all it starts."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCHER = Path(__file__).resolve().with_name("launch.py")
POLL_S = 0.02
LIMIT_S = 3600.0
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As users have it: Python keeps the compiled modules."""


@dataclass(frozen=True)
class Command:
    """A command to time; `{out}` in an argument stands for a new empty folder."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What one run took; `failure` says why it counts for nothing."""

    wall_s: float = 0.0
    peak_bytes: int = 0
    rows: int | None = None
    failure: str | None = None


@dataclass
class Figure:
    """Runs of one command."""

    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def failure(self) -> str | None:
        """Return why the command gives no figure."""
        return next((run.failure for run in self.runs if run.failure), None)

    def record(self) -> dict[str, object]:
        """Return the figure as it is stored."""
        if self.failure or not self.runs:
            return {"name": self.name, "failure": self.failure or "not run"}
        walls = [run.wall_s for run in self.runs]
        return {
            "name": self.name,
            "median_s": round(statistics.median(walls), 3),
            "fastest_s": round(min(walls), 3),
            "slowest_s": round(max(walls), 3),
            "runs": len(walls),
            "peak_mb": round(max(run.peak_bytes for run in self.runs) / 1e6),
            "rows": self.runs[-1].rows,
        }


def run(command: Command, work: Path | None = None) -> Run:
    """Run a command to its end.

    Memory is the larger of what the kernel counts for the greatest single process and of the sum over the tree at any moment of
    polling; pages mapped from files count, as the kernel counts them.
    """
    with tempfile.TemporaryDirectory(dir=work) as folder, tempfile.TemporaryFile() as words:
        out, record = f"{folder}/out", Path(folder, "record")
        Path(out).mkdir()
        arguments = [argument.replace("{out}", out) for argument in command.arguments]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(record), *arguments],
            cwd=ROOT,
            env=_ENVIRONMENT | {"XDG_CACHE_HOME": f"{folder}/cache"},  # no run may profit from the one before
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        watch.start()
        try:
            process.wait()
        finally:  # a benchmark that is cut off leaves nothing behind
            if process.poll() is None:
                _end_all(process.pid)
                process.wait()
            watch.done.set()
            watch.join()
        if watch.expired:
            return Run(failure=f"not done after {LIMIT_S:.0f} s")
        first, *others = record.read_text().split()
        if first == "error":
            return Run(failure="not installed" if int(others[0]) == errno.ENOENT else os.strerror(int(others[0])))
        largest, status = int(others[0]), os.waitstatus_to_exitcode(int(others[1]))
        if status:
            words.seek(0)
            return Run(failure=_reason(status, words.read().decode("utf-8", "replace")))
        # Linux counts it in KiB, macOS in bytes.
        largest *= 1 if sys.platform == "darwin" else 1024
        return Run(float(first), max(largest, watch.peak_bytes), _rows(Path(out)))


def _end_all(launcher: int) -> None:
    """End a command with all it started: it leads a session of its own, so nothing else is met."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher, signal.SIGKILL)


def end_when_told() -> None:
    """Let SIGTERM, which `timeout` sends, end this program as an interrupt does: so that it ends what it measures."""

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


class _Watch(threading.Thread):
    """Adds up the resident sets of a process and its descendants every now and then."""

    def __init__(self, launcher: int) -> None:
        super().__init__(daemon=True)
        self.launcher, self.began = launcher, time.perf_counter()
        self.done = threading.Event()
        self.peak_bytes, self.expired = 0, False

    def run(self) -> None:
        while not self.done.wait(POLL_S):
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident, _tree(self.launcher)[1:])))
            if time.perf_counter() - self.began > LIMIT_S and not self.expired:
                self.expired = True
                _end_all(self.launcher)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _reason(code: int, words: str) -> str:
    if code < 0:
        return "killed: out of memory" if code == -9 else f"ended by signal {-code}"
    lines = [line.strip() for line in words.splitlines() if any(map(str.isalpha, line))]
    said = lines[-1] if lines else ""
    said = re.sub(r"(?:/[\w.@-]+)+/", "", said).partition(" (set ")[0]  # the page names no folder of this machine
    return f"exit code {code}: {said}"[:160].rstrip(": ")


def _rows(out: Path) -> int | None:
    # Ours writes a folder of parts, a peer out.parquet.
    files = [*out.glob("out.parquet"), *out.rglob("events.parquet/*.parquet")]
    if not files:
        return None
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in files)
