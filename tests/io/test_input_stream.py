"""An opened stream: head, blocks, lines, text and counts of the same bytes."""

from __future__ import annotations

import codecs
import hashlib
import io

import pytest
from reading_cases import opened

from dfly_analysis.io.input_stream import LINE_CAP_BYTES, Opened


def test_head_lines_and_counts_agree():
    """Looking at the head loses nothing; draining counts what lines() yields, a last line without end included."""
    data = b"".join(b"line %d\n" % number for number in range(30_000)) + b"last"
    one = opened(data)
    assert one.head() == data[:65536]
    assert list(one.lines()) == data.decode().split("\n")
    assert one.size_bytes == len(data)
    assert opened(data).drain() == 30_001
    assert opened(b"").drain() == 0
    assert list(opened(b"").lines()) == []
    assert opened(data).sha256 != one.sha256 == _read_whole(opened(data)).sha256


def _read_whole(one):
    one.text()
    return one


def test_a_text_is_read_up_to_its_cap():
    """A file too large to be read whole says so."""
    one = opened(b"x" * 300_000)
    assert len(one.text(most_bytes=100_000)) == 100_000
    assert "larger than" in one.problem


def test_an_endless_line_stays_bounded():
    """A line of more than 4 MiB is cut and counted, and memory with it."""
    one = opened(b"a" * (3 * LINE_CAP_BYTES) + b"\nb\n")
    lines = list(one.lines())
    assert [len(text) for text in lines] == [LINE_CAP_BYTES, 1]
    assert one.cut_lines == 1


def test_line_ends_and_wrong_bytes():
    """CRLF ends are taken off, bytes that are no UTF-8 are replaced, a byte order mark goes."""
    assert list(opened(b"\xef\xbb\xbfa\r\n\xff\xfe\r\n").lines()) == ["a", "\ufffd\ufffd"]


def test_whole_content_is_given_once_and_kept():
    """Small content is returned whole and still read; larger content is left to its reader."""
    one = opened(b"\xef\xbb\xbfa\nb\n")
    assert one.whole(100) == b"a\nb\n"
    assert b"".join(one.blocks()) == b"a\nb\n"
    large = opened(b"x" * 300_000)
    assert large.whole(200_000) is None
    assert len(b"".join(large.blocks())) == 300_000


class _Bytewise(io.BytesIO):
    """A stream that gives a byte at a time, as a slow pipe may."""

    def read1(self, size=-1):
        return super().read1(min(size, 1))


@pytest.mark.parametrize("stream", [io.BytesIO, _Bytewise])
@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b""])
def test_utf_16_is_read_as_utf_8(mark, stream):
    """What PowerShell and Excel write is the same text for every reader, also behind the head; the hash is that of the file."""
    text = "镜像 ml/train: é\r\n" + 'error="body 🐉"\n' * 6_000
    name = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    data = mark + (text if mark else text.replace("镜像", "an image")).encode(name)
    one = Opened("a.log", stream(data))
    wanted = (text if mark else text.replace("镜像", "an image")).encode()
    assert wanted.startswith(one.head())
    assert len(one.head()) > 32_000
    assert b"".join(one.blocks()) == wanted
    assert one.size_bytes == len(data)
    assert one.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("data", [b"\x00\x01" * 100, b"\x00\x00\x00\x07" * 80, bytes(range(256)) * 2])
def test_binary_data_is_not_taken_for_utf_16(data):
    """Zeros in every second byte are UTF-16 only where the other bytes are letters."""
    assert b"\x00" in opened(data).head()
