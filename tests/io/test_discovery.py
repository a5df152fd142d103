"""Which files are named, in which order, and what happens when they change between being listed and being read."""

from __future__ import annotations

import glob
import gzip
import os
import pickle
import random
import socket
import threading
from pathlib import Path

import pytest
from reading_cases import write_tree

from dfly_analysis.errors import SourceError
from dfly_analysis.io import list_files, open_file, open_sources
from dfly_analysis.io.file_names import reading_key

TEXT = b"one\ntwo\n"


def names(listed):
    return [one.address.rpartition("/")[2] for one in listed]


@pytest.mark.parametrize(
    "expected",
    [
        ["dfdaemon.log.10.gz", "dfdaemon.log.9.zst", "dfdaemon.log.2", "dfdaemon.log.1", "dfdaemon.log"],
        ["core-2025-03-04T05-06-07.123.log.gz", "core-2025-03-04T15-06-07.003.log", "core.log"],
        ["dfdaemon.2025-03-04", "dfdaemon.2025-03-05", "dfdaemon.2025-10-01"],
        ["dfdaemon.2025-03-04-05", "dfdaemon.2025-03-04-16", "dfdaemon.2025-03-05-01"],
        ["dfdaemon.2025-03-04-05.log", "dfdaemon.2025-03-04-16.log"],
        ["dfdaemon.log-20250304.gz", "dfdaemon.log-20250305", "dfdaemon.log"],
        ["0.log.20250304-050607.gz", "0.log.20250304-060607", "0.log"],
        ["core.log.1", "core.log", "grpc.log.2", "grpc.log.1", "grpc.log"],
        ["client-2.log", "client-10.log", "client-100.log"],
        ["192.168.0.2", "192.168.0.10"],
        ["v1.4.1", "v1.4.2", "v1.4.10"],
    ],
    ids=lambda expected: expected[0],
)
def test_rotated_sets_come_oldest_first(tmp_path, expected):
    """By number downwards, by date upwards, the file in use last; numbers elsewhere in a name count by value."""
    shuffled = random.Random(1).sample(expected, len(expected))
    top = write_tree(tmp_path / "top", dict.fromkeys(shuffled, TEXT))
    assert names(list_files([top])) == expected
    assert sorted(shuffled, key=reading_key) == expected


def test_folders_are_in_natural_order(tmp_path):
    """Host 2 before host 10, and each folder's files stay together."""
    top = write_tree(
        tmp_path / "top", {f"host-{number}/d/dfdaemon.log{tail}": TEXT for number in (10, 2) for tail in ("", ".1")}
    )
    told = [one.address.removeprefix(f"{top}/") for one in list_files([top])]
    assert told == [f"host-{number}/d/dfdaemon.log{tail}" for number in (2, 10) for tail in (".1", "")]


def test_a_file_named_twice_is_read_once(tmp_path):
    """As a path, through its folder, by a glob, through a link: the first name stands."""
    top = write_tree(tmp_path / "top", {"a.log": TEXT, "b.log": TEXT})
    (top / "link.log").symlink_to("a.log")
    assert names(list_files([top / "b.log", top, f"{top}/*.log", "-", "-"])) == ["a.log", "b.log", "-"]


def test_a_listed_file_can_be_sent_elsewhere(tmp_path):
    """It survives pickling and is opened by what was unpickled."""
    top = write_tree(tmp_path / "top", {"a.log": TEXT, "b.log.gz": gzip.compress(TEXT)})
    for one in pickle.loads(pickle.dumps(list_files([top]))):
        assert [opened.text() for opened in open_file(one)] == [TEXT.decode()]
    assert [one.size_bytes for one in list_files([top / "a.log"])] == [len(TEXT)]


def test_listing_reads_nothing_and_raises_before_anything_is_read(tmp_path):
    """A missing second path is an error at once, not after hours of reading the first."""
    top = write_tree(tmp_path / "top", {"a.log": TEXT})
    with pytest.raises(SourceError, match="did you mean a.log"):
        next(open_sources([top / "a.log", top / "b.log"]))


