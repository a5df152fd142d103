"""What a file holds: itself where it is plain, else what is compressed or archived in it, layer by layer."""

from collections.abc import Iterator
from typing import BinaryIO

from dfly_analysis.io.archive_limits import Budget
from dfly_analysis.io.file_names import clean
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.streams import BROKEN, COMPRESSED, RECORD_BYTES, UNSUPPORTED, Buffered, ByteStream, packed_as


def expand(
    address: str, stream: ByteStream, budget: Budget, *, depth: int = 0, file: BinaryIO | None = None
) -> Iterator[Opened]:
    """Open what a stream holds; nothing that unpacks is imported before something is packed."""
    buffered = Buffered(stream) if depth else Buffered(stream, budget.count_input)
    try:
        head = buffered.peek(RECORD_BYTES)
    except BROKEN as problem:
        budget.report_break(problem, address)
        return
    kind = packed_as(head)
    if kind is None:
        yield Opened(address, buffered)
    elif kind in UNSUPPORTED:
        budget.report(f"is {kind}, which is not supported", address, "unpack it by hand")
    elif depth >= budget.limits.depth:
        budget.report_depth(address)
    elif kind in COMPRESSED:
        from dfly_analysis.io.compression import Decompressed

        yield from expand(address, Decompressed(buffered, kind, budget), budget, depth=depth + 1)
    else:
        try:
            for name, member in _members(kind, address, buffered, budget, file):
                if budget.exceeded:
                    return
                budget.count_member()
                yield from expand(f"{address}!{clean(name)}", member, budget, depth=depth + 1)
        except BROKEN as problem:
            budget.report_break(problem, address)


def _members(
    kind: str, address: str, archive: Buffered, budget: Budget, file: BinaryIO | None
) -> Iterator[tuple[str, ByteStream]]:
    if kind == "tar":
        from dfly_analysis.io.tar_reader import tar_members

        return tar_members(archive)
    from dfly_analysis.io.zip_reader import zip_members

    return zip_members(address, archive, budget, file)
