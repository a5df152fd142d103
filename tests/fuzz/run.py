"""Fuzzes every entry point in turn, one process at a time: `python -m tests.fuzz.run FOLDER [--minutes 60] [--only TARGET…]`.

The corpus grows in FOLDER and is taken up again by the next run; what breaks something lies in FOLDER/TARGET/found.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.build_core import build, write_words
from tests.fuzz.targets import TARGETS

SHARES = {
    "core": 20, "logs": 32, "sources": 10, "folder": 8, "diagnosis": 6, "metrics": 4, "jobs": 4, "bench": 4, "settings": 3, "sniffing": 2,
    "redaction": 3, "pods": 2, "fragments": 2,
}  # fmt: skip
"""Parts of the time, in percent; `core` is the compiled reader under the sanitizers."""
ROUNDS = 3
MAX_BYTES = {"logs": 16384, "folder": 16384, "redaction": 4096}
BOUNDS = ("-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0")
_STATISTIC = re.compile(r"stat::(\w+):\s+(\d+)")
_MAX_FOUND = 10


def command(target: str, folder: Path) -> list[str]:
    """Return what fuzzes an entry point, after writing what it begins with."""
    for name in ("corpus", "found"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = [
        *BOUNDS,
        f"-max_len={MAX_BYTES.get(target, 65536)}",
        f"-artifact_prefix={folder / 'found'}/",
        f"-dict={folder / 'words.dict'}",
    ]
    if target == "core":
        return [str(build(folder)), *options, "-use_value_profile=1", str(folder / "corpus"), str(folder / "seeds")]
    seeds.write(target, folder / "seeds")
    write_words(folder / "words.dict", seeds.words())
    return [
        sys.executable,
        "-m",
        "tests.fuzz.fuzz_reading",
        target,
        *options,
        str(folder / "corpus"),
        str(folder / "seeds"),
    ]


def fuzz(target: str, folder: Path, duration_s: float) -> Iterator[dict[str, int]]:
    """Fuzz an entry point for so long, anew after each finding; yield libFuzzer's figures of each process."""
    ends = time.monotonic() + duration_s
    started = command(target, folder)
    for _ in range(_MAX_FOUND):
        left = int(ends - time.monotonic())
        if left < 1:
            return
        with (folder / "log").open("ab") as log:
            ended = subprocess.run(
                [*started, f"-max_total_time={left}"], stdout=log, stderr=subprocess.PIPE, check=False
            )
            log.write(ended.stderr)
        figures = {name: int(value) for name, value in _STATISTIC.findall(ended.stderr.decode("utf-8", "replace"))}
        yield figures | {"found": int(ended.returncode != 0)}


def main() -> int:
    """Fuzz; the exit code says whether something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", nargs="+", choices=sorted({"core", *TARGETS}), default=list(SHARES))
    asked = parser.parse_args()
    whole, found = sum(SHARES[target] for target in asked.only), 0
    for _ in range(ROUNDS):
        for target in asked.only:
            duration_s = asked.minutes * 60 * SHARES[target] / whole / ROUNDS
            begun = time.monotonic()
            figures = list(fuzz(target, asked.folder.resolve() / target, duration_s))
            broken = sum(one["found"] for one in figures)
            found += broken
            executed = sum(one.get("number_of_executed_units", 0) for one in figures)
            memory = max((one.get("peak_rss_mb", 0) for one in figures), default=0)
            print(
                f"{target}: {executed} executions in {time.monotonic() - begun:.0f} s, {memory} MB at most, {broken} found",
                flush=True,
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
