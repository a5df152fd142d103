"""Files, folders, globs, archives and standard input become streams with an address, whatever state they are in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile

import pytest
from reading_cases import pack, write_tree

from dfly_analysis.errors import SourceError
from dfly_analysis.io import DEFAULT_LIMITS, open_sources

TEXT = b"one\ntwo\n"


def contents(*paths, problems=None):
    told = problems.append if problems is not None else None
    return {one.address: one.text() for one in open_sources(paths, on_problem=told)}


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "top", {"b/x.log": TEXT, "a/y.log": "three\n", "a/empty.log": ""})


def test_a_folder_is_walked_in_sorted_order(tree):
    """Every file below it, sorted, with its path as address."""
    assert list(contents(tree).items()) == [
        (str(tree / "a/empty.log"), ""),
        (str(tree / "a/y.log"), "three\n"),
        (str(tree / "b/x.log"), TEXT.decode()),
    ]


def test_a_glob_names_what_it_matches(tree):
    """Stars reach into folders; folders that match are walked."""
    assert set(contents(str(tree / "**/*.log"))) == {str(tree / name) for name in ("a/empty.log", "a/y.log", "b/x.log")}
    assert set(contents(str(tree / "b*"))) == {str(tree / "b/x.log")}


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, lzma.compress, bz2.compress, lambda data: gzip.compress(gzip.compress(data))],
    ids=["gz", "xz", "bz2", "gz.gz"],
)
def test_compression_is_known_by_content(tmp_path, compress):
    """The name does not matter, nor that it is done twice."""
    path = tmp_path / "dfdaemon.log"
    path.write_bytes(compress(TEXT))
    assert contents(path) == {str(path): TEXT.decode()}


def test_members_of_archives_have_addresses(tree, tmp_path):
    """A tar, plain or compressed, nested in another or in a zip, gives its members behind an exclamation mark."""
    packed = pack(tree, tmp_path / "run.tar.gz")
    assert contents(packed)[f"{packed}!top/b/x.log"] == TEXT.decode()
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as made:
        made.write(packed, "inner.tgz")
        made.writestr("plain.log", "p\n")
    assert contents(outer)[f"{outer}!inner.tgz!top/a/y.log"] == "three\n"
    assert contents(outer)[f"{outer}!plain.log"] == "p\n"


def test_standard_input_may_be_plain_or_packed(tree, tmp_path, monkeypatch):
    """A dash reads it; what it holds is found out as for a file."""
    packed = pack(tree, tmp_path / "run.tar.gz").read_bytes()
    for data, address, text in ((TEXT, "-", TEXT.decode()), (packed, "-!top/a/y.log", "three\n")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert contents("-")[address] == text


def test_links_and_devices_in_an_archive_are_passed_over(tmp_path):
    """Nothing but plain files is read, and nothing is ever written, whatever a member is called."""
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w") as made:
        for name, kind, target in (
            ("../../escape.log", tarfile.REGTYPE, ""),
            ("link", tarfile.SYMTYPE, "/etc/passwd"),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, target, len(TEXT) if kind == tarfile.REGTYPE else 0
            made.addfile(member, io.BytesIO(TEXT))
    assert contents(path) == {f"{path}!../../escape.log": TEXT.decode()}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["odd.tar"]


def test_a_missing_path_offers_its_neighbour(tree):
    """A mistyped name is answered with one that exists; an unknown kind of address with what to do."""
    with pytest.raises(SourceError, match="no such file") as raised:
        contents(tree / "b" / "y.log")
    assert "x.log" in str(raised.value)
    with pytest.raises(SourceError, match="copy the files here"):
        contents("ftp://host/logs")


def test_an_empty_folder_says_so(tmp_path):
    """Naming a folder without files is an error with a way out."""
    (tmp_path / "none").mkdir()
    with pytest.raises(SourceError, match="no files"):
        contents(tmp_path / "none")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, bz2.compress], ids=["gz", "xz", "bz2"])
def test_a_truncated_file_gives_what_came_before(tmp_path, compress):
    """What could be read is there, and the stream says that it ended early."""
    lines = "".join(f"line {number} {number * 7919 % 1000003}\n" for number in range(200_000)).encode()
    packed = compress(lines)
    path = tmp_path / "cut.log"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    (one,) = [(stream.text(), stream.problem) for stream in open_sources([path])]
    assert lines.decode().startswith(one[0])
    assert len(one[0]) > 1000
    assert "truncated" in one[1]


def test_a_truncated_archive_keeps_its_first_members(tmp_path):
    """Members before the cut are whole; the cut is told once, in one line."""
    import random

    noise = random.Random(1).randbytes(300_000).hex()
    tree = write_tree(tmp_path / "top", {"a.log": TEXT, "b.log": noise})
    packed = pack(tree, tmp_path / "run.tar.gz")
    packed.write_bytes(packed.read_bytes()[:100_000])
    problems, got = [], {}
    for one in open_sources([packed], on_problem=problems.append):
        got[one.address.rpartition("!")[2]] = (one.text(), one.problem)
    assert got["top/a.log"] == (TEXT.decode(), None)
    assert noise.startswith(got["top/b.log"][0])
    assert got["top/b.log"][1] or problems
    assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04 no zip", b"\x1f\x8b no gzip", b"\xfd7zXZ\x00 no xz", b"BZh no bzip", b"\x00" * 257 + b"ustar no tar"],
    ids=["zip", "gz", "xz", "bz2", "tar"],
)
def test_a_damaged_file_is_told_and_the_others_go_on(tmp_path, data):
    """One broken file costs that file; without anybody to tell, it is a one-line error."""
    bad = tmp_path / "a.bad"
    bad.write_bytes(data)
    (tmp_path / "b.log").write_bytes(TEXT)
    problems, streams = [], {}
    for one in open_sources([tmp_path], on_problem=problems.append):
        streams[one.address] = (one.text(), one.problem)
    assert streams[str(tmp_path / "b.log")] == (TEXT.decode(), None)
    assert problems or streams[str(bad)][1]
    assert all(isinstance(problem, SourceError) for problem in problems)


def test_a_zip_with_a_password_is_told(tmp_path):
    """Encrypted members are a problem of that file, not a crash."""
    path = tmp_path / "secret.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("x.log", TEXT)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    problems = []
    assert contents(path, problems=problems) == {}
    assert "password" in str(problems[0])


def test_archives_in_archives_end_somewhere(tmp_path):
    """Nesting beyond the cap is refused with a way out."""
    data = TEXT
    for _ in range(DEFAULT_LIMITS.depth + 1):
        data = gzip.compress(data)
    path = tmp_path / "deep.gz"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="deep"):
        contents(path)


def test_files_are_opened_where_posix_calls_are_missing(tree, tmp_path, monkeypatch):
    """Windows has no O_NONBLOCK, no pread and no affinity; plain files, tars and zips are read all the same."""
    pack(tree, tmp_path / "run.tar.gz")
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as made:
        made.writestr("x.log", TEXT)
    for name in ("O_NONBLOCK", "O_CLOEXEC", "pread", "sched_getaffinity", "mkfifo", "fork", "getuid"):
        monkeypatch.delattr(os, name, raising=False)
    found = contents(tmp_path)
    assert found[f"{tree / 'a/y.log'}"] == "three\n"
    assert found[f"{tmp_path / 'run.tar.gz'}!top/b/x.log"] == TEXT.decode()
    assert found[f"{tmp_path / 'run.zip'}!x.log"] == TEXT.decode()
