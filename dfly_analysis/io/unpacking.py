"""Unpacks: compression is peeled off and archives are opened until plain bytes are left."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator

from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.archives import expand, read_ahead
from dfly_analysis.io.compression import Codec, Decompressed, codec_of
from dfly_analysis.io.display_paths import clean
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.magic_bytes import UNREAD, ZIP
from dfly_analysis.io.streams import (
    AHEAD_FROM_BYTES,
    BROKEN,
    BrokenStreamError,
    Buffered,
    ByteStream,
    RandomAccess,
    reason_of,
)
from dfly_analysis.io.tars import tar_members
from dfly_analysis.io.zips import METHODS, ZipEntry, ZipMember, entry_at, next_entry_at, zip_entries
from dfly_analysis.units import format_size

_SPOOL_MEMORY_BYTES = 16 << 20
_STORED = 0


def unpack(
    address: str, buffered: Buffered, head: bytes, reading: Reading, depth: int, anywhere: RandomAccess | None
) -> Iterator[Opened]:
    """Open what a packed stream holds.

    Parameters
    ----------
    address : str
    buffered : Buffered
    head : bytes
        Its first bytes, of which `dfly_analysis.io.magic_bytes.is_packed` said that something is packed.
    reading : Reading
        What the layers of one named file share.
    depth : int
        Layers around this stream.
    anywhere : RandomAccess or None
        The same bytes for reading in any order, where they lie so.

    Yields
    ------
    Opened
        Read it before asking for the next.
    """
    unread = next((name for magic, name in UNREAD.items() if head.startswith(magic)), None)
    codec = codec_of(head)
    if unread:
        reading.say(f"is {unread}, which is not read", address, "unpack it by hand")
    elif depth >= reading.caps.depth:
        reading.say_too_deep(address)
    elif codec:
        yield from _compressed(address, buffered, codec, reading, depth)
    elif head.startswith(ZIP):
        yield from _zip(address, buffered, reading, depth, anywhere)
    else:
        with read_ahead(buffered, reading, 0 if reading.remote else None) as ahead:
            yield from _tar(address, Buffered(ahead), reading, depth)


def _compressed(address: str, packed: Buffered, codec: Codec, reading: Reading, depth: int) -> Iterator[Opened]:
    with read_ahead(Decompressed(packed, codec, reading), reading, AHEAD_FROM_BYTES) as plain:
        yield from expand(address, plain, reading, depth=depth + 1)


def _tar(address: str, archive: Buffered, reading: Reading, depth: int) -> Iterator[Opened]:
    try:
        for member in tar_members(archive):
            if reading.exceeded:
                return
            reading.meet_member()
            yield from expand(f"{address}!{clean(member.name)}", member, reading, depth=depth + 1)
    except BROKEN as problem:
        reading.say_broken(problem, address)


def _zip(
    address: str, stream: Buffered, reading: Reading, depth: int, anywhere: RandomAccess | None
) -> Iterator[Opened]:
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_MEMORY_BYTES) as spool:
        broken: BrokenStreamError | None = None
        try:
            if anywhere is None:
                anywhere = _Spooled(spool)
                broken = anywhere.fill(stream, reading.caps.spool_bytes)
            entries = zip_entries(anywhere, reading.caps.members)
            if entries is None:
                yield from _zip_without_index(address, anywhere, reading, depth, broken)
            else:
                yield from _zip_members(address, anywhere, entries, reading, depth)
        except BROKEN as problem:
            reading.say_broken(problem, address)


class _Spooled:
    """A zip that came as a stream, in memory or, where it is large, in a temporary file without a name."""

    def __init__(self, spool: tempfile.SpooledTemporaryFile[bytes]) -> None:
        self._spool = spool
        self.size_bytes = 0

    def fill(self, stream: ByteStream, cap_bytes: int) -> BrokenStreamError | None:
        """Take in everything and return what broke it off, if anything did.

        Raises
        ------
        BrokenStreamError
            Where it is larger than the cap.
        """
        while True:
            try:
                block = stream.read()
            except BrokenStreamError as problem:
                return problem
            except BROKEN as problem:
                return BrokenStreamError(f"ends before its time: {reason_of(problem)}")
            if not block:
                return None
            self.size_bytes += len(block)
            if self.size_bytes > cap_bytes:
                raise BrokenStreamError(
                    f"the zip is larger than {format_size(cap_bytes)} and not a file of its own; it was not read"
                )
            self._spool.write(block)

    def read_at(self, start: int, most: int, /) -> bytes:
        self._spool.seek(start)
        return self._spool.read(most)


def _zip_members(
    address: str, archive: RandomAccess, entries: list[ZipEntry], reading: Reading, depth: int
) -> Iterator[Opened]:
    refused: Counter[str] = Counter()
    for entry in entries:
        if reading.exceeded:
            return
        reading.meet_member()
        reason = _refusal(entry)
        if reason:
            refused[reason] += 1
        elif entry.is_file:
            yield from _zip_member(f"{address}!{clean(entry.name)}", archive, entry, reading, depth)
    for reason, count in sorted(refused.items()):
        reading.say(f"{count} of its {len(entries)} members {reason} and were not read", address, "unpack it by hand")


def _refusal(entry: ZipEntry) -> str | None:
    if not entry.is_file:
        return None
    if entry.encrypted:
        return "are encrypted with a password"
    return None if entry.method == _STORED or entry.method in METHODS else f"are packed by method {entry.method}"


def _zip_member(address: str, archive: RandomAccess, entry: ZipEntry, reading: Reading, depth: int) -> Iterator[Opened]:
    try:
        member = ZipMember(archive, entry, reading)
    except BROKEN as problem:
        reading.say_broken(problem, address)
        return
    with read_ahead(member, reading, AHEAD_FROM_BYTES) as ahead:
        yield from expand(address, ahead, reading, depth=depth + 1)


def _zip_without_index(
    address: str, archive: RandomAccess, reading: Reading, depth: int, broken: BrokenStreamError | None
) -> Iterator[Opened]:
    """Go from member to member of a zip whose end is missing."""
    at, cut = 0, broken or BrokenStreamError("ends before its time: the zip's index is missing")
    while not reading.exceeded and (entry := entry_at(archive, at)) is not None:
        reading.meet_member()
        if _refusal(entry) and entry.packed_bytes is None:
            break
        member = ZipMember(archive, entry, reading)
        if entry.is_file and not _refusal(entry):
            with read_ahead(member, reading, AHEAD_FROM_BYTES) as ahead:
                yield from expand(f"{address}!{clean(entry.name)}", ahead, reading, depth=depth + 1)
        try:
            at = next_entry_at(archive, member.end())
        except BrokenStreamError as problem:
            member.broken = problem
        if member.broken is not None:
            reading.say_broken(member.broken, address)
            cut.told = True  # it is the same cut
            return
    reading.say_broken(cut, address)
