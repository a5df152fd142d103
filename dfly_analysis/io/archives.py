"""What lies in a file: itself where it is plain, as most are; nothing that unpacks is loaded before something is packed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.magic_bytes import RECORD_BYTES, is_packed
from dfly_analysis.io.streams import BROKEN, Buffered, ByteStream, RandomAccess, ReadAhead


def expand(
    address: str, stream: ByteStream, reading: Reading, *, depth: int = 0, anywhere: RandomAccess | None = None
) -> Iterator[Opened]:
    """Open what a stream holds: itself where it is plain, else what is packed in it.

    Parameters
    ----------
    address : str
    stream : ByteStream
    reading : Reading
        What the layers of one named file share.
    depth : int
        Layers around this stream.
    anywhere : RandomAccess, optional
        The same bytes for reading in any order, where they lie so.

    Yields
    ------
    Opened
        Read it before asking for the next.
    """
    buffered = Buffered(stream)
    try:
        head = buffered.peek(RECORD_BYTES)
    except BROKEN as problem:
        reading.say_broken(problem, address)
        return
    if is_packed(head):
        from dfly_analysis.io.unpacking import unpack

        yield from unpack(address, buffered, head, reading, depth, anywhere)
    else:
        with read_ahead(buffered, reading, 0 if reading.remote else None) as ahead:
            yield Opened(address, ahead)


@contextmanager
def read_ahead(stream: ByteStream, reading: Reading, from_bytes: int | None) -> Iterator[ByteStream]:
    """Let a stream be read ahead while the block lasts, after so many bytes; None leaves it as it is."""
    if from_bytes is None or not reading.threads:
        yield stream
        return
    ahead = ReadAhead(stream, from_bytes)
    try:
        yield ahead
    finally:
        ahead.close()
