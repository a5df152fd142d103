"""All shapes in which logs come give the tables of the plain files: wrapped, packed, rotated, recoded, coloured, exported."""

from __future__ import annotations

import atexit
import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

import pandas as pd
import pytest
from conftest import ROOT, SAMPLES, THOROUGH
from reading_cases import generated, line, settings_of, write_tree
from wrapping import NAMING, SHAPES, split_lines

from dfly_analysis.dataset import Dataset, load
from tests.unpacking import unpack

try:
    from compression import zstd
except ImportError:
    from backports import zstd

Files = dict[str, bytes]
Change = Callable[[str, bytes], Files]
GENERATED = (("slow-source", "v0.1.118"), ("slow-source", "v1.5.1"), ("mixture", "v1.0.26"))
REAL = sorted(SAMPLES.glob("*.tar.gz")) + (sorted((ROOT.parent / "shared/real").glob("*.tar.gz")) if THOROUGH else [])
"""The committed samples, and with THOROUGH=1 all real runs beside the checkout."""
TABLES = ("events", "pieces", "tasks", "jobs")
PLACE = ["log_path", "log_line"]
COVERED = 0.999


def files_of(run: Path) -> Files:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def changed(files: Files, logs: Collection[str], change: Change) -> Files:
    """Return the files with each log replaced by what `change` makes of its name and bytes."""
    made: Files = {}
    for name, data in files.items():
        made |= change(name, data) if name in logs else {name: data}
    return made


def wrapped(shape: str) -> Change:
    """Wrap each log; the writer has its host's name, which is its folder's."""
    return lambda name, data: {name: SHAPES[shape]({PurePosixPath(name).parts[0]: data})}


def compressed(ending: str, compress: Callable[[bytes], bytes]) -> Change:
    return lambda name, data: {name + ending: compress(data)}


def in_members(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Compress thirds apart, as appending to a packed file does; the cuts fall within lines."""
    return lambda data: b"".join(
        compress(data[at : at + len(data) // 3 + 1]) for at in range(0, len(data), len(data) // 3 + 1)
    )


def rotated(older: Callable[[str, int], str], pack: Callable[[bytes], bytes] = bytes) -> Change:
    """Cut a log into three at line ends; `older` names the second oldest as 1 and the oldest as 2."""

    def change(name: str, data: bytes) -> Files:
        lines = [line + b"\n" for line in split_lines(data)]
        third = max(1, len(lines) // 3)
        oldest, old, current = lines[:third], lines[third : 2 * third], lines[2 * third :]
        made = {older(name, 2): pack(b"".join(oldest)), older(name, 1): pack(b"".join(old)), name: b"".join(current)}
        return {part: content for part, content in made.items() if content}

    return change


def tar_of(files: Mapping[str, bytes], mode: str = "w", **options: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, **options) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"logs/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def nested(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of one zip a host, in which logs are compressed: what a collecting script makes of what it collected."""
    hosts: dict[str, Files] = {}
    for name, data in files.items():
        host, _, rest = name.partition("/")
        hosts.setdefault(host, {})[f"{host}/{rest}" if rest else host] = data
    return tar_of(
        {
            f"{host}.zip": zip_of({name: gzip.compress(data) for name, data in held.items()})
            for host, held in hosts.items()
        }
    )


PACKED: dict[str, Change] = {
    ".gz": compressed(".gz", gzip.compress),
    ".gz, appended to": compressed(".gz", in_members(gzip.compress)),
    ".zst": compressed(".zst", zstd.compress),
    ".zst, appended to": compressed(".zst", in_members(zstd.compress)),
    ".xz": compressed(".xz", lzma.compress),
    ".bz2": compressed(".bz2", bz2.compress),
    ".zip": lambda name, data: {f"{name}.zip": zip_of({PurePosixPath(name).name: data})},
    "gzip without ending": compressed("", gzip.compress),
    "rotated by number": rotated(lambda name, age: f"{name}.{age}"),
    "rotated and compressed": rotated(lambda name, age: f"{name}.{age}.gz", gzip.compress),
    "rotated by date": rotated(lambda name, age: f"{name}-2026050{3 - age}"),
    "rotated by lumberjack": rotated(lambda name, age: f"{name[:-4]}-2026-05-0{3 - age}T10-00-00.000.log"),
}
ARCHIVES: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "tar": ("run.tar", tar_of),
    "tar.gz": ("run.tar.gz", lambda files: tar_of(files, "w:gz", compresslevel=1)),
    "tar.zst": ("run.tar.zst", lambda files: zstd.compress(tar_of(files))),
    "tar.xz": ("run.tar.xz", lambda files: tar_of(files, "w:xz", preset=0)),
    "tar.bz2": ("run.tar.bz2", lambda files: tar_of(files, "w:bz2", compresslevel=1)),
    "zip": ("run.zip", zip_of),
    "nested": ("run.tar", nested),
}
EXPORTS = ("kubectl-prefix", "stern", "compose", "grep", "loki-api", "grafana-csv-labels", "grafana-json", "logcli-jsonl", "journal-json", "elastic-search")  # fmt: skip
SHAPE: dict[str, Callable[[Files, Collection[str]], Files]] = {
    **{f"in {name}": lambda files, logs, name=name: changed(files, logs, wrapped(name)) for name in SHAPES},
    **{name: lambda files, logs, change=change: changed(files, logs, change) for name, change in PACKED.items()},
    **{f"run.{name}": lambda files, _, packed=packed: {packed[0]: packed[1](files)} for name, packed in ARCHIVES.items()},
    **{f"all in {name}": lambda files, logs, name=name: exported(files, logs, name) for name in EXPORTS},
    "in cri, rotated and compressed": lambda files, logs: changed(
        changed(files, logs, wrapped("cri")), logs, PACKED["rotated and compressed"]
    ),
    "in crlf and coloured in docker-json in a tar.zst": lambda files, logs: {
        "run.tar.zst": zstd.compress(
            tar_of(changed(changed(changed(files, logs, wrapped("colours")), logs, wrapped("crlf")), logs, wrapped("docker-json")))
        )
    },
}  # fmt: skip


