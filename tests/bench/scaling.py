"""Time and memory against the size of a client log, ours and the best peer's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.big_log import write_client_log
from tests.bench.measure import Figure, run
from tests.bench.reading import OUR_NAME, RECORDS_NAME, load, peer

SIZES = (10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)
ONCE_FROM = 5_000_000_000
PEER = "polars_split"


def measure_scaling(largest_bytes: int, work: Path, repeats: int) -> Iterator[dict[str, object]]:
    """Yield the figures of each size and way."""
    for size_bytes in (size for size in SIZES if size <= largest_bytes):
        path = work / "dfdaemon.log"
        write_client_log(path, size_bytes)
        ways = {OUR_NAME: load(path), RECORDS_NAME: load(path, "--tables", "events"), PEER: peer(PEER, path)}
        figures = [Figure(name) for name in ways]
        for _ in range(1 if size_bytes >= ONCE_FROM else repeats):
            for figure, command in zip(figures, ways.values(), strict=True):
                if not figure.failure:
                    figure.runs.append(run(command, work))
                    print(f"{size_bytes}: {figure.name}: {figure.runs[-1]}", file=sys.stderr)
        path.unlink()
        yield from ({"size_bytes": size_bytes, **figure.record()} for figure in figures)
