"""Plain files come in blocks of whole lines: every line once, in order, cleaned, whatever the encoding and the block's size."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_cases import opened

from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs import blocks
from dfly_analysis.readers.logs.blocks import LineBlock, clean, read_blocks
from dfly_analysis.readers.logs.native_parser import count_lines

SIZES = st.sampled_from([1, 7, 64, 1000, 1 << 20])
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\x1b["), max_size=40), max_size=20)


class Endless(io.RawIOBase):
    """A stream of one byte over and over, which counts what it gave."""

    def __init__(self, size: int, end: bytes) -> None:
        self.left, self.end = size, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        given_now = min(len(buffer), self.left)
        if given_now:
            buffer[:given_now] = b"x" * given_now
            self.left -= given_now
            return given_now
        given_now, self.end = len(self.end), b""
        buffer[:given_now] = (self.end or b"\nlast\n")[:given_now]
        return given_now


def numbered(found: list[LineBlock]) -> list[tuple[bytes, int]]:
    """Return each line with its number."""
    out = []
    for block in found:
        lines = block.data.split(b"\n")
        assert lines.pop() == b""
        out += [(line, block.first_line + at) for at, line in enumerate(lines)]
    return out


@given(LINES, SIZES, st.booleans())
def test_every_line_comes_once_with_its_number(lines, block_bytes, ended):
    """Blocks of any size hold all lines in order; the last gets its newline where it has none."""
    text = "\n".join(lines) + ("\n" if ended and lines else "")
    found = numbered(list(read_blocks(opened(text), block_bytes)))
    expected = text.encode().split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert found == [(line, at) for at, line in enumerate(expected, 1)]


@given(LINES, SIZES)
def test_blocks_are_about_as_long_as_asked(lines, block_bytes):
    """No block is longer than what was asked for, one line and one more piece."""
    longest = max((len(line.encode()) for line in lines), default=0) + 1
    for block in read_blocks(opened("\n".join(lines)), block_bytes):
        assert len(block.data) <= 2 * block_bytes + longest


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block_bytes", [3, 64, 1 << 20])
def test_text_of_any_encoding_is_read(encoding, end, block_bytes):
    """What PowerShell and Excel write (UTF-16, byte order marks, CRLF) gives the same lines, also without a mark."""
    lines = ["2026-05-02T10:00:00Z  INFO a", "", "预热 é 😀", "2026-05-02T10:00:01Z  INFO b"]
    data = "".join(line + end for line in lines).encode(encoding)
    found = numbered(list(read_blocks(opened(data), block_bytes)))
    assert [line.decode() for line, _ in found] == lines


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"\x1b[2mt\x1b[0m \x1b[32m INFO\x1b[0m m\n", b"t  INFO m\n"),
        (b"[2mt[0m [32m INFO[0m m\n", b"t  INFO m\n"),
        (b"\x1b[35m\x1b[Kfile\x1b[m\x1b[K:x\n", b"file:x\n"),
        (b'{"msg":"\\u001b[2mt\\u001b[0m"}\n', b'{"msg":"t"}\n'),
        (b"\0\0a\0b\r\n\r\nc\rd\n", b"ab\n\nc\rd\n"),
        (b"[3m [1] [10m stays where nothing says it is a colour\n", b"[3m [1] [10m stays where nothing says it is a colour\n"),
    ],
)  # fmt: skip
def test_colours_carriage_returns_and_nul_bytes_are_taken_off(written, meant):
    """With the escape byte, without it, escaped by JSON; and a line without any stays the same object."""
    assert b"".join(block.data for block in read_blocks(opened(written))) == meant
    assert clean(meant) is meant


def test_colours_are_found_in_a_large_block():
    """A stretch of coloured lines is cleaned though only a part of a large block is looked at."""
    plain, coloured = b"x" * 99 + b"\n", b"[2mt[0m" + b"y" * 92 + b"\n"
    data = plain * 5000 + coloured * 400 + plain * 5000
    assert b"[0m" not in b"".join(block.data for block in read_blocks(opened(data)))


@given(st.lists(st.integers(0, 130), max_size=12), st.sampled_from([1, 7, 64, 300]), st.booleans())
def test_a_long_line_is_cut_and_counted(lengths, block_bytes, ended):
    """Lines longer than the cap keep their beginning, are counted, and the lines behind keep their numbers."""
    lines = [bytes([97 + at % 26]) * length for at, length in enumerate(lengths)]
    source = opened(b"\n".join(lines) + (b"\n" if ended and lines else b""))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "LINE_CAP_BYTES", 50)
        found = numbered(list(read_blocks(source, block_bytes)))
    expected = [(line[:50], at) for at, line in enumerate(lines, 1)]
    if not ended and expected and not expected[-1][0]:
        expected.pop()
    assert found == expected
    assert source.cut_lines == sum(length > 50 for length in lengths)


def test_a_line_without_end_needs_no_memory():
    """Of a line of a hundred megabytes 4 MiB are kept; the line behind it is read."""
    source = Opened("x", io.BufferedReader(Endless(100 << 20, b"\nlast\n")))
    found = list(read_blocks(source))
    assert max(len(block.data) for block in found) <= LINE_CAP_BYTES + (8 << 20)
    assert [(len(line), number) for line, number in numbered(found)] == [(LINE_CAP_BYTES, 1), (4, 2)]
    assert source.cut_lines == 1


@pytest.mark.parametrize("n_lines", [0, 1, 40_000])
def test_lines_of_large_blocks_are_counted_right(n_lines):
    """The fast count and the plain one agree."""
    data = b"a line of some length\n" * n_lines
    assert count_lines(data) == n_lines
