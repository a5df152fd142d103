"""One log file: blocks of lines to tables of records, in order, and what became of every line."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.io import Opened
from dfly_analysis.messages import plural
from dfly_analysis.readers.logs.blocks import Counts, Cutter, LineBlock, read_blocks
from dfly_analysis.readers.logs.envelopes import Sniffed, sniff, unwrap
from dfly_analysis.readers.logs.format_detection import sniff_format
from dfly_analysis.readers.logs.log_identity import Writer, add_writers, coverage_row, find_writers
from dfly_analysis.readers.logs.parse_block import parse_block

_HEAD_BYTES = 65536
_MAX_AHEAD = 2  # blocks that are parsed at the same time


_Parsing = Future[tuple[pa.Table, list[Counts]]] | tuple[pa.Table, list[Counts]]


@dataclass
class _Stream(Cutter):
    """One writer's lines in the file."""

    writer: Writer | None = None


@dataclass
class LogReader:
    """Reads one log file to tables; `coverage` is complete when the last table was taken."""

    opened: Opened
    tz: str = "UTC"  # zone of times that carry none (file logs of scheduler and manager)
    log_format: LogFormat | None = None  # sniffed from the first lines where not given
    executor: Executor | None = None  # reads blocks side by side, where given
    relevant_only: bool = False  # whether records that no analysis looks at are only counted
    writer: Writer | None = None  # of the table that was yielded last
    counts: Counts = field(default_factory=Counts)
    _streams: dict[tuple[str, str], _Stream] = field(default_factory=dict)
    _own_lines: int = 0

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables in the columns of `arrow_schema`, a writer's records in the order they were written."""
        sniffed = sniff(self.opened.head())
        blocks = unwrap(self.opened, sniffed.envelope) if sniffed.envelope else read_blocks(self.opened)
        waiting: deque[tuple[_Stream, str, _Parsing]] = deque()
        for stream, block in self._cut(blocks, sniffed):
            waiting.append((stream, block.writer, self._parse(block, stream.main)))
            if self.executor is None or len(waiting) > _MAX_AHEAD:
                yield self._finish(*waiting.popleft())
        while waiting:
            yield self._finish(*waiting.popleft())

    def _cut(self, blocks: Iterator[LineBlock], sniffed: Sniffed) -> Iterator[tuple[_Stream, LineBlock]]:
        for block in blocks:
            self._own_lines = max(self._own_lines, block.own_lines)
            stream = self._streams.get((block.writer, block.part))
            if stream is None:
                head = block.data[: block.data.rfind(b"\n", 0, _HEAD_BYTES) + 1 or _HEAD_BYTES]
                main = self.log_format or sniff_format(head.decode("utf-8", "replace")) or sniffed.log_format
                stream = self._streams[block.writer, block.part] = _Stream(main)
            yield from ((stream, whole) for whole in stream.cut(block))
        for stream in self._streams.values():
            yield from ((stream, whole) for whole in stream.rest())

    def _parse(self, block: LineBlock, main: LogFormat | None) -> _Parsing:
        parse = partial(parse_block, block, main, self.tz, relevant_only=self.relevant_only)
        return self.executor.submit(parse) if self.executor else parse()

    def _finish(self, stream: _Stream, named: str, parsing: _Parsing) -> pa.Table:
        table, counts = parsing.result() if isinstance(parsing, Future) else parsing
        self.counts.add(counts[0])
        file = np.zeros(len(table), np.int64)
        if stream.writer is None:
            (stream.writer,) = find_writers(table, [self.opened.address], stream.main, file, named)
        self.writer = stream.writer
        return add_writers(table, [stream.writer], [self.opened.address], file)

    @property
    def coverage(self) -> dict[str, Any]:
        """Return the file's row of `dfly_analysis.schema.COVERAGE`: each line parsed, continuation or rejected."""
        writers = [stream.writer for stream in self._streams.values() if stream.writer]
        writer, cut = writers[0] if writers else Writer("client", None, "client"), self.opened.cut_lines
        note = plural("{n} line longer than 4 MiB was cut", "{n} lines longer than 4 MiB were cut", cut)
        return coverage_row(
            self.opened.address, writer, self.counts, own_lines=self._own_lines, note=note if cut else None
        )
