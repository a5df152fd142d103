"""Stores: a folder and a bucket hold the same files, whole or not at all."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from conftest import BUCKET

from dfly_analysis.errors import SourceError
from dfly_analysis.io.output_store import open_store

BIG = b"".join(b"%d a line of a log that is long\n" % number for number in range(800_000))


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(tmp_path / "out")
    request.getfixturevalue("bucket")
    return open_store(f"s3://{BUCKET}/out")


def test_a_store_gives_back_what_was_written(store, tmp_path):
    """Write, list, read with seeking, overwrite, delete: the same in a folder and in a bucket."""
    local = tmp_path / "part"
    local.write_bytes(BIG)
    assert store.names() == []
    assert not store.exists("a/1.parquet")
    store.write("a/1.parquet", local)
    local.write_bytes(b"small")
    store.write("a/2.parquet", local)
    store.write("b.json", local)
    assert store.names() == ["a/1.parquet", "a/2.parquet", "b.json"]
    assert store.names("a/") == store.names("a") == ["a/1.parquet", "a/2.parquet"]
    assert store.names("nothing/like/it") == []
    with store.open("a/1.parquet") as opened:
        opened.seek(-5, io.SEEK_END)
        assert opened.read() == BIG[-5:]
        opened.seek(0)
        assert opened.read() == BIG
    store.write("a/1.parquet", local)
    with store.open("a/1.parquet") as opened:
        assert opened.read() == b"small"
    store.delete("a/1.parquet")
    store.delete("a/1.parquet")
    assert store.names() == ["a/2.parquet", "b.json"]
    with pytest.raises(SourceError, match=r"1\.parquet"):
        store.open("a/1.parquet")


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", "a//b", "nul\x00"])
def test_names_do_not_lead_out_of_a_store(store, tmp_path, name):
    """Absolute names and those with two dots are refused."""
    local = tmp_path / "part"
    local.write_bytes(b"x")
    with pytest.raises(SourceError, match="not a name within a store"):
        store.write(name, local)


def test_an_interrupted_write_leaves_nothing(store, tmp_path, monkeypatch):
    """What cannot be written whole is not seen, and what stood there before still stands."""
    local = tmp_path / "part"
    local.write_bytes(b"before")
    store.write("x", local)
    with pytest.raises(SourceError):
        store.write("x", tmp_path / "nothing")
    with pytest.raises(SourceError):
        store.write("y", tmp_path / "nothing")
    monkeypatch.setattr("dfly_analysis.io.output_store.shutil.copyfile", _no_space)
    if store.address.startswith("/"):
        with pytest.raises(SourceError, match="free some space"):
            store.write("x", local)
        assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["x"]
    assert store.names() == ["x"]
    with store.open("x") as opened:
        assert opened.read() == b"before"


def test_a_file_takes_its_name_when_its_context_ends_well(store, tmp_path):
    """What is not there at the end, or ends badly, is not seen; and a folder that came to be for nothing does not stay."""
    with store.atomic_write("a/nothing"):
        pass
    with pytest.raises(ValueError, match="badly"), store.atomic_write("a/half") as path:
        _write_half(path)
    assert store.names() == []
    store.remove_incomplete()
    assert not (tmp_path / "out").exists()
    with store.atomic_write("a/whole") as path:
        path.write_bytes(b"whole")
        assert store.names() == []
    store.remove_incomplete()
    with store.open("a/whole") as opened:
        assert opened.read() == b"whole"


@pytest.mark.parametrize(
    ("free_bytes", "expected"), [(0, (SourceError, "free some space")), (1 << 30, (OSError, "Errno"))]
)
def test_a_full_disk_is_told_by_whose_it_is(tmp_path, monkeypatch, free_bytes, expected):
    """Whoever fills the file may meet a full disk there, or another that is full."""
    usage = SimpleNamespace(free=free_bytes)
    monkeypatch.setattr("dfly_analysis.io.output_store.shutil.disk_usage", lambda _: usage)
    store = open_store(tmp_path / "out")
    with pytest.raises(expected[0], match=expected[1]), store.atomic_write("a/x"):
        _no_space()
    assert store.names() == []


def _write_half(path):
    path.write_bytes(b"half")
    raise ValueError("badly")


def _no_space(*_):
    import errno

    raise OSError(errno.ENOSPC, "No space left on device")


def test_other_places_are_refused():
    """Only folders and S3 can be written to."""
    with pytest.raises(SourceError, match="cannot be written"):
        open_store("ftp://host/x")
