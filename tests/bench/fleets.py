"""Fleets: many hosts with a few small files each, beside polars splitting the same bytes from one file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure import ROOT, Command, Figure, run
from tests.bench.reading import OURS, PEERS
from tests.golden.inputs import write_fleet

SAMPLE = ROOT / "data" / "samples" / "slow-v1.5.1.tar.gz"
CLIENT = ("--client", "v1.5.1")
COPIES = (100, 300)
SMALL_FILES = (1_000, 4_000)
LINE = (
    "2026-05-02T10:00:09.000000Z ERROR dragonfly-client/src/resource/task.rs:9: "
    "download piece finished: error decoding response body\n"
)


def measure_fleets(work: Path, repeats: int, copies: Sequence[int] = COPIES) -> Iterator[dict[str, object]]:
    """Yield a row a command and size of fleet, then those of small files and of one pasted line."""
    for number in copies:
        yield from _fleet(work, repeats, number)
    for number in SMALL_FILES:
        folder = work / f"small-{number}"
        for place in range(number):
            path = folder / f"client-{place}" / "dfdaemon.log"
            path.parent.mkdir(parents=True)
            path.write_text(LINE, "utf-8")
        yield _row(f"`diagnose` on {number:,} files of one line", (OURS, "diagnose", str(folder)), work, repeats)
    pasted = work / "line.txt"
    pasted.write_text(LINE, "utf-8")
    yield _row("`diagnose -` on one pasted line", ("sh", "-c", f"{OURS} diagnose - <{pasted}"), work, repeats)


def _fleet(work: Path, repeats: int, number: int) -> Iterator[dict[str, object]]:
    fleet, tables, joined = work / f"fleet-{number}", work / f"tables-{number}", work / f"joined-{number}.log"
    write_fleet(SAMPLE, fleet, number)
    _join(fleet, joined)
    name = f"fleet of {number}"
    split = (sys.executable, str(PEERS / "polars_split.py"), str(joined), "{out}/events.parquet")
    yield _row(f"polars split of the {name}'s logs in one file", split, work, repeats)
    joined.unlink()
    yield _row(f"`diagnose` on a {name}", (OURS, "diagnose", str(fleet), *CLIENT), work, repeats)
    yield _row(f"`load` of a {name}", (OURS, "load", str(fleet), *CLIENT, "-o", "{out}"), work, repeats)
    run(Command("load", (OURS, "load", str(fleet), *CLIENT, "-o", str(tables))), work)
    parts = str(tables / "events.parquet")
    yield _row(f"`diagnose` on the loaded tables of a {name}", (OURS, "diagnose", parts, *CLIENT), work, repeats)
    yield _row(f"`compare` of a {name} with itself", (OURS, "compare", str(fleet), str(fleet)), work, 1)
    yield _row(f"`report` on a {name}", (OURS, "report", str(fleet), *CLIENT, "-o", "{out}"), work, 1)


def _join(fleet: Path, target: Path) -> None:
    with target.open("wb") as joined:
        for path in sorted(fleet.rglob("*.log")):
            joined.write(path.read_bytes())


def _row(name: str, arguments: tuple[str, ...], work: Path, repeats: int) -> dict[str, object]:
    figure = Figure(name)
    while not figure.failure and len(figure.runs) < repeats:
        figure.runs.append(run(Command(name, arguments), work))
    return figure.record()