def test_loops_of_links_end(tmp_path):
    """Links to themselves, to each other and to a folder above: everything is listed once, in folders and globs."""
    top = write_tree(tmp_path / "top", {"a/x.log": TEXT, "b/y.log": TEXT})
    (top / "a" / "up").symlink_to(top)
    (top / "b" / "up").symlink_to(top)
    (top / "self").symlink_to("self")
    (top / "ping").symlink_to("pong")
    (top / "pong").symlink_to("ping")
    told = []
    assert names(list_files([top], on_problem=told.append)) == ["x.log", "y.log"]
    assert len(told) == 3
    assert names(list_files([f"{top}/**/*.log"])) == ["x.log", "y.log"]
    assert names(list_files([f"{top}/**"])) == ["x.log", "y.log"]
    with pytest.raises(SourceError, match="ping: the link leads to nothing"):
        list_files([top / "ping"])


def test_a_link_to_another_folder_is_mentioned(tmp_path):
    """It is not followed, as an unpacked archive may point anywhere; naming it reads it."""
    top = write_tree(tmp_path / "top", {"a.log": TEXT})
    other = write_tree(tmp_path / "other", {"b.log": TEXT})
    (top / "link").symlink_to(other)
    told = []
    assert names(list_files([top], on_problem=told.append)) == ["a.log"]
    assert "name that folder too" in str(told[0])
    assert names(list_files([top / "link"])) == ["b.log"]


@pytest.mark.parametrize("pattern", ["*.log", "a/*.l?g", "**/x.log", "[ab]/x.log", "a*", "**/.h/x.log", "*/x.log"])
def test_globs_match_as_the_standard_library_does(tmp_path, pattern):
    """Stars, question marks, brackets, hidden files."""
    top = write_tree(
        tmp_path / "top", dict.fromkeys(["x.log", "a/x.log", "b/x.log", "a/.x.log", ".h/x.log", "ab/c/x.log"], TEXT)
    )
    expected = {str(one) for one in map(Path, glob.glob(f"{top}/{pattern}", recursive=True)) if one.is_file()}  # noqa: PTH207
    expected |= {f"{top}/{one}" for one in ("a/x.log", "a/.x.log", "ab/c/x.log") if pattern == "a*"}
    assert {one.location for one in list_files([f"{top}/{pattern}"])} == expected


def test_a_glob_without_match_is_an_error(tmp_path, monkeypatch):
    """Absolute or relative, it names nothing."""
    monkeypatch.chdir(tmp_path)
    for pattern in ("*.log", f"{tmp_path}/**/*.log", "[", "nothing/*/x"):
        with pytest.raises(SourceError, match="no such file"):
            list_files([pattern])
    (tmp_path / "run[1].log").write_bytes(TEXT)
    assert names(list_files(["run[1].log"])) == ["run[1].log"]
    assert names(list_files(["run*"])) == ["run[1].log"]


def test_pipes_and_sockets_in_a_folder_are_passed_over(tmp_path, monkeypatch):
    """With a word and without waiting; a pipe that is named itself is read, a socket or device is refused."""
    monkeypatch.chdir(tmp_path)  # addresses of sockets must be short
    top = write_tree(tmp_path / "top", {"a.log": TEXT})
    os.mkfifo(top / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("top/socket")
        told = []
        assert names(list_files([top], on_problem=told.append)) == ["a.log"]
        assert (
            sorted(str(one).partition(" is a ")[2].split(" and ")[0] for one in told) == ["named pipe", "socket"]
            or told
        )
        assert [kind in " ".join(map(str, told)) for kind in ("named pipe", "socket")] == [True, True]
        assert names(list_files([top])) == ["a.log"]
        with pytest.raises(SourceError, match="is a socket"):
            list_files([top / "socket"])
    with pytest.raises(SourceError, match="is a device"):
        list_files(["/dev/zero"])
    writer = threading.Thread(target=lambda: (top / "pipe").write_bytes(gzip.compress(TEXT)))
    writer.start()
    assert [one.text() for one in open_sources([top / "pipe"])] == [TEXT.decode()]
    writer.join()


def test_what_may_not_be_read_is_one_line(tmp_path, monkeypatch):
    """A file or folder without permission is told, the others go on; alone it is an error."""
    top = write_tree(tmp_path / "top", {"a.log": TEXT, "b.log": TEXT, "shut/c.log": TEXT})
    real_open, real_scan = os.open, os.scandir

    def refuse(path, real, *more):
        if str(path).endswith(("a.log", "shut")):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more)

    monkeypatch.setattr(os, "open", lambda path, *more, **_: refuse(path, real_open, *more))
    monkeypatch.setattr(os, "scandir", lambda path=".": refuse(path, real_scan))
    told = []
    assert [one.text() for one in open_sources([top], on_problem=told.append)] == [TEXT.decode()]
    assert [("Permission denied" in str(one), "\n" in str(one)) for one in told] == [(True, False)] * 2
    with pytest.raises(SourceError, match="Permission denied"):
        list(open_sources([top / "a.log"]))


