"""Writes big logs fast, the same bytes for the same size and seed.

    python -m tests.bench.big_log client 1GiB dfdaemon.log
    python -m tests.bench.big_log scheduler 300MB core.log

Lines have the shapes of the versions' own programs (the templates of `tests.synthetic`); times rise, starts and ends of pieces
belong together, about 2 % of the client's lines are warnings and errors, 0.1 % are broken. The client is upgraded from v0.1.118 to
v1.5.1 near the end of its log, the scheduler from v2.1.63 to v2.5.1 in the middle.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dfly_analysis.units import parse_size
from tests.bench import client_wave, scheduler_wave

BEGIN_NS = 1_772_438_400_000_000_000  # 2026-03-02T08:00:00Z
BROKEN_SHARE = 0.001
CLIENT_UPGRADE, SCHEDULER_UPGRADE = 0.97, 0.5  # share of the file written by the older version

Waves = Iterator[list[bytes]]


def write_client_log(path: Path, size_bytes: int, seed: int = 0, *, broken_share: float = BROKEN_SHARE) -> int:
    """Write a client's `dfdaemon.log` of nearly that size; return its number of lines."""
    rng = np.random.default_rng(seed)
    host = client_wave.Host.of(rng)
    return _write(
        path,
        size_bytes,
        CLIENT_UPGRADE,
        lambda time_ns: client_wave.piece_waves(rng, host, time_ns, broken_share),
        lambda time_ns: client_wave.task_waves(rng, host, time_ns, broken_share),
    )


def write_scheduler_log(path: Path, size_bytes: int, seed: int = 0, *, broken_share: float = BROKEN_SHARE) -> int:
    """Write a scheduler's `core.log` of nearly that size; return its number of lines."""
    rng = np.random.default_rng(seed)
    return _write(
        path,
        size_bytes,
        SCHEDULER_UPGRADE,
        lambda time_ns: scheduler_wave.waves(rng, "v2.1.63", time_ns, broken_share),
        lambda time_ns: scheduler_wave.waves(rng, "v2.5.1", time_ns, broken_share),
    )


def _write(
    path: Path, size_bytes: int, upgrade: float, older: Callable[[int], Waves], newer: Callable[[int], Waves]
) -> int:
    written = n_lines = 0
    time_ns = BEGIN_NS
    with path.open("wb") as file:
        for waves, until in ((older, int(size_bytes * upgrade)), (newer, size_bytes)):
            for end_ns, lines in waves(time_ns):
                time_ns = end_ns
                block = b"".join(lines)
                if written + len(block) > until:
                    block = block[: block.rfind(b"\n", 0, until - written) + 1]
                n_lines += block.count(b"\n")
                written += file.write(block)
                if len(block) < sum(map(len, lines)):
                    break
    return n_lines


def main() -> int:
    """Write the log the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("client", "scheduler"))
    parser.add_argument("size", type=parse_size, help="for example 1GiB")
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write = write_client_log if given.kind == "client" else write_scheduler_log
    n_lines = write(given.path, int(given.size), given.seed)
    print(f"{given.path}: {given.path.stat().st_size} bytes, {n_lines} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
