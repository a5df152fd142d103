"""Compressed streams: whatever bytes, through whatever layers, cut wherever: the same bytes, or their beginning."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tarfile
import threading
import zipfile
from functools import partial

import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.io import open_file, open_sources
from dfly_analysis.io.archive_limits import Budget
from dfly_analysis.io.compression import Decompressed
from dfly_analysis.io.open_inputs import SourceFile
from dfly_analysis.io.streams import BLOCK_BYTES, COMPRESSED, Buffered, packed_as

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = b"".join(b"%d row of a log, %d\n" % (number, number * 7919 % 1000003) for number in range(60_000))
BIG = ROWS * 12


def in_tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("m")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def in_zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m", data)
    return made.getvalue()


def in_zip_of_a_pipe(data: bytes) -> bytes:
    """Return a zip whose sizes stand behind the data, as written by what cannot seek."""
    made = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self):
            return True

        def write(self, block):
            return made.write(block)

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m", data)
    return made.getvalue()


def in_two(compress):
    return lambda data: compress(data[: len(data) // 3]) + compress(data[len(data) // 3 :])


COMPRESSORS = {
    "gzip": partial(gzip.compress, compresslevel=1),
    "zstd": zstd.compress,
    "xz": partial(lzma.compress, preset=0),
    "bzip2": partial(bz2.compress, compresslevel=1),
}
LAYERS = {
    **COMPRESSORS,
    **{f"two {name}": in_two(compress) for name, compress in COMPRESSORS.items()},
    "tar": in_tar,
    "zip": in_zip,
    "zip of a pipe": in_zip_of_a_pipe,
}
SMALL = st.binary(max_size=3000) | st.text(alphabet="ab\n ", max_size=3000).map(str.encode)


def read_back(path, data):
    """Return what reading such a file gives, everything told, and the problems of streams."""
    path.write_bytes(data)
    told, streams = [], []
    read = b""
    for one in open_sources([path], on_problem=told.append):
        streams.append(one)
        read += b"".join(one.blocks())
    return read, told + [one.problem for one in streams if one.problem]


def packs_itself(data: bytes) -> bool:
    """Say whether plain bytes would be taken for something packed."""
    return packed_as(data) is not None or data.startswith(b"\xef\xbb\xbf")


@settings(max_examples=examples(150), deadline=None)
@given(data=SMALL, names=st.lists(st.sampled_from(sorted(LAYERS)), max_size=4))
def test_any_bytes_come_through_any_layers(tmp_path_factory, data, names):
    """Packed up to four times, in whatever order, they come out as they were, and nobody complains."""
    if packs_itself(data):
        return
    packed = data
    for name in names:
        packed = LAYERS[name](packed)
    read, problems = read_back(tmp_path_factory.getbasetemp() / "layers", packed)
    assert (read, problems) == (data, [])


@settings(max_examples=examples(200), deadline=None)
@given(data=SMALL, names=st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=3), where=st.floats(0, 1))
def test_a_cut_anywhere_gives_a_beginning_and_is_told_once(tmp_path_factory, data, names, where):
    """However a packed file is cut, nothing is raised, what is read is a beginning, and there is one complaint."""
    if packs_itself(data):
        return
    stages = [data]
    for name in names:
        stages.append(LAYERS[name](stages[-1]))
    cut = stages[-1][: int(len(stages[-1]) * where)]
    read, problems = read_back(tmp_path_factory.getbasetemp() / "cut", cut)
    # what is too short to show what it is, is read as it is: the beginning of an inner layer
    assert data.startswith(read) or (len(read) < 512 and any(stage.startswith(read) for stage in stages[1:]))
    assert len(problems) <= 1
    if len(cut) >= 512 and len(read) < len(data):
        assert problems


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
def test_big_files_come_in_large_blocks_and_whole(tmp_path, name):
    """Blocks of a mebibyte, the bytes the same, whether read to the end or not; hashed as they are read."""
    import hashlib

    path = tmp_path / "big"
    path.write_bytes(COMPRESSORS[name](BIG))
    (one,) = (stream for stream in open_sources([path]) if (blocks := list(stream.blocks())))
    assert b"".join(blocks) == BIG
    assert {len(block) for block in blocks[:-1]} == {BLOCK_BYTES}
    assert one.sha256 == hashlib.sha256(BIG).hexdigest()
    assert one.size_bytes == len(BIG)


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
def test_a_cut_big_file_gives_nearly_everything_before_the_cut(tmp_path, name):
    """Only what the compressor held together is lost."""
    path = tmp_path / "cut"
    packed = COMPRESSORS[name](ROWS) * 10 + COMPRESSORS[name](ROWS)[:-100]
    path.write_bytes(packed)
    ((read, problem),) = ((b"".join(one.blocks()), one.problem) for one in open_sources([path]))
    assert (ROWS * 11).startswith(read)
    assert len(read) >= 10 * len(ROWS)
    assert "truncated" in problem


def test_a_look_ahead_loses_nothing_before_a_break():
    """What came before a break is handed over although the look ahead met the break."""

    class Breaks:
        note = None
        pieces = (b"ab", b"cd")

        def read(self, most, /):
            if not self.pieces:
                raise OSError("gone")
            first, *self.pieces = self.pieces
            return first

    buffered = Buffered(Breaks())
    assert buffered.peek(100) == b"abcd"
    assert buffered.read(3) == b"abc"
    assert buffered.read(3) == b"d"
    with pytest.raises(OSError, match="gone"):
        buffered.read(3)


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
def test_padding_and_garbage_behind_the_end(tmp_path, name):
    """Zero bytes behind the end are passed over, other bytes are left with a word; both are no failure."""
    packed = COMPRESSORS[name](ROWS)
    path = tmp_path / "x"
    for tail, noted in ((b"\x00" * 5000, False), (b"something else altogether", True)):
        path.write_bytes(packed + tail)
        ((read, problem, note),) = ((b"".join(one.blocks()), one.problem, one.note) for one in open_sources([path]))
        assert (read, problem) == (ROWS, None)
        assert bool(note) == noted


def test_many_tiny_members_are_read_one_after_another(tmp_path):
    """Ten thousand gzip members and zstd frames of a line each, with skippable frames between the latter."""
    lines = [b"line %d\n" % number for number in range(10_000)]
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
    for packed in (
        b"".join(gzip.compress(line, 1) for line in lines),
        skippable + b"".join(zstd.compress(line) + skippable for line in lines),
    ):
        assert read_back(tmp_path / "x", packed) == (b"".join(lines), [])


def test_a_forged_header_cannot_ask_for_gigabytes(tmp_path):
    """An xz or zstd stream with an enormous window is refused in words instead of memory."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    xz = lzma.compress(b"x" * 5000, format=lzma.FORMAT_XZ, filters=filters)
    parameter = zstd.CompressionParameter
    long = zstd.compress(b"y" * 5000, options={parameter.window_log: 30, parameter.content_size_flag: 0})
    wide = bytearray(long)
    wide[5] = 0xA0  # window descriptor of 1 GiB
    for packed in (xz, bytes(wide)):
        read, problems = read_back(tmp_path / "x", packed)
        assert read == b""
        assert "too much memory" in str(problems[0])


def test_a_codec_reads_exactly_its_own_bytes():
    """Where the container does not say how long a member is, the codec does."""

    class Bytes:
        note = None

        def __init__(self, data):
            self.rest = io.BytesIO(data)

        def read(self, most, /):
            return self.rest.read(most)

    for codec in COMPRESSED:
        packed = COMPRESSORS[codec](ROWS)
        stream = Decompressed(Bytes(packed + b"tail of another kind"), codec, Budget(print))
        assert b"".join(iter(stream.read, b"")) == ROWS
        assert stream.used_bytes == len(packed)


def test_a_compressed_pipe_is_read_to_its_end(tmp_path):
    """Bytes that come when they come are decompressed like those of a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(gzip.compress(BIG, 1)))
    writer.start()
    for one in open_file(SourceFile(str(path), None, "pipe", str(path))):
        assert b"".join(one.blocks()) == BIG
    writer.join()
