"""Writes redacted copies of files: of Dragonfly's by what is known, of others only where they are named."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfly_analysis.dataset import inspect_inputs
from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.io import local_files, open_sources
from dfly_analysis.readers.logs.format_detection import strip_colour
from dfly_analysis.sharing.pseudonyms import Pseudonyms
from dfly_analysis.sharing.scrubbing import Scrubber

OnProblem = Callable[[SourceError], None]
_OTHERS = ("foreign", "empty")


@dataclass(frozen=True)
class Copied:
    """What became of one file."""

    address: str
    target: Path | None  # None where it was left out
    note: str
    secrets: int = 0
    words: int = 0


def copy_files(
    paths: Sequence[str], output: Path, *, with_pseudonyms: bool = False, on_problem: OnProblem | None = None
) -> Iterator[Copied]:
    """Yield what became of each file of the inputs; the copies have as many lines as the originals. A file of another program is copied only if its own path is given."""
    kinds, hosts = _kinds(paths)
    pseudonyms = Pseudonyms(hosts) if with_pseudonyms else None
    scrubber = Scrubber(hosts, pseudonyms)
    written, given = set[Path](), {Path(path) for path in paths}
    inputs = {file.resolve() for file in local_files(paths)}
    for opened in open_sources(paths, on_problem=on_problem):
        named = opened.address == "-" or Path(opened.address) in given
        if b"\x00" in opened.head()[:4096]:
            yield Copied(opened.address, None, "is not text")
        elif kinds.get(opened.address, "foreign") in _OTHERS and not named:
            yield Copied(opened.address, None, "is not a file of Dragonfly")
        else:
            relative = _safe(opened.address)
            target = _unused(output / (pseudonyms.apply(str(relative)) if pseudonyms else relative), written)
            written.add(target)
            if target.resolve() in inputs:
                raise StoreError(
                    "the copy would replace a file of the input", where=str(target), hint="give another folder with -o"
                )
            removed = scrubber.removed
            removed.clear()
            _write(target, scrubber.lines(map(strip_colour, opened.lines()), names=kinds.get(opened.address) == "pods"))
            yield Copied(opened.address, target, opened.problem or "", removed["secrets"], removed["words"])


def _kinds(paths: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Return the kind of each file by its address, and the hosts of all; nothing of stdin, which can be read once only."""
    readable = [path for path in paths if path != "-"]
    rows = inspect_inputs(readable, "UTC", None) if readable else []
    return {str(row["path"]): str(row["kind"]) for row in rows}, {str(row["host"]) for row in rows if row.get("host")}


def _write(target: Path, lines: Iterable[str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8", errors="replace") as out:
            out.writelines(f"{line}\n" for line in lines)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _unused(target: Path, written: set[Path]) -> Path:
    """Return the path, with a number if another input was already written there."""
    number, found = 2, target
    while found in written:
        found = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    return found


def _safe(address: str) -> Path:
    """Return a relative path that stays inside the output directory; the copy is not compressed."""
    if address == "-":
        return Path("stdin.log")
    parts = [part for part in re.split(r"[/!\\]+", address) if part not in ("", ".", "..")]
    parts[-1] = re.sub(r"(?<=.)\.(?:gz|xz|bz2|zst)$", "", parts[-1])
    return Path(*(re.sub(r"[^\w.+=@-]", "_", part) for part in parts))
