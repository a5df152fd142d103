"""All shapes in which logs come give the tables of the plain files: wrapped, packed, rotated, recoded, coloured."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from wrapping import SHAPES, split_lines

try:
    from compression import zstd
except ImportError:
    from backports import zstd

Files = dict[str, bytes]
Change = Callable[[str, bytes], Files]
RUNS = (("slow-source", "v0.1.118"), ("slow-source", "v1.5.1"), ("mixture", "v1.0.26"))
PLACE = ["log_path", "log_line"]


def files_of(run: Path) -> Files:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def changed(run: Path, change: Change) -> Files:
    """Return a run's files with each log replaced by what `change` makes of its name and bytes."""
    files: Files = {}
    for name, data in files_of(run).items():
        files |= change(name, data) if name.endswith(".log") and data else {name: data}
    return files


def wrapped(shape: str) -> Change:
    """Wrap each log; the writer has its host's name, which is its folder's."""
    return lambda name, data: {name: SHAPES[shape]({PurePosixPath(name).parts[0]: data})}


def compressed(ending: str, compress: Callable[[bytes], bytes]) -> Change:
    return lambda name, data: {name + ending: compress(data)}


def in_members(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Compress thirds apart, as appending to a packed file does; the cuts fall within lines."""
    return lambda data: b"".join(
        compress(data[at : at + len(data) // 3 + 1]) for at in range(0, len(data), len(data) // 3 + 1)
    )


def rotated(older: Callable[[str, int], str], pack: Callable[[bytes], bytes] = bytes) -> Change:
    """Cut a log into three at line ends; `older` names the second oldest as 1 and the oldest as 2."""

    def change(name: str, data: bytes) -> Files:
        lines = [line + b"\n" for line in split_lines(data)]
        third = max(1, len(lines) // 3)
        oldest, old, current = lines[:third], lines[third : 2 * third], lines[2 * third :]
        made = {older(name, 2): pack(b"".join(oldest)), older(name, 1): pack(b"".join(old)), name: b"".join(current)}
        return {part: content for part, content in made.items() if content}

    return change


def tar_of(files: Mapping[str, bytes], mode: str = "w", **options: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, **options) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"logs/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def nested(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of one zip a host, in which logs are compressed: what a collecting script makes of what it collected."""
    hosts: dict[str, Files] = {}
    for name, data in files.items():
        host, _, rest = name.partition("/")
        hosts.setdefault(host, {})[f"{host}/{rest}" if rest else host] = data
    return tar_of(
        {
            f"{host}.zip": zip_of({name: gzip.compress(data) for name, data in held.items()})
            for host, held in hosts.items()
        }
    )


PACKED: dict[str, Change] = {
    ".gz": compressed(".gz", gzip.compress),
    ".gz, appended to": compressed(".gz", in_members(gzip.compress)),
    ".zst": compressed(".zst", zstd.compress),
    ".zst, appended to": compressed(".zst", in_members(zstd.compress)),
    ".xz": compressed(".xz", lzma.compress),
    ".bz2": compressed(".bz2", bz2.compress),
    ".zip": lambda name, data: {f"{name}.zip": zip_of({PurePosixPath(name).name: data})},
    "gzip without ending": compressed("", gzip.compress),
    "rotated by number": rotated(lambda name, age: f"{name}.{age}"),
    "rotated and compressed": rotated(lambda name, age: f"{name}.{age}.gz", gzip.compress),
    "rotated by date": rotated(lambda name, age: f"{name}-2026050{3 - age}"),
    "rotated by lumberjack": rotated(lambda name, age: f"{name[:-4]}-2026-05-0{3 - age}T10-00-00.000.log"),
}
ARCHIVES: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "tar": ("run.tar", tar_of),
    "tar.gz": ("run.tar.gz", lambda files: tar_of(files, "w:gz", compresslevel=1)),
    "tar.zst": ("run.tar.zst", lambda files: zstd.compress(tar_of(files))),
    "tar.xz": ("run.tar.xz", lambda files: tar_of(files, "w:xz", preset=0)),
    "tar.bz2": ("run.tar.bz2", lambda files: tar_of(files, "w:bz2", compresslevel=1)),
    "zip": ("run.zip", zip_of),
    "nested": ("run.tar", nested),
}