def exported(files: Files, logs: Collection[str], shape: str) -> Files:
    """Put the clients' logs into one file, as an export of all pods does; hosts are then known by the names it gives."""
    assert shape in NAMING
    writers = {PurePosixPath(name).parts[0]: files[name] for name in sorted(logs) if name.endswith("/dfdaemon.log")}
    left = {name: data for name, data in files.items() if not name.endswith("/dfdaemon.log")}
    return {**left, "export": SHAPES[shape](writers)}


@cache
def plain(place: int) -> tuple[Files, frozenset[str], Dataset]:
    """Return a generated run's files, the names of its logs, and what is loaded from them as they are."""
    case, client = GENERATED[place]
    run, _ = generated(case, client, images=1)
    dataset = load(run, settings=settings_of(client))
    return files_of(run), logs_of(dataset, run), dataset


def logs_of(dataset: Dataset, run: Path) -> frozenset[str]:
    rows = dataset.coverage[dataset.coverage["kind"] == "log"]
    return frozenset(Path(path).relative_to(run).as_posix() for path in rows["path"])


def assert_same(got: Dataset, wanted: Dataset, *, one_file: bool = False) -> None:
    """Every row of every table is there, in order, but for where it stands in the input.

    In one file of several hosts, what hosts wrote in the same moment has the order of that file.
    """
    for name in TABLES:
        one, two = (getattr(dataset, name).drop(columns=PLACE, errors="ignore") for dataset in (got, wanted))
        if one_file and name == "events":
            one, two = (frame.sort_values(["time", "host"], kind="stable", ignore_index=True) for frame in (one, two))
        pd.testing.assert_frame_equal(one, two, obj=name)


def assert_covered(dataset: Dataset) -> None:
    """Of every log nearly all lines begin or continue a record."""
    rows = dataset.coverage[dataset.coverage["kind"] == "log"]
    read = (rows["parsed"] + rows["continuation"]) / rows["lines"]
    assert rows[read < COVERED].empty, rows[read < COVERED]


@pytest.mark.parametrize(("shape", "place"), [(shape, at % len(GENERATED)) for at, shape in enumerate(SHAPE)])
def test_any_shape_gives_the_tables_of_the_plain_files(tmp_path, shape, place):
    """Events, pieces, tasks and jobs are the same, row for row, and no line is lost; the eras take turns, for shapes know of none."""
    files, logs, wanted = plain(place)
    got = load(write_tree(tmp_path / "run", SHAPE[shape](files, logs)), settings=settings_of(GENERATED[place][1]))
    assert len(wanted.events) > 500
    assert_same(got, wanted, one_file=shape.startswith("all in "))
    assert_covered(got)
    assert got.problems == ()


LONG: dict[str, Change] = {
    "plain": lambda name, data: {name: data},
    "gz": PACKED[".gz"],
    "CRI": wrapped("cri"),
    "CRLF": wrapped("crlf"),
}


@pytest.mark.parametrize("shape", LONG)
def test_a_line_of_tens_of_megabytes_and_wrong_bytes_cost_only_themselves(tmp_path, shape):
    """The endless line is cut at 4 MiB and counted, wrong bytes are replaced; the records around are whole."""
    long, odd = line(2, "y" * (24 << 20)), line(3, "odd \ufffd byte")
    data = f"{line(1, 'before')}\n{long}\n{odd}\n{line(4, 'after')}\n".encode().replace("\ufffd".encode(), b"\xff")
    dataset = load(write_tree(tmp_path, LONG[shape]("h/dfdaemon.log", data)))
    assert dataset.events["message"].str.len().tolist()[:1] == [6]
    assert dataset.events["message"].tolist()[2:] == ["odd \ufffd byte", "after"]
    assert dataset.events["message"].str.len()[1] <= 4 << 20
    (row,) = dataset.coverage.to_dict("records")
    assert (row["parsed"], row["rejected"]) == (4, 0)
    assert "1 line longer than 4 MiB was cut" in row["note"]


def unpacked(run: Path) -> Path:
    """Unpack a real run and return its folder of hosts."""
    folder = Path(mkdtemp(prefix="dfly-shapes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (top,) = unpack(run, folder).iterdir()
    return top


@pytest.mark.parametrize(
    ("run", "shape"),
    [(run, list(SHAPE)[7 * place % len(SHAPE)]) for place, run in enumerate([*REAL, *REAL[:2]])],
    ids=lambda value: value.name.removesuffix(".tar.gz") if isinstance(value, Path) else value,
)
def test_real_runs_give_the_tables_of_the_plain_files(tmp_path, run, shape):
    """Each run in another shape; of every file that is Dragonfly's own nearly all lines are read."""
    folder = unpacked(run)
    settings = settings_of(run.name.rpartition("-")[2].removesuffix(".tar.gz")) if "-v" in run.name else None
    wanted = load(folder, settings=settings)
    assert_covered(wanted)
    own = wanted.coverage["path"].str.contains(r"/(?:dfdaemon|scheduler|manager)/\w+\.log$")
    assert own.any()
    assert set(wanted.coverage.loc[own, "kind"]) <= {"log", "empty"}
    made = SHAPE[shape](files_of(folder), logs_of(wanted, folder))
    got = load(write_tree(tmp_path / "run", made), settings=settings)
    assert_same(got, wanted, one_file=shape.startswith("all in "))
    assert_covered(got)
