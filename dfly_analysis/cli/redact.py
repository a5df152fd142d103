"""The command redact."""

import re
from collections.abc import Iterable
from pathlib import Path

import click

from dfly_analysis.cli.options import command, folder_option, paths_argument
from dfly_analysis.cli.output import message
from dfly_analysis.errors import SourceError


@command("dfly-analysis redact logs/ values.yaml -o redacted/")
@paths_argument
@folder_option()
def redact(paths: tuple[str, ...], output: Path) -> None:
    """Copy text files with their secrets removed."""
    from dfly_analysis.io import open_sources
    from dfly_analysis.readers.logs.format_detection import strip_colour
    from dfly_analysis.redaction import redact as without_secrets

    _refuse_inputs(paths, output)
    written: set[Path] = set()
    for opened in open_sources(paths, on_problem=lambda error: message(str(error))):
        if b"\x00" in opened.head()[:4096]:
            message(f"{opened.address}: is not text and was not copied")
            continue
        target = _unused(output / _safe(opened.address), written)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            with part.open("w", encoding="utf-8") as out:
                for line in opened.lines():
                    out.write(without_secrets(strip_colour(line)) + "\n")  # a colour code could split a word
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        written.add(target)
        click.echo(str(target))
        if opened.problem:
            message(f"{opened.address}: {opened.problem} (the part before it was copied)")
    if not written:
        raise SourceError("nothing was copied", where=", ".join(paths), hint="give text files, or archives of them")


def _refuse_inputs(paths: Iterable[str], output: Path) -> None:
    """Refuse a folder in which copies could replace the files that are read."""
    folder = output.resolve()
    for path in paths:
        given = Path(path).resolve()
        if (
            path != "-"
            and given.exists()
            and (folder == given or folder in given.parents or (given.is_dir() and given in folder.parents))
        ):
            hint = "give a folder beside the input with -o"
            raise click.UsageError(f"{output}: the copies would be written among the input {path} ({hint})")


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
