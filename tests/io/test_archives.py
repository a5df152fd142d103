"""Archives are untrusted: old kinds are read, cuts are told once, bombs and odd members end in words."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import pytest

from dfly_analysis.errors import SourceError
from dfly_analysis.io import DEFAULT_LIMITS, ArchiveLimits, open_sources
from dfly_analysis.io.archive_limits import MAX_REPORTS
from dfly_analysis.io.streams import RECORD_BYTES

TEXT = b"one\ntwo\n"
NOISE = bytes(zlib.crc32(number.to_bytes(4, "big")) & 255 for number in range(200_000))


def tar_of(files, kind=tarfile.GNU_FORMAT):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=kind) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def zip_of(files, method=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def read(tmp_path, data, limits=DEFAULT_LIMITS):
    """Return contents by the address behind the file's own, what was told, and the problems of streams."""
    path = tmp_path / "x"
    path.write_bytes(data)
    told, contents, problems = [], {}, []
    for one in open_sources([path], on_problem=told.append, limits=limits):
        contents[one.address.removeprefix(f"{path}")] = one.text().encode()
        problems += [one.problem] if one.problem else []
    assert all("\n" not in str(problem) for problem in [*told, *problems])
    return contents, [str(one) for one in told], problems


@pytest.mark.parametrize(
    "kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT], ids=["gnu", "pax", "ustar"]
)
def test_every_dialect_of_tar(tmp_path, kind):
    """Long names, names that are not ASCII, empty members and members that fill whole records."""
    files = {"d/" * 20 + "n" * 90: TEXT, "空.log": b"", "full.log": b"x" * RECORD_BYTES, "more.log": NOISE}
    contents, told, problems = read(tmp_path, tar_of(files, kind))
    assert contents == {f"!{name}": data.decode("utf-8", "replace").encode() for name, data in files.items()}
    assert (told, problems) == ([], [])


def test_long_names_of_both_dialects(tmp_path):
    """A name longer than a header holds comes from the extension before it."""
    name = "folder/" * 40 + "x.log"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert read(tmp_path, tar_of({name: TEXT, "next": b"n"}, kind))[0] == {f"!{name}": TEXT, "!next": b"n"}


def test_a_tar_older_than_its_magic(tmp_path):
    """Archives of the seventh Unix carry no magic: the checksum of the first header shows what they are."""
    old = bytearray(tar_of({"a.log": TEXT, "b.log": b"b"}))
    for at in (0, 2 * RECORD_BYTES):
        old[at + 257 : at + RECORD_BYTES] = bytes(RECORD_BYTES - 257)
        old[at + 148 : at + 156] = b" " * 8
        old[at + 148 : at + 156] = b"%06o\x00 " % sum(old[at : at + RECORD_BYTES])
    assert read(tmp_path, bytes(old)) == ({"!a.log": TEXT, "!b.log": b"b"}, [], [])
    old[148] ^= 1
    assert "!a.log" not in read(tmp_path, bytes(old))[0]


def test_sparse_members_are_read_without_their_holes(tmp_path):
    """A log that was truncated under its writer starts with a hole; GNU tar stores it so, in two ways."""
    member = tarfile.TarInfo("pax.log")
    stored = b"1\n1048576\n8\n".ljust(RECORD_BYTES, b"\x00") + TEXT
    member.size = len(stored)
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "real.log",
        "GNU.sparse.realsize": "1048584",
    }
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(stored))
        plain = tarfile.TarInfo("plain.log")
        plain.size = len(TEXT)
        archive.addfile(plain, io.BytesIO(TEXT))
    contents, told, problems = read(tmp_path, made.getvalue())
    assert contents == {"!real.log": TEXT, "!plain.log": TEXT}
    assert (told, problems) == ([], [])
    old = bytearray(tar_of({"old.log": TEXT, "next.log": b"n"}))
    old[156:157] = b"S"
    old[386:410] = b"%011o\x00%011o\x00" % (1 << 20, len(TEXT))
    old[482] = 1  # the map goes on in one more record
    old[483:495] = b"%011o\x00" % ((1 << 20) + len(TEXT))
    old[148:156] = b" " * 8
    old[148:156] = b"%06o\x00 " % sum(old[:RECORD_BYTES])
    old[RECORD_BYTES:RECORD_BYTES] = bytes(RECORD_BYTES)
    contents, told, problems = read(tmp_path, bytes(old))
    assert contents == {"!old.log": TEXT, "!next.log": b"n"}
    (notes,) = ([one.note for one in open_sources([tmp_path / "x"]) if one.drain()],)
    assert "holes" in notes[0]


