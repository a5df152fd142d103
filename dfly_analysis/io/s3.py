"""Objects of an S3 store: listed, read in ranges, written whole; the only module that imports obstore."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from glob import has_magic
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import SourceError, require_extra, suggest_similar
from dfly_analysis.io.file_names import path_key
from dfly_analysis.io.streams import BrokenStreamError

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store

WINDOW_BYTES = 8 << 20
_PART_BYTES = 16 << 20
_MOST_KEYS = 500_000  # a store that lies about its end is not listed for ever
_CREDENTIALS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL"
_SCHEME = "s3://"


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` address."""
    bucket, _, key = url.removeprefix(_SCHEME).partition("/")
    if not bucket:
        raise SourceError("names no bucket", where=url, hint="write s3://bucket/prefix")
    return bucket, key


def connect(bucket: str) -> S3Store:
    """Return a client for a bucket; endpoint, region and credentials come from the usual ``AWS_*`` variables."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return _connect(bucket, endpoint, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@functools.lru_cache(maxsize=16)
def _connect(bucket: str, endpoint: str, _environment: tuple[tuple[str, str], ...]) -> S3Store:
    where = f"{_SCHEME}{bucket}"
    require_extra("s3")
    from obstore.store import S3Store

    options: dict[str, Any] = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=60)}
    if endpoint.startswith("http://"):
        options["allow_http"] = True  # who names such an endpoint means it
    settings: dict[str, Any] = {"client_options": options} | ({"endpoint": endpoint} if endpoint else {})
    with _explained(where):
        return S3Store(bucket, retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)}, **settings)


def explain(problem: BaseException, where: str) -> SourceError:
    """Return what a client's exception means, in one line."""
    text, kind = str(problem), type(problem).__name__
    reason = re.sub(r"\s+", " ", text.split("Debug source", 1)[0]).strip()[:200]
    is_denied = kind in ("PermissionDeniedError", "UnauthenticatedError") or re.search(r"AccessDenied|status code: 40[13]", text)  # fmt: skip
    meanings = (
        ("NoSuchBucket" in text, "there is no such bucket", "check its name and AWS_ENDPOINT_URL"),
        (is_denied, "access is denied", f"check {_CREDENTIALS}"),
        (re.search("invalid path|empty path segment", text), "a key in it has an empty or dotted part, which the library cannot name", "name a prefix without it"),
        (isinstance(problem, FileNotFoundError), "there is no such object or file", "check the name"),
        (kind == "PreconditionError", "was overwritten while it was read", "read it again"),
        ("169.254." in text or "redentials" in text, "no credentials were found", f"set {_CREDENTIALS}"),
        (True, f"the object store does not answer: {reason}", "check AWS_ENDPOINT_URL"),
    )  # fmt: skip
    message, hint = next((message, hint) for holds, message, hint in meanings if holds)
    return SourceError(message, where=where, hint=hint)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what the client raises into one line."""
    try:
        yield
    except SourceError:
        raise
    except Exception as problem:
        raise explain(problem, where) from problem


def list_keys(store: S3Store, prefix: str, where: str) -> Iterator[tuple[str, int]]:
    """Yield key and size of each object in a folder of a store."""
    import obstore

    count = 0
    with _explained(where):
        for chunk in obstore.list(store, prefix or None, chunk_size=1000):
            yield from ((str(meta["path"]), int(meta["size"])) for meta in chunk)
            if (count := count + len(chunk)) > _MOST_KEYS:
                raise SourceError(f"has more than {_MOST_KEYS:,} objects", where=where, hint="name a folder in it")


def size_of(store: S3Store, key: str, where: str) -> int | None:
    """Return an object's size in bytes, None where there is none of that name."""
    import obstore

    with _explained(where):
        try:
            return int(obstore.head(store, key)["size"])
        except FileNotFoundError as problem:
            if "NoSuchBucket" in str(problem):
                raise
            return None


