"""Which files the user's words name: files, folders, globs, standard input; nothing is read yet."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterator
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from dfly_analysis.errors import SourceError, nearest
from dfly_analysis.io.local import kind_of
from dfly_analysis.io.natural_sort import path_key
from dfly_analysis.io.streams import reason_of

Tell = Callable[[SourceError], None]


class Found(NamedTuple):
    """A file or folder that exists, with what the file system says of it."""

    path: str
    status: os.stat_result


def find_local(path: str, tell: Tell, mention: Tell) -> Iterator[Found]:
    """Yield the files that a path names, in the order in which they are read.

    Parameters
    ----------
    path : str
        File, folder, or glob with ``*``, ``?``, ``[...]``, ``**``.
    tell : callable
        Told what cannot be read.
    mention : callable
        Told what is passed over (pipes, sockets, devices, links to other folders in a folder).

    Raises
    ------
    SourceError
        Where nothing of that name exists, or a folder holds no files.
    """
    try:
        status = Path(path).stat()
    except PermissionError as problem:
        tell(SourceError(f"cannot be read: {reason_of(problem)}", where=path, hint="check its permissions"))
        return
    except (OSError, ValueError) as problem:
        matches = sorted(_matches(path), key=lambda match: path_key(Path(match).parts)) if has_magic(path) else []
        if not matches and Path(path).is_symlink():
            raise SourceError(
                "the link leads to nothing", where=path, hint="name the file it was made for"
            ) from problem
        if not matches:
            raise SourceError("no such file or folder", where=path, hint=_beside(path)) from problem
        for match in matches:
            yield from find_local(match, tell, mention)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield from _explicit(path, status, tell)
        return
    closed: list[SourceError] = []
    found = [*_walk(path, closed.append, mention)]
    for shut in closed:
        tell(shut)
    if not found and closed:
        return
    if not found:
        raise SourceError("the folder holds no files", where=path, hint="name the folder that holds the logs")
    depth = len(Path(path).parts)
    yield from sorted(found, key=lambda one: path_key(Path(one.path).parts[depth:]))


def _explicit(path: str, status: os.stat_result, tell: Tell) -> Iterator[Found]:
    if stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode):
        yield Found(path, status)
    else:
        tell(SourceError(f"is a {kind_of(status.st_mode)} and cannot be read", where=path, hint="name a file"))


def _walk(top: str, tell: Tell, mention: Tell) -> Iterator[Found]:
    """Yield regular files below a folder; links to folders are not followed, so that no loop can be run into."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, tell):
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


def _entries(folder: str, tell: Tell) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as problem:
        tell(SourceError(f"cannot be listed: {reason_of(problem)}", where=folder, hint="check its permissions"))
        return []


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a glob names; unlike the standard library's, ``**`` does not follow links to folders."""
    first, *rest = Path(pattern).parts
    if has_magic(first):
        yield from _below("", [first, *rest])
    else:
        yield from _below(first, rest)


def _below(base: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        if base and os.path.lexists(base):
            yield base
        return
    part, *rest = parts
    if part == "**":
        yield from dict.fromkeys(
            match
            for folder in _folders(base)
            for match in (_below(folder, rest) if rest else [folder] if folder else [])
        )
    elif has_magic(part):
        for entry in _entries(base or ".", lambda _: None):
            if fnmatch.fnmatchcase(entry.name, part) and (part.startswith(".") or not entry.name.startswith(".")):
                found = os.path.join(base, entry.name)  # noqa: PTH118 - an empty base stays empty
                if not rest or entry.is_dir():
                    yield from _below(found, rest)
    else:
        yield from _below(os.path.join(base, part), rest)  # noqa: PTH118


def _folders(base: str) -> Iterator[str]:
    """Yield a folder and all below it but hidden ones."""
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        yield folder
        waiting += [
            os.path.join(folder, entry.name)  # noqa: PTH118
            for entry in _entries(folder or ".", lambda _: None)
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]


def _beside(path: str) -> str:
    wanted = Path(path)
    try:
        siblings = [entry.name for entry in wanted.parent.iterdir()] if wanted.parent.is_dir() else []
    except (OSError, ValueError):
        siblings = []
    return nearest(wanted.name, siblings) or "check the path"
