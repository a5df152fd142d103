"""Which files a path names: files, folders, globs, standard input; nothing is read yet."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterator
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from dfly_analysis.errors import SourceError, suggest_similar
from dfly_analysis.io.local import kind_of
from dfly_analysis.io.natural_sort import path_key
from dfly_analysis.io.streams import reason_of

OnProblem = Callable[[SourceError], None]


class Found(NamedTuple):
    """A file or folder that exists, with what the file system says of it."""

    path: str
    status: os.stat_result


def find_local(path: str, report: OnProblem, mention: OnProblem) -> Iterator[Found]:
    """Yield the files that a path names, in the order in which they are read.

    Parameters
    ----------
    path : str
        File, folder, or glob with ``*``, ``?``, ``[...]``, ``**``.
    report : callable
        Called with what cannot be read.
    mention : callable
        Called with what is passed over (pipes, sockets, devices, links to other folders in a folder).

    Raises
    ------
    SourceError
        Where nothing of that name exists, or a folder holds no files.
    """
    try:
        status = Path(path).stat()
    except PermissionError as problem:
        report(SourceError(f"cannot be read: {reason_of(problem)}", where=path, hint="check its permissions"))
        return
    except (OSError, ValueError) as problem:
        matches = sorted(_matches(path), key=lambda match: path_key(Path(match).parts)) if has_magic(path) else []
        if not matches and Path(path).is_symlink():
            raise SourceError(
                "the link leads to nothing", where=path, hint="name the file it was made for"
            ) from problem
        if not matches:
            raise SourceError("no such file or folder", where=path, hint=_nearest_name(path)) from problem
        for match in matches:
            yield from find_local(match, report, mention)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield from _explicit(path, status, report)
        return
    unreadable: list[SourceError] = []
    found = [*_walk(path, unreadable.append, mention)]
    for folder in unreadable:
        report(folder)
    if not found and unreadable:
        return
    if not found:
        raise SourceError("the folder holds no files", where=path, hint="name the folder that holds the logs")
    depth = len(Path(path).parts)
    yield from sorted(found, key=lambda one: path_key(Path(one.path).parts[depth:]))


def _explicit(path: str, status: os.stat_result, report: OnProblem) -> Iterator[Found]:
    if stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode):
        yield Found(path, status)
    else:
        report(SourceError(f"is a {kind_of(status.st_mode)} and cannot be read", where=path, hint="name a file"))


def _walk(top: str, report: OnProblem, mention: OnProblem) -> Iterator[Found]:
    """Yield regular files below a folder; links to folders are not followed, so that no loop can be run into."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, report):
            try:
                status = entry.stat()
            except OSError as problem:
                mention(SourceError(f"was passed over: {reason_of(problem)}", where=entry.path))
                continue
            if stat.S_ISREG(status.st_mode):
                yield Found(entry.path, status)
            elif not stat.S_ISDIR(status.st_mode):
                hint = "name it itself to read it" if stat.S_ISFIFO(status.st_mode) else None
                mention(SourceError(f"is a {kind_of(status.st_mode)} and was passed over", where=entry.path, hint=hint))
            elif not entry.is_symlink():
                waiting.append(entry.path)
            elif not Path(entry.path).resolve().is_relative_to(Path(top).resolve()):
                mention(
                    SourceError(
                        "is a link to another folder and was not followed",
                        where=entry.path,
                        hint="name that folder too",
                    )
                )


def _entries(folder: str, report: OnProblem) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as problem:
        report(SourceError(f"cannot be listed: {reason_of(problem)}", where=folder, hint="check its permissions"))
        return []


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a glob names; unlike the standard library's, ``**`` does not follow links to folders."""
    parts = Path(pattern).parts
    fixed = 0 if has_magic(parts[0]) else 1
    yield from _below("".join(parts[:fixed]), list(parts[fixed:]))


def _below(base: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        if base and os.path.lexists(base):
            yield base
        return
    part, *rest = parts
    if part == "**":
        found = (match for folder in _folders(base) for match in (_below(folder, rest) if rest else [folder] if folder else []))  # fmt: skip
        yield from dict.fromkeys(found)
    elif has_magic(part):
        for entry in _entries(base or ".", lambda _: None):
            is_hidden = entry.name.startswith(".") and not part.startswith(".")
            if fnmatch.fnmatchcase(entry.name, part) and not is_hidden and (not rest or entry.is_dir()):
                yield from _below(os.path.join(base, entry.name), rest)  # noqa: PTH118 - an empty base stays empty
    else:
        yield from _below(os.path.join(base, part), rest)  # noqa: PTH118


def _folders(base: str) -> Iterator[str]:
    """Yield a folder and all below it but hidden ones."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        yield folder
        entries = (entry for entry in _entries(folder or ".", lambda _: None) if not entry.name.startswith("."))
        waiting += [os.path.join(folder, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]  # noqa: PTH118


def _nearest_name(path: str) -> str:
    wanted = Path(path)
    try:
        siblings = [entry.name for entry in wanted.parent.iterdir()] if wanted.parent.is_dir() else []
    except (OSError, ValueError):
        siblings = []
    return suggest_similar(wanted.name, siblings) or "check the path"
