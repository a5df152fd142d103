"""Measures the commands as a user meets them, each as a whole process, and writes docs/bench.md.

A figure is the median of several runs. Memory is the largest resident set of the process or of one process it waited for.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "bench.md"
SAMPLE = "data/samples/article-v0.1.118.tar.gz"
COMMAND = str(Path(sys.executable).with_name("dfly-analysis"))


@dataclass(frozen=True)
class Measurement:
    """A command to time; `{out}` in an argument stands for an empty folder."""

    name: str
    command: tuple[str, ...]
    repeats: int = 5


@dataclass(frozen=True)
class Figure:
    """What a command took; `failure` says why there is none."""

    name: str
    repeats: int
    wall_s: tuple[float, ...] = ()
    peak_bytes: int = 0
    failure: str | None = None


MEASUREMENTS = (
    Measurement("python alone", (sys.executable, "-c", "pass")),
    Measurement("`import dfly_analysis`, python included", (sys.executable, "-c", "import dfly_analysis")),
    Measurement("`dfly-analysis --version`", (COMMAND, "--version")),
    Measurement("`dfly-analysis diagnose` on the sample", (COMMAND, "diagnose", SAMPLE, "--client", "v0.1.118")),
    Measurement(
        "`dfly-analysis report` on the sample",
        (COMMAND, "report", SAMPLE, "--client", "v0.1.118", "-o", "{out}"),
        repeats=3,
    ),
)


def measure(measurement: Measurement) -> Figure:
    """Run a command once to warm the caches, then as often as asked; stop at its first failure."""
    walls, peak = [], 0
    for _ in range(measurement.repeats + 1):
        with tempfile.TemporaryDirectory() as out, tempfile.TemporaryFile() as words:
            command = [argument.replace("{out}", out) for argument in measurement.command]
            began = time.perf_counter()
            # A missing command raises here, and is a failure like any other.
            try:
                process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
            except OSError as problem:
                return Figure(measurement.name, 0, failure=problem.strerror)
            _, status, usage = os.wait4(process.pid, 0)
            walls.append(time.perf_counter() - began)
            process.returncode = code = os.waitstatus_to_exitcode(status)
            if code:
                return Figure(measurement.name, 0, failure=f"exit code {code}")
            # Linux counts it in KiB, macOS in bytes.
            peak = max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    return Figure(measurement.name, measurement.repeats, tuple(walls[1:]), peak)


def page(figures: list[Figure]) -> str:
    """Write the figures as a table, with the machine they belong to."""
    machine = (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    )
    rows = "".join(_row(figure) for figure in figures)
    return (
        "# Figures\n\n"
        f"Measured by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine}. Whole processes, warm caches; the median, with the fastest and\n"
        "slowest run. Memory is the largest resident set of any one process.\n\n"
        "| what | median | fastest to slowest | runs | memory |\n|---|---|---|---|---|\n"
        f"{rows}"
    )


def _row(figure: Figure) -> str:
    if figure.failure:
        return f"| {figure.name} | did not run: {figure.failure} | | | |\n"
    spread = f"{min(figure.wall_s):.2f} to {max(figure.wall_s):.2f} s"
    return f"| {figure.name} | {statistics.median(figure.wall_s):.2f} s | {spread} | {figure.repeats} | {figure.peak_bytes / 1e6:.0f} MB |\n"


def main() -> int:
    """Measure all, write the page, and fail where a command did not run."""
    figures = [measure(measurement) for measurement in MEASUREMENTS]
    PAGE.write_text(page(figures), "utf-8")
    print(PAGE.read_text("utf-8"))
    return 1 if any(figure.failure for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
