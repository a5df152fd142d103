"""Objects of an S3 store: listed, read in ranges, written whole; the only module that imports obstore."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import SourceError, nearest
from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.natural_sort import path_key
from dfly_analysis.io.streams import BLOCK_BYTES, BrokenStreamError

if TYPE_CHECKING:
    from obstore.store import S3Store

WINDOW_BYTES = 8 << 20
_PART_BYTES = 16 << 20
_CREDENTIALS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL"
_SCHEME = "s3://"


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` address.

    Raises
    ------
    SourceError
        Where no bucket is named.
    """
    bucket, _, key = url.removeprefix(_SCHEME).partition("/")
    if not bucket:
        raise SourceError("names no bucket", where=url, hint="write s3://bucket/prefix")
    return bucket, key


def connect(bucket: str) -> S3Store:
    """Return a client for a bucket; endpoint, region and credentials come from the usual ``AWS_*`` variables.

    Raises
    ------
    SourceError
        Where the extra is not installed, or the variables contradict themselves.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return _connect(bucket, endpoint, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@functools.lru_cache(maxsize=16)
def _connect(bucket: str, endpoint: str, _environment: tuple[tuple[str, str], ...]) -> S3Store:
    where = f"{_SCHEME}{bucket}"
    try:
        from obstore.store import S3Store
    except ImportError as problem:
        raise SourceError(
            "object stores need a library that is not installed", where=where, hint="pip install 'dfly-analysis[s3]'"
        ) from problem
    options: dict[str, Any] = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=120)}
    if endpoint.startswith("http://"):
        options["allow_http"] = True  # who names such an endpoint means it
    settings: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    try:
        return S3Store(
            bucket,
            client_options=options,  # type: ignore[arg-type]
            retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
            **settings,
        )
    except Exception as problem:
        raise explain(problem, where) from problem


def explain(problem: BaseException, where: str) -> SourceError:
    """Return what a client's exception means, in one line.

    Parameters
    ----------
    problem : BaseException
        Of obstore.
    where : str
        Address it concerns.
    """
    text, kind = str(problem), type(problem).__name__
    reason = re.sub(r"\s+", " ", text.split("Debug source", 1)[0]).strip()[:200]
    meanings = (
        ("NoSuchBucket" in text, "there is no such bucket", "check its name and AWS_ENDPOINT_URL"),
        (
            kind in ("PermissionDeniedError", "UnauthenticatedError")
            or re.search(r"AccessDenied|status code: 40[13]", text),
            "access is denied",
            f"check {_CREDENTIALS}",
        ),
        (
            "invalid path" in text or "empty path segment" in text,
            "a key in it has an empty or dotted part, which the library cannot name",
            "name a prefix without it",
        ),
        (isinstance(problem, FileNotFoundError), "there is no such object or file", "check the name"),
        (kind == "PreconditionError", "was overwritten while it was read", "read it again"),
        ("169.254." in text or "redentials" in text, "no credentials were found", f"set {_CREDENTIALS}"),
        (True, f"the object store does not answer: {reason}", "check AWS_ENDPOINT_URL"),
    )
    message, hint = next((message, hint) for holds, message, hint in meanings if holds)
    return SourceError(message, where=where, hint=hint)


def list_keys(store: S3Store, prefix: str, where: str) -> Iterator[tuple[str, int]]:
    """Yield key and size of each object in a folder of a store.

    Raises
    ------
    SourceError
    """
    import obstore

    try:
        for chunk in obstore.list(store, prefix or None, chunk_size=1000):
            for meta in chunk:
                yield str(meta["path"]), int(meta["size"])
    except Exception as problem:
        raise explain(problem, where) from problem


def size_of(store: S3Store, key: str, where: str) -> int | None:
    """Return an object's size, None where there is none of that name.

    Raises
    ------
    SourceError
        Where the store cannot be asked.
    """
    import obstore

    try:
        return int(obstore.head(store, key)["size"])
    except FileNotFoundError as problem:
        if "NoSuchBucket" in str(problem):
            raise explain(problem, where) from problem
        return None
    except Exception as problem:
        raise explain(problem, where) from problem


def list_objects(url: str) -> list[tuple[str, int]]:
    """Return address and size of the objects that an address names, in the order in which they are read.

    Parameters
    ----------
    url : str
        ``s3://bucket/key`` of an object, of everything below a prefix, or a glob over keys.

    Raises
    ------
    SourceError
        Where it names nothing, or the store cannot be asked.
    """
    bucket, key = split_url(url)
    store = connect(bucket)
    size = size_of(store, key, url) if key and not key.endswith("/") else None
    if size is not None:
        return [(f"{_SCHEME}{bucket}/{key}", size)]
    folder = _fixed_part(key) if has_magic(key) else key.strip("/")
    listed = list(list_keys(store, folder, url))
    pattern = key.strip("/").split("/") if has_magic(key) else []
    found = [(name, size) for name, size in listed if _matches(name.split("/"), pattern)]
    # a key that ends in a slash stands for a folder: it is listed without the slash, and then there is no such object
    found = [(name, size) for name, size in found if size or size_of(store, name, url) is not None]
    if not found:
        raise SourceError("no such object or folder", where=url, hint=_beside(store, key, url))
    found.sort(key=lambda one: path_key(tuple(one[0].split("/"))))
    return [(f"{_SCHEME}{bucket}/{name}", size) for name, size in found]


def _fixed_part(pattern: str) -> str:
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if has_magic(part))
    return "/".join(parts[:fixed])


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Say whether a key, or a folder it lies in, is what a glob names; ``**`` stands for any number of folders."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _beside(store: S3Store, key: str, url: str) -> str:
    parent = key.strip("/").rpartition("/")[0]
    names = [name for name, _ in list_keys(store, parent, url)][:1000]
    children = {name.removeprefix(parent).strip("/").split("/", 1)[0] for name in names}
    return nearest(key.strip("/").rpartition("/")[2], sorted(children)) or "check the name"


class ObjectFile:
    """An object, read in windows of a few megabytes: in order, or anywhere.

    Parameters
    ----------
    url : str
    reading : Reading

    Raises
    ------
    BrokenStreamError
        Where it cannot be opened.
    """

    note: str | None = None

    def __init__(self, url: str, reading: Reading) -> None:
        import obstore

        bucket, self._key = split_url(url)
        self._url, self._reading = url, reading
        self._store = connect(bucket)
        self._at, self._window_at, self._window = 0, 0, b""
        try:
            meta = obstore.head(self._store, self._key)
        except FileNotFoundError as problem:
            raise BrokenStreamError("vanished between being listed and being read") from problem
        except Exception as problem:
            raise BrokenStreamError(explain(problem, url).message) from problem
        self.size_bytes, self._tag = int(meta["size"]), meta["e_tag"]

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes."""
        block = self.read_at(self._at, most)
        self._at += len(block)
        return block

    def read_at(self, start: int, most: int, /) -> bytes:
        """Return up to so many bytes from a position.

        Raises
        ------
        BrokenStreamError
            Where the store fails, or the object is another by now.
        """
        if start >= self.size_bytes:
            return b""
        if not self._window_at <= start < self._window_at + len(self._window):
            self._fetch(start, max(most, WINDOW_BYTES))
        offset = start - self._window_at
        block = self._window[offset : offset + most]
        self._reading.take(len(block))
        return block

    def _fetch(self, start: int, size_bytes: int) -> None:
        import obstore

        end = min(start + size_bytes, self.size_bytes)
        try:
            result = obstore.get(self._store, self._key, options={"range": (start, end), "if_match": self._tag})
            self._window, self._window_at = bytes(result.bytes()), start
        except Exception as problem:
            raise BrokenStreamError(f"ends before its time: {explain(problem, self._url).message}") from problem
        if not self._window:
            raise BrokenStreamError("ends before its time: the object store sent nothing")


def put(store: S3Store, key: str, content: Path | bytes, where: str) -> None:
    """Write an object from a file or bytes; it is seen only once it is whole.

    Raises
    ------
    SourceError
    """
    import obstore

    try:
        obstore.put(store, key, content, chunk_size=_PART_BYTES, max_concurrency=4)
    except Exception as problem:
        raise explain(problem, where) from problem


def delete(store: S3Store, key: str, where: str) -> None:
    """Delete an object; one that is not there is no error.

    Raises
    ------
    SourceError
    """
    import obstore

    try:
        obstore.delete(store, key)
    except FileNotFoundError:
        return
    except Exception as problem:
        raise explain(problem, where) from problem