def list_objects(url: str) -> list[tuple[str, int]]:
    """Return address and size of the objects that an address names, in the order in which they are read."""
    bucket, key = split_url(url)
    store = connect(bucket)
    size = size_of(store, key, url) if key and not key.endswith("/") else None
    if size is not None:
        return [(f"{_SCHEME}{bucket}/{key}", size)]
    parts = key.strip("/").split("/")
    fixed = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    pattern = parts if has_magic(key) else []
    listed = list_keys(store, "/".join(parts[:fixed]), url)
    found = [(name, size) for name, size in listed if _matches(name.split("/"), pattern)]
    # a key that ends in a slash stands for a folder: it is listed without the slash, and then there is no such object
    found = [(name, size) for name, size in found if size or size_of(store, name, url) is not None]
    if not found:
        raise SourceError("no such object or folder", where=url, hint=_nearest_name(store, key, url))
    found.sort(key=lambda one: path_key(tuple(one[0].split("/"))))
    return [(f"{_SCHEME}{bucket}/{name}", size) for name, size in found]


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Return whether a glob names a key or a folder it lies in; ``**`` stands for any number of folders."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _nearest_name(store: S3Store, key: str, url: str) -> str:
    parent, _, name = key.strip("/").rpartition("/")
    names = [other for other, _ in list_keys(store, parent, url)][:1000]
    children = {other.removeprefix(parent).strip("/").split("/", 1)[0] for other in names}
    return suggest_similar(name, sorted(children)) or "check the name"


class ObjectFile(RawIOBase):
    """An object as a seekable file, fetched in windows of 8 MiB; read in order, the next one is fetched meanwhile."""

    note: str | None = None

    def __init__(self, url: str) -> None:
        super().__init__()
        import obstore

        bucket, self._key = split_url(url)
        self._url, self._store = url, connect(bucket)
        self._at, self._window_at, self._window = 0, 0, b""
        self._next: tuple[int, Future[bytes]] | None = None
        try:
            meta = obstore.head(self._store, self._key)
        except FileNotFoundError as problem:
            raise BrokenStreamError("vanished between being listed and being read") from problem
        except Exception as problem:
            raise BrokenStreamError(explain(problem, url).message) from problem
        self.size_bytes, self._tag = int(meta["size"]), meta["e_tag"]
        self._prefetch = ThreadPoolExecutor(1, "dfly-s3")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, bandwidth_source: int = os.SEEK_SET, /) -> int:
        """Move to a position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size_bytes}[bandwidth_source]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer from the current position and return the number of bytes."""
        offset = self._at - self._window_at
        if self._at < self.size_bytes and not 0 <= offset < len(self._window):
            self._move_window()
            offset = 0
        block = self._window[offset : offset + len(buffer)] if self._at < self.size_bytes else b""
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)

    def close(self) -> None:
        """Drop the window; a fetch that is under way is not waited for."""
        if not self.closed and hasattr(self, "_prefetch"):
            self._prefetch.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _move_window(self) -> None:
        in_order = self._at == self._window_at + len(self._window)
        if self._next is not None and self._next[0] == self._at:
            self._window = self._next[1].result()
        else:
            self._window = self._fetch(self._at)
        self._window_at, self._next = self._at, None
        behind = self._at + len(self._window)
        if in_order and behind < self.size_bytes:
            self._next = behind, self._prefetch.submit(self._fetch, behind)

    def _fetch(self, start: int) -> bytes:
        import obstore

        end = min(start + WINDOW_BYTES, self.size_bytes)
        options: GetOptions = {"range": (start, end)}
        if self._tag:
            options["if_match"] = self._tag
        try:
            window = bytes(obstore.get(self._store, self._key, options=options).bytes())
        except Exception as problem:
            raise BrokenStreamError(f"truncated: {explain(problem, self._url).message}") from problem
        if not window:
            raise BrokenStreamError("truncated: the object store sent nothing")
        return window


def put(store: S3Store, key: str, content: Path | bytes, where: str) -> None:
    """Write an object from a file or bytes; it is seen only once it is whole."""
    import obstore

    with _explained(where):
        obstore.put(store, key, content, chunk_size=_PART_BYTES, max_concurrency=4)


def delete(store: S3Store, key: str, where: str) -> None:
    """Delete an object; one that is not there is no error."""
    import obstore

    with _explained(where), suppress(FileNotFoundError):
        obstore.delete(store, key)
