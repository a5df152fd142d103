"""The command redact."""

from collections.abc import Iterable
from pathlib import Path

import click

from dfly_analysis.cli.options import command, folder_option, paths_argument
from dfly_analysis.cli.output import message
from dfly_analysis.errors import SourceError
from dfly_analysis.io import local_files


@command(
    "dfly-analysis redact logs/ values.yaml -o redacted/", "dfly-analysis redact run.tar.gz -o shared/ --pseudonyms"
)
@paths_argument
@folder_option()
@click.option(
    "--pseudonyms",
    is_flag=True,
    help="Replace ids, addresses, hosts and image names, each always by the same other one.",
)
def redact(paths: tuple[str, ...], output: Path, *, pseudonyms: bool) -> None:
    """Copy files without secrets, to share them.

    Known messages, fields, ids, hosts, addresses, sizes and times pass; secrets and unknown words are replaced by [redacted]. Files of
    other programs are left out unless their own path is given.
    """
    from dfly_analysis.sharing import copy_files

    _refuse_inputs(paths, output)
    copied, left_out, secrets, words = 0, 0, 0, 0
    for file in copy_files(paths, output, with_pseudonyms=pseudonyms, on_problem=lambda error: message(str(error))):
        if file.target is None:
            left_out += 1
            message(f"{file.address}: {file.note} and was not copied")
            continue
        click.echo(str(file.target))
        copied, secrets, words = copied + 1, secrets + file.secrets, words + file.words
        if file.note:
            message(f"{file.address}: {file.note} (the part before it was copied)")
        if file.secrets or file.words:
            message(f"{file.address}: {file.secrets:,} secrets and {file.words:,} unknown words removed")
    if not copied:
        raise SourceError("nothing was copied", where=", ".join(paths), hint="give text files, or archives of them")
    message(
        f"{copied} files copied, {left_out} left out (give the path of a text to copy it anyway); {secrets:,} secrets and {words:,} unknown words removed"
    )


def _refuse_inputs(paths: Iterable[str], output: Path) -> None:
    """Refuse a folder in which copies could replace the files that are read, also where a glob or a link leads to them."""
    folder, hint = output.resolve(), "give a folder beside the input with -o"
    for path in paths:
        given = Path(path).resolve()
        inside = given.is_dir() and given in folder.parents
        if path != "-" and (inside or any(folder in file.resolve().parents for file in local_files([path]))):
            raise click.UsageError(f"{output}: the copies would be written among the input {path} ({hint})")