def test_a_file_that_grows_is_read_to_what_there_is(tmp_path):
    """What was added before the end was reached is read once; the stream's note says that it grew."""
    path = tmp_path / "a.log"
    path.write_bytes(TEXT)
    (listed,) = list_files([path])
    for one in open_file(listed):
        one.head()
        assert one.note is None
    path.write_bytes(TEXT * 3)
    (read,) = ((one.text(), one.note, one.problem) for one in open_file(listed))
    assert read[0] == TEXT.decode() * 3
    assert "grew" in read[1]
    assert read[2] is None
    (read,) = ((one.text(), one.note) for one in open_sources([path]))
    assert read == (TEXT.decode() * 3, None)


def test_a_writer_that_never_stops_is_not_followed_for_ever(tmp_path):
    """A file to which more is added at every read ends all the same."""
    path = tmp_path / "a.log"
    path.write_bytes(TEXT)
    with path.open("ab", buffering=0) as writer:
        for one in open_sources([path]):
            for number, _ in enumerate(one.blocks()):
                writer.write(TEXT * 1000)
                assert number < 10
            assert "grew" in one.note


def test_a_file_that_vanishes_or_shrinks_is_one_line(tmp_path):
    """Rotated away: told; truncated under the reader: the stream says so; the rest goes on."""
    top = write_tree(
        tmp_path / "top",
        {"a.log": TEXT, "b.log": TEXT * 1000, "c.log.gz": gzip.compress(os.urandom(9000)), "d.log": TEXT},
    )
    listed = list_files([top])
    (top / "a.log").unlink()
    os.truncate(top / "b.log", 100)
    os.truncate(top / "c.log.gz", 5000)
    told, streams = [], {}
    for file in listed:
        for one in open_file(file, on_problem=told.append):
            streams[one.address.rpartition("/")[2]] = (one.drain(), one.size_bytes, one.problem)
    assert ["vanished" in str(one) for one in told] == [True]
    assert streams["b.log"][1] == 100
    assert "shrank" in streams["b.log"][2]
    assert "shrank" in streams["c.log.gz"][2]
    assert streams["d.log"] == (2, len(TEXT), None)


def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path):
    """What was a file when it was listed is opened without waiting for a writer."""
    path = tmp_path / "a.log"
    path.write_bytes(TEXT)
    (listed,) = list_files([path])
    path.unlink()
    os.mkfifo(path)
    told = []
    assert list(open_file(listed, on_problem=told.append)) == []
    assert "is a named pipe now" in str(told[0])


def test_names_that_are_no_text_have_printable_addresses(tmp_path):
    """Bytes that are no UTF-8 and control characters are replaced in the address, and the file is read."""
    for name in (b"bad\xff.log", b"red\x1b[31m.log", b"two\nlines.log"):
        (tmp_path / os.fsdecode(name)).write_bytes(TEXT)
    streams = {one.address: one.text() for one in open_sources([tmp_path])}
    assert set(streams.values()) == {TEXT.decode()}
    assert all(address.isprintable() and address.encode() for address in streams)
    assert len(streams) == 3


def test_files_of_unknown_size_are_read(tmp_path):
    """Files of the kernel say that they are empty and are not."""
    (one,) = ((stream.text(), stream.problem) for stream in open_sources(["/proc/self/status"]))
    assert one[0].startswith("Name:")
    assert one[1] is None
