"""Files to typed tables: ours beside the peers and the limits of the machine, in one run."""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.bench.big_log import write_client_log, write_scheduler_log
from tests.bench.measure import Command, Figure, run

PEERS = Path(__file__).resolve().parent / "peers"
OURS = str(Path(sys.executable).with_name("dfly-analysis"))
SCHEDULER_BYTES, COMPRESSED_BYTES = 300_000_000, 256_000_000
OUR_NAME = "`dfly-analysis load`"
RECORDS_NAME = "`dfly-analysis load --tables events`"


@dataclass(frozen=True)
class Group:
    """Ways to read one file; `needle` is what `rg` counts."""

    name: str
    title: str
    file: str
    make: Callable[[Path, int], object]
    most_bytes: int | None
    peers: tuple[str, ...]
    limits: tuple[str, ...] = ("wc", "cat", "rg")


def _compressed(path: Path, size_bytes: int) -> None:
    plain = path.with_suffix("")
    write_client_log(plain, size_bytes)
    with plain.open("rb") as source, _packer(path) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()


def _packer(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "wb", compresslevel=6)
    from backports import zstd

    return zstd.open(path, "wb")


def _sound(path: Path, size_bytes: int) -> None:
    write_scheduler_log(path, size_bytes, broken_share=0)


GROUPS = (
    Group(
        "client",
        "Client log, plain",
        "dfdaemon.log",
        write_client_log,
        None,
        (
            "polars_split",
            "polars_regex",
            "duckdb_split",
            "duckdb_regex",
            "pyarrow_regex",
            "python_re",
            "pandas_extract",
        ),
    ),
    Group(
        "scheduler",
        "Scheduler log (zap JSON), plain",
        "core.log",
        write_scheduler_log,
        SCHEDULER_BYTES,
        ("polars_ndjson", "duckdb_json", "pyarrow_json", "pandas_json"),
    ),
    Group(
        "scheduler_sound",
        "Scheduler log without broken lines",
        "core.log",
        _sound,
        SCHEDULER_BYTES,
        ("polars_ndjson", "duckdb_json"),
    ),
    Group(
        "gz", "Client log, gzip", "dfdaemon.log.gz", _compressed, COMPRESSED_BYTES, ("polars_split", "decompress"), ()
    ),
    Group(
        "zst", "Client log, zstd", "dfdaemon.log.zst", _compressed, COMPRESSED_BYTES, ("polars_split", "decompress"), ()
    ),
)
NAMES = {"decompress": "decompressor alone", "wc": "`wc -l`", "cat": "`cat`", "rg": "`rg -c ERROR`"}


def measure_reading(size_bytes: int, work: Path, repeats: int, only: frozenset[str]) -> Iterator[dict[str, object]]:
    """Yield each group's figures.

    Each way is run once before the next round begins, so that a machine that slows down slows all of them; the file is read once
    beforehand.
    """
    for group in GROUPS:
        if only and group.name not in only:
            continue
        raw_bytes = min(size_bytes, group.most_bytes or size_bytes)
        folder = work / group.name
        folder.mkdir()
        path = folder / group.file
        group.make(path, raw_bytes)
        figures = [Figure(name) for name in _ways(group, path)]
        shutil.copyfile(path, "/dev/null")
        for _ in range(repeats):
            for figure, command in zip(figures, _ways(group, path).values(), strict=True):
                if not figure.failure:
                    figure.runs.append(run(command, work))
                    print(f"{group.name}: {figure.name}: {figure.runs[-1]}", file=sys.stderr)
        size = path.stat().st_size
        shutil.rmtree(folder)
        yield {
            "name": group.name,
            "title": group.title,
            "raw_bytes": raw_bytes,
            "file_bytes": size,
            "rows": [figure.record() for figure in figures],
        }


def _ways(group: Group, path: Path) -> dict[str, Command]:
    file = str(path)
    limits = {"wc": ("wc", "-l", file), "cat": ("cat", file), "rg": ("rg", "-a", "-c", "ERROR", file)}
    ways = {OUR_NAME: load(path), RECORDS_NAME: load(path, "--tables", "events")} | {
        NAMES.get(name, name): peer(name, path) for name in group.peers
    }
    return ways | {NAMES[name]: Command(name, limits[name]) for name in group.limits}


def load(path: Path, *more: str) -> Command:
    """Return our command."""
    return Command("ours", (OURS, "load", str(path), *more, "-o", "{out}"))


def peer(name: str, path: Path) -> Command:
    """Return a peer's command."""
    return Command(name, (sys.executable, "-W", "ignore", str(PEERS / f"{name}.py"), str(path), "{out}/out.parquet"))
