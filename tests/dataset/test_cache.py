"""The cache: a file is parsed once, read after that, and parsed anew whenever anything about it or the cache is not as it was."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest
from click.testing import CliRunner
from reading_cases import line, write_tree

from dfly_analysis.cli import main
from dfly_analysis.dataset import Cache, cache, load
from dfly_analysis.schema import ALL

LOG = "".join(line(number, f"line {number}") + "\n" for number in range(300))
BENCH = "size_bytes,duration_s\n1MiB,2\n"


@pytest.fixture(autouse=True)
def small_files_too(monkeypatch):
    """Let files of any size be kept."""
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 1)


@pytest.fixture
def parsed(monkeypatch):
    """Return the addresses of the files that were parsed."""
    found = []
    read_files = cache.read_files

    def spy(sources, *others, **more):
        found.extend(source.address for source in sources)
        return read_files(sources, *others, **more)

    monkeypatch.setattr(cache, "read_files", spy)
    return found


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "in", {"h/d.log": LOG, "bench.csv": BENCH})


@pytest.fixture
def kept(tmp_path):
    return Cache(tmp_path / "cache")


def assert_same(one, two):
    for table in ALL:
        pd.testing.assert_frame_equal(getattr(one, table.name), getattr(two, table.name), obj=table.name)


def test_the_second_load_is_a_read(tree, kept, parsed):
    """No file is parsed again, and every table is what it was, whatever kind the file is."""
    first = load(tree, cache=kept)
    assert len(parsed) == 2
    second = load(tree, cache=kept)
    assert len(parsed) == 2
    assert_same(first, second)
    assert_same(load(tree), second)
    assert len(second.runs) == 1


def test_a_touched_file_is_still_known_and_a_changed_one_is_not(tree, kept, parsed):
    """Another time alone: the content is hashed and found; other bytes of the same length, or more of them: parsed."""
    path = tree / "h/d.log"
    load(tree, cache=kept)
    os.utime(path, ns=(1, 1))
    load(tree, cache=kept)
    assert len(parsed) == 2
    path.write_text(LOG.replace("line 7 ", "line X "))
    assert load(tree, cache=kept).events["message"].str.contains("line X").sum() == 1
    path.write_text(LOG + line(400, "more") + "\n")
    assert len(load(tree, cache=kept).events) == 301
    assert parsed[2:] == [str(path)] * 2


@pytest.mark.parametrize(
    "options", [{"tz": "Asia/Shanghai"}, {"log_format": "client-compact"}, {"records": "relevant"}], ids=str
)
def test_another_way_of_reading_is_another_part(tree, kept, parsed, options):
    """Zone, format and choice of records are part of what is looked up."""
    load(tree, cache=kept)
    assert_same(load(tree, cache=kept, **options), load(tree, **options))
    assert len(parsed) == 4


def test_another_release_reads_anew(tree, kept, parsed, monkeypatch):
    """Parts of other code or another catalogue are not taken."""
    load(tree, cache=kept)
    monkeypatch.setattr(cache, "package_hash", lambda: "another")
    load(tree, cache=kept)
    assert len(parsed) == 4


def damaged(data: bytes, kind: str) -> bytes:
    middle = len(data) // 2
    return {"cut": data[:middle], "empty": b"", "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :], "text": b"x" * len(data)}[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["cut", "empty", "flipped", "text"])
@pytest.mark.parametrize("pattern", ["*.parquet", "*.json"])
def test_a_damaged_cache_is_ignored(tree, kept, parsed, kind, pattern):
    """Cut, emptied, overwritten, one byte turned: the file is parsed anew and the tables are right."""
    first = load(tree, cache=kept)
    for path in kept.folder.glob(pattern):
        path.write_bytes(damaged(path.read_bytes(), kind))
    assert_same(load(tree, cache=kept), first)
    assert len(parsed) >= 3
    assert_same(load(tree, cache=kept), first)


def test_a_note_that_points_elsewhere_leads_nowhere(tree, kept, parsed):
    """What a note says is compared, never believed."""
    first = load(tree, cache=kept)
    for path in kept.folder.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "../../x", "stamp": None}))
    assert_same(load(tree, cache=kept), first)
    assert len(parsed) == 4


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tree, tmp_path, parsed):
    """A file stands where the folder should be."""
    (tmp_path / "cache").write_text("")
    kept = Cache(tmp_path / "cache")
    assert_same(load(tree, cache=kept), load(tree, cache=kept))
    assert len(parsed) == 4


def test_the_oldest_unused_goes_first(tree, kept, monkeypatch):
    """Beyond the size allowed; what was just made stays."""
    load(tree / "h/d.log", cache=kept)
    (first,) = kept.folder.glob("*.parquet")
    os.utime(first, (1, 1))
    monkeypatch.setattr(cache, "LARGEST_TOTAL_BYTES", first.stat().st_size + 10)
    load(tree, tz="Asia/Shanghai", cache=kept)
    assert first not in set(kept.folder.glob("*.parquet"))
    assert [*kept.folder.glob("*.parquet")]


def test_the_user_decides_where_and_whether(tree, tmp_path, monkeypatch, parsed):
    """The variable names another folder or turns it off; --no-cache keeps nothing."""
    place = tmp_path / "elsewhere"
    monkeypatch.setenv("DFLY_ANALYSIS_CACHE", str(place))
    for arguments in (["--no-cache"], [], []):
        assert CliRunner().invoke(main, ["diagnose", str(tree), *arguments]).exit_code == 0
        assert place.exists() is (not arguments)
    assert len(parsed) == 2
    monkeypatch.setenv("DFLY_ANALYSIS_CACHE", "off")
    assert Cache.of_user() is None
    monkeypatch.delenv("DFLY_ANALYSIS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache.of_user().folder == tmp_path / "xdg" / "dfly-analysis"