def test_gzip_in_a_zip_in_a_tar(tmp_path):
    """Archives within archives, three kinds deep, packed once more."""
    inner = zip_of({"old/core.log.gz": gzip.compress(TEXT), "new.log": b"new\n"}, zipfile.ZIP_STORED)
    contents, told, problems = read(tmp_path, bz2.compress(tar_of({"node-1/logs.zip": inner, "z.log": b"z"})))
    expected = {"!node-1/logs.zip!new.log": b"new\n", "!node-1/logs.zip!old/core.log.gz": TEXT, "!z.log": b"z"}
    assert (contents, told, problems) == (expected, [], [])


def test_a_cut_member_is_told_once(tmp_path):
    """The reader of the member that the cut went through knows of it; the archive does not say so again."""
    files = {"a.log": TEXT, "b.log": NOISE, "c.log": TEXT}
    for packed in (tar_of(files), gzip.compress(tar_of(files)), zip_of(files), gzip.compress(zip_of(files))):
        contents, told, problems = read(tmp_path, packed[: len(packed) // 2])
        assert contents["!a.log"] == TEXT
        assert NOISE.decode("utf-8", "replace").encode()[:1000] == contents["!b.log"][:1000]
        assert len(told + problems) == 1


def test_a_cut_nobody_reads_into_is_told_by_the_archive(tmp_path):
    """A reader that leaves members unread still learns that the archive is cut."""
    path = tmp_path / "cut.tar"
    path.write_bytes(tar_of({"a.log": NOISE, "b.log": TEXT})[:10_000])
    told = []
    assert [one.address for one in open_sources([path], on_problem=told.append)] == [f"{path}!a.log"]
    assert len(told) == 1


def test_a_damaged_member_costs_that_member(tmp_path):
    """In a zip, and in a tar of gzip files, one rotten member is told and the others are read."""
    rotten = bytearray(gzip.compress(NOISE))
    rotten[len(rotten) // 2] ^= 255
    contents, told, problems = read(
        tmp_path, tar_of({"a.gz": gzip.compress(TEXT), "b.gz": bytes(rotten), "c.log": TEXT})
    )
    assert (contents["!a.gz"], contents["!c.log"]) == (TEXT, TEXT)
    assert len(told + problems) == 1
    packed = bytearray(zip_of({"a.log": TEXT, "b.log": b"other\n", "c.log": TEXT}, zipfile.ZIP_STORED))
    packed[packed.index(b"other")] ^= 1
    contents, told, problems = read(tmp_path, bytes(packed))
    assert (contents["!a.log"], contents["!c.log"]) == (TEXT, TEXT)
    assert ["checksum" in problem for problem in told + problems] == [True]


def test_members_that_cannot_be_read_are_counted_in_one_line(tmp_path):
    """Encrypted members and unknown methods are told once an archive; the others are read."""
    packed = bytearray(zip_of({"a.log": TEXT, "b.log": TEXT, "c.log": TEXT, "d.log": TEXT}))
    starts = [at for at in range(len(packed)) if packed[at : at + 4] == b"PK\x01\x02"]
    for start in starts[:2]:
        packed[start + 8] |= 1
    packed[starts[2] + 10] = 9
    contents, told, _ = read(tmp_path, bytes(packed))
    assert contents == {"!d.log": TEXT}
    assert len(told) == 2
    assert "1 of its 4 members are compressed by method 9" in told[0]
    assert "2 of its 4 members are encrypted with a password" in told[1]


def test_large_zip_fields(tmp_path):
    """Sizes and positions in the 64-bit fields, a comment behind the index and bytes before the archive."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.log", "w", force_zip64=True) as out,
    ):
        out.write(TEXT)
    assert read(tmp_path, made.getvalue()) == ({"!a.log": TEXT}, [], [])
    with zipfile.ZipFile(made, "a") as archive:
        archive.comment = b"made by hand"
        archive.writestr("b.log", b"b")
    assert read(tmp_path, made.getvalue()) == ({"!a.log": TEXT, "!b.log": b"b"}, [], [])
    index = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 0, 0)
    whole = zip_of({"a.log": TEXT})
    end = whole.rindex(b"PK\x05\x06")
    *head, size, start, comment = struct.unpack("<4s4H2LH", whole[end:])
    index = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    wide = whole[:end] + index + locator + struct.pack("<4s4H2LH", *head, 0xFFFFFFFF, 0xFFFFFFFF, comment)
    assert read(tmp_path, wide) == ({"!a.log": TEXT}, [], [])


def test_an_empty_archive_holds_nothing(tmp_path):
    """An archive without members gives nothing and is no failure."""
    for packed in (zip_of({}), gzip.compress(zip_of({}))):
        assert read(tmp_path, packed) == ({}, [], [])


def test_names_cannot_lead_anywhere_or_disturb_a_terminal(tmp_path, monkeypatch):
    """Absolute names, two dots, escape sequences, right-to-left marks, bytes that are no text: printable addresses, no files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number, name in enumerate(
        ("/etc/cron.d/x", "../../up.log", "a\x1b[31mred\n.log", "a\u202egol.b", "C:\\x.log", "n" * 5000)
    ):
        kinds = [tar_of({name: TEXT}, tarfile.PAX_FORMAT), zip_of({name: TEXT})]
        for packed in kinds:
            contents, told, problems = read(tmp_path / "in", packed)
            assert (list(contents.values()), told, problems) == ([TEXT], [], []), number
            (address,) = contents
            assert address.isprintable()
            assert len(address) < 1100
    raw = tar_of({"x" * 8: TEXT}).replace(b"x" * 8, b"\xff" * 8)
    raw = bytearray(raw)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\x00 " % sum(raw[:RECORD_BYTES])
    (address,) = read(tmp_path / "in", bytes(raw))[0]
    address.encode("utf-8")
    assert [entry.name for entry in tmp_path.rglob("*") if entry.is_file()] == ["x"]


def test_links_in_a_zip_are_passed_over(tmp_path):
    """A symbolic link is no file, wherever it points."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.log", TEXT)
    assert read(tmp_path, made.getvalue())[0] == {"!a.log": TEXT}


SMALL_LIMITS = ArchiveLimits(
    total_bytes=8 << 20, ratio=50, ratio_from_bytes=1 << 20, members=50, depth=4, spool_bytes=1 << 20
)


def test_a_bomb_is_stopped_by_its_ratio(tmp_path):
    """Megabytes of zeros from a few bytes end early, in one line, in plain compression and in archives."""
    zeros = bytes(6 << 20)
    for packed in (
        gzip.compress(zeros),
        bz2.compress(zeros),
        zip_of({"a": zeros, "b": TEXT}),
        gzip.compress(tar_of({"a": zeros})),
    ):
        contents, told, problems = read(tmp_path, packed, SMALL_LIMITS)
        assert sum(map(len, contents.values())) <= 3 << 20
        assert len(told + problems) == 1
        assert "50 times its size" in (told + problems)[0]


def test_a_log_full_of_zeros_is_no_bomb(tmp_path):
    """What one layer of deflate can do at most passes the ratio that is in force."""
    zeros = bytes(DEFAULT_LIMITS.ratio_from_bytes + (1 << 20))
    path = tmp_path / "zeros.gz"
    path.write_bytes(gzip.compress(zeros))
    (one,) = (stream for stream in open_sources([path]) if stream.drain())
    assert (one.size_bytes, one.problem) == (len(zeros), None)


def test_the_total_is_capped(tmp_path):
    """However well it is packed, a file unpacks to no more than the cap, all members together."""
    noise = NOISE * 6
    packed = gzip.compress(tar_of({f"{number}.log": noise for number in range(10)}), 1)
    contents, told, problems = read(tmp_path, packed, SMALL_LIMITS)
    assert sum(map(len, contents.values())) <= 3 * SMALL_LIMITS.total_bytes  # replaced bytes are three long
    assert len(told + problems) == 1
    assert "more than 8 MiB" in (told + problems)[0]


def test_members_are_capped_over_all_archives(tmp_path):
    """Many archives of few members are as many members as one archive of many."""
    inner = tar_of({f"{number}.log": TEXT for number in range(20)})
    contents, told, _ = read(tmp_path, tar_of({f"{number}.tar": inner for number in range(9)}), SMALL_LIMITS)
    assert len(contents) <= SMALL_LIMITS.members
    assert ["more than 50 members" in one for one in told] == [True]
    contents, told, _ = read(tmp_path, zip_of({f"{number}.log": TEXT for number in range(60)}), SMALL_LIMITS)
    assert len(contents) == SMALL_LIMITS.members
    assert ["more than 50 members" in one for one in told] == [True]


def test_a_tree_of_zips_ends(tmp_path):
    """Zips of zips of zips, as in the well-known bomb, end at the depth or the ratio, in few words."""
    data = bytes(3 << 20)
    for _ in range(5):
        data = zip_of({f"{number}.zip": data for number in range(4)})
    _, told, problems = read(tmp_path, data, SMALL_LIMITS)
    assert 1 <= len(told + problems) <= MAX_REPORTS


def test_an_archive_that_holds_itself_ends(tmp_path):
    """A chain of layers longer than the cap, as of an archive that unpacks to itself, is told once."""
    data = TEXT
    for _ in range(30):
        data = tar_of({"again.tar": data, "side.log": b"s\n"})
    contents, told, _ = read(tmp_path, data)
    assert set(contents.values()) == {b"s\n"}
    assert len(contents) == DEFAULT_LIMITS.depth
    assert ["deep" in one for one in told] == [True]


def test_members_that_lie_over_one_another_are_refused(tmp_path):
    """An index that names the same bytes many times is a bomb."""
    packed = zip_of({"a.log": TEXT})
    at, end = packed.index(b"PK\x01\x02"), packed.index(b"PK\x05\x06")
    entry = packed[at:end]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, 3 * len(entry), at, 0)
    contents, told, _ = read(tmp_path, packed[:at] + 3 * entry + tail)
    assert contents == {}
    assert ["members overlap" in one for one in told] == [True]


def test_a_streamed_zip_is_spooled_up_to_a_cap(tmp_path):
    """A zip within a stream is copied aside, not into memory, and not without bound."""
    packed = gzip.compress(zip_of({"a.log": NOISE * 10}, zipfile.ZIP_STORED), 1)
    contents, told, problems = read(tmp_path, packed, SMALL_LIMITS)
    assert "larger than 1 MiB" in (told + problems)[0]
    assert len(read(tmp_path, packed)[0]["!a.log"]) >= 10 * len(NOISE)


def test_many_broken_members_are_not_told_one_by_one(tmp_path):
    """A hundred archives that cannot be read are a handful of lines."""
    members = {f"{number}.7z": b"7z\xbc\xaf\x27\x1crest" for number in range(100)}
    _, told, _ = read(tmp_path, tar_of(members))
    assert len(told) == MAX_REPORTS
    assert "7-Zip" in told[0]
    assert "more of its parts" in told[-1]


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x1f\x9d", "compress"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, start, name):
    """Kinds that nothing here reads are told by name, with the way out."""
    path = tmp_path / "x"
    path.write_bytes(start + b"rest")
    with pytest.raises(SourceError, match=f"{name}.*unpack it by hand"):
        list(open_sources([path]))


def test_a_forged_header_of_a_tar_costs_no_memory(tmp_path):
    """Extension headers that claim gigabytes, sizes below zero and maps without end are damage."""
    good = bytearray(tar_of({"a.log": TEXT, "b.log": TEXT}, tarfile.GNU_FORMAT))
    for kind, size in ((b"x", b"77777777777\x00"), (b"L", b"77777777777\x00"), (b"0", b"\xff" * 12)):
        forged = bytearray(good)
        forged[156:157], forged[124:136] = kind, size
        forged[148:156] = b" " * 8
        forged[148:156] = b"%06o\x00 " % sum(forged[:RECORD_BYTES])
        contents, told, problems = read(tmp_path, bytes(forged))
        assert contents == {}
        assert ["damaged" in one for one in told + problems] == [True]


def pax(*records):
    """Return a pax header with these records, valid or not."""
    content = b"".join(records)
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, len(content)
    return member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % RECORD_BYTES)


def record(key, value):
    """Return a valid pax record."""
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return f"{length} {key}={value}\n".encode()


@pytest.mark.parametrize(
    "headers",
    [
        pax(b"2 " * (1 << 19), b"=x"),
        pax(b"1" * (15 << 10)),
        pax(record("path", "x" * 9)) * 3000,
        pax(record("size", "-5000")),
        pax(record("size", "x")) + pax(record("GNU.sparse.map", "1,x")),
        pax(record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0")) + tar_of({"s": b"9" * 9 + b"\n1" * (3 << 20)})[: 4 << 20],
    ],
    ids=["quadratic keys", "quadratic digits", "endless chain", "negative size", "no numbers", "endless sparse map"],
)  # fmt: skip
def test_forged_pax_headers_are_damage(tmp_path, headers):
    """What would cost tarfile memory, time or its stack ends in one line; the members before are read."""
    before = tar_of({"a.log": TEXT})[: 2 * RECORD_BYTES]
    contents, told, problems = read(tmp_path, before + headers + tar_of({"b.log": TEXT}))
    assert contents.pop("!a.log") == TEXT
    assert set(contents.values()) <= {b"", TEXT}
    assert ["the archive is damaged" in one for one in told + problems] == [True]


def test_a_damaged_index_of_a_zip_costs_no_member(tmp_path):
    """Members are found by their own headers, and a damaged one among them costs only itself."""
    packed = bytearray(zip_of({"a.log": TEXT, "b.log": b"other\n", "c.log": TEXT}, zipfile.ZIP_STORED))
    packed[packed.index(b"PK\x01\x02")] = 0
    contents, told, problems = read(tmp_path, bytes(packed))
    assert contents == {"!a.log": TEXT, "!b.log": b"other\n", "!c.log": TEXT}
    assert ["index is missing or damaged" in one for one in told + problems] == [True]
    packed[packed.index(b"other")] ^= 1
    contents, told, problems = read(tmp_path, bytes(packed))
    assert (contents["!a.log"], contents["!c.log"]) == (TEXT, TEXT)
    assert ["checksum" in one for one in told + problems] == [True]


def test_an_index_of_gigabytes_is_not_read(tmp_path):
    """An index far larger than the most members need is refused before it is held in memory."""
    size = 300 << 20
    path = tmp_path / "x"
    with path.open("wb") as out:
        out.truncate(size)
        out.seek(size)
        out.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, size, 0, 0))
        out.seek(0)
        out.write(b"PK\x03\x04")
    with pytest.raises(SourceError, match="index is larger than"):
        list(open_sources([path]))
