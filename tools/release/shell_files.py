"""The man page and the shell completions, generated from the commands."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class

NAME = "dfly-analysis"
COMPLETIONS = {
    "bash": f"bash-completion/completions/{NAME}",
    "zsh": f"zsh/site-functions/_{NAME}",
    "fish": f"fish/vendor_completions.d/{NAME}.fish",
}
"""Where each shell looks below ``share/``."""
VARIABLE = "_DFLY_ANALYSIS_COMPLETE"
"""What a shell sets when it asks the command for completions."""
VERBATIM = "\b"
"""How click marks a paragraph whose lines stay as they are."""


def write_shell_files(folder: Path, version: str) -> dict[str, str]:
    """Write man page and completions below a folder; return where each belongs below the prefix of an installation."""
    from dfly_analysis.cli.main import main

    texts = {f"man/man1/{NAME}.1": man_page(main, version)}
    for shell, name in COMPLETIONS.items():
        kind = get_completion_class(shell)
        if kind is not None:
            completion = kind(main, {}, NAME, VARIABLE)
            texts[name] = (completion.source_template % completion.source_vars()).strip() + "\n"
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return {str(folder / name): f"share/{name}" for name in texts}


def man_page(main: click.Group, version: str) -> str:
    """Return one page in man(7) markup for all commands."""
    context = click.Context(main, info_name=NAME)
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    lines = [
        f'.TH {NAME.upper()} 1 {date} "{NAME} {version}"',
        ".SH NAME",
        f"{NAME} \\- find out why a large Dragonfly preheat failed",
        ".SH SYNOPSIS",
        f".B {NAME}",
        ".I COMMAND",
        "[OPTIONS] [PATH...]",
        ".SH DESCRIPTION",
        *_paragraphs(main.help or ""),
        ".SH COMMANDS",
        "Every command has the option",
        ".BR \\-\\-help .",
    ]
    for name, command in commands.items():
        if command is not None:
            lines += _command(command, click.Context(command, info_name=name, parent=context))
    return "\n".join([*lines, ".SH EXAMPLES", *_paragraphs(main.epilog or "")]) + "\n"


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f'.SS "{_plain(context.command_path.removeprefix(NAME).strip())}"'
    yield f".B {_plain(context.command_path)}"
    yield _plain(" ".join(command.collect_usage_pieces(context)))
    yield ".PP"
    yield from _paragraphs(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and parameter.name != "help":
            yield from (".TP", f".B {_plain(record[0])}", _plain(record[1]))
    yield ".PP"
    yield from _paragraphs(command.epilog or "")


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.lstrip(" \n").startswith(VERBATIM):
            yield from (".nf", *map(_plain, paragraph.replace(VERBATIM, "").strip("\n").splitlines()), ".fi")
        else:
            yield from (_plain(line.strip()) for line in paragraph.splitlines() if line.strip())


def _plain(text: str) -> str:
    """Return a text without meaning to troff."""
    text = " ".join(text.split("\n")).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
