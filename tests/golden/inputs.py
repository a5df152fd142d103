"""The inputs: committed samples, real runs, generated runs, the shapes logs come in, and fleets. All are deterministic."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tests.planted import PAIRS, write_planted
from tests.synthetic import VARIANTS, write_run
from tests.wrapping import NAMING, SHAPES

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples"
VALUES = Path(__file__).parent / "values"
COPIES = 20
ERAS = ("v0.1.118", "v1.0.26", "v1.5.1")
VARIANT_ERA = "v1.5.1"
WRAPPED = (
    "cri", "docker-json", "kubectl-prefix", "stern-json", "compose", "grep", "journal", "journal-json",
    "logcli", "loki-docker", "grafana-csv-excel", "elastic-search",
)  # fmt: skip

Build = Callable[[Path], None]
"""Writes one input at the path it is given."""


def sample_inputs(names: tuple[str, ...], folder: Path) -> dict[str, Build]:
    """Return the archives of a folder, each also unpacked as ``NAME``."""

    def copy(name: str) -> Build:
        return lambda target: shutil.copyfile(folder / f"{name}.tar.gz", target)

    def unpack(name: str) -> Build:
        return lambda target: _unpack(folder / f"{name}.tar.gz", target)

    return {f"{name}.tar.gz": copy(name) for name in names} | {name: unpack(name) for name in names}


def generated_inputs() -> dict[str, Build]:
    """Return a run for each planted case and client, and for each variant; ``CASE-CLIENT``."""

    def planted(case: str, client: str) -> Build:
        return lambda target: _run(target, lambda folder: write_planted(folder, case, client))

    def variant(case: str) -> Build:
        def write(folder: Path) -> object:
            return write_run(folder, case=case, client=VARIANT_ERA, seed=4, images=3, layers_per_image=3, scale=0.3)

        return lambda target: _run(target, write)

    built = {f"{case}-{client}": planted(case, client) for case, client in PAIRS}
    return built | {f"{case}-{VARIANT_ERA}": variant(case) for case in VARIANTS}


def shaped_inputs() -> dict[str, Build]:
    """Return one generated run in the shapes of log tools, of archives, of rotated files, and in parts."""

    def wrapped(shape: str) -> Build:
        return lambda target: _wrap(_slow_run(target), shape, target)

    built: dict[str, Build] = {f"{shape}.txt": wrapped(shape) for shape in WRAPPED}
    return built | {
        "archive.tar.gz": lambda target: _tar(_slow_run(target), target),
        "archive.zip": lambda target: _zip(_slow_run(target), target),
        "rotated": lambda target: _rotate(_slow_run(target), target),
        "logs-only": lambda target: _select(_slow_run(target), target, r"\.log$"),
        "seeds-only": lambda target: _select(_slow_run(target), target, r"^seed-client-.*\.log$"),
        "scheduler-only": lambda target: _select(_slow_run(target), target, r"^scheduler-0/.*\.log$"),
        "jobs-only": lambda target: _select(_slow_run(target), target, r"^jobs\.json$"),
        "one-line.txt": lambda target: _error_lines(_slow_run(target), target, 1),
        "error-lines.txt": lambda target: _error_lines(_slow_run(target), target, 40),
    }


def fleet_inputs() -> dict[str, Build]:
    """Return fleets made of `COPIES` copies of a committed sample, hosts, ids and hours of their own in each."""

    def fleet(name: str) -> Build:
        return lambda target: write_fleet(SAMPLES / f"{name}.tar.gz", target)

    return {f"fleet-{era}": fleet(name) for era, name in (("v0.1.118", "article-v0.1.118"), ("v1.5.1", "slow-v1.5.1"))}


def values_inputs() -> dict[str, Build]:
    """Return the committed Helm values and component files."""

    def copy(path: Path) -> Build:
        return lambda target: shutil.copyfile(path, target)

    return {path.name: copy(path) for path in sorted(VALUES.glob("*.yaml"))}


def _run(target: Path, write: Callable[[Path], object]) -> None:
    folder = target.with_name(f"{target.name}.making")
    write(folder)
    (folder / "run").rename(target)
    shutil.rmtree(folder)


def _slow_run(target: Path) -> Path:
    """Return the run that the shapes are made of, written once a folder."""
    run = target.parent / "shape-source"
    if not run.exists():
        _run(run, lambda folder: write_planted(folder, "slow-source", "v1.5.1"))
    return run


def _files(run: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(run.rglob("*")):
        if path.is_file():
            yield path.relative_to(run).as_posix(), path


def _unpack(archive: Path, target: Path) -> None:
    for name, data in _members(archive):
        path = target / name.partition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()


def _wrap(run: Path, shape: str, target: Path) -> None:
    logs = {name.partition("/")[0]: path.read_bytes() for name, path in _files(run) if name.endswith("dfdaemon.log")}
    chosen = logs if shape in NAMING else {"seed-client-0": logs["seed-client-0"]}
    target.write_bytes(SHAPES[shape](chosen))


def _tar(run: Path, target: Path) -> None:
    with tarfile.open(target, "w:gz") as tar:
        for name, path in _files(run):
            tar.add(path, f"run/{name}")


def _zip(run: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, path in _files(run):
            made.write(path, f"run/{name}")


def _rotate(run: Path, target: Path) -> None:
    """Cut each log into three: the oldest third compressed, the newest in use."""
    for name, path in _files(run):
        to = target / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith(".log"):
            shutil.copyfile(path, to)
            continue
        lines = path.read_bytes().splitlines(keepends=True)
        third = len(lines) // 3
        to.with_name(f"{to.name}.2.gz").write_bytes(gzip.compress(b"".join(lines[:third]), mtime=0))
        to.with_name(f"{to.name}.1").write_bytes(b"".join(lines[third : 2 * third]))
        to.write_bytes(b"".join(lines[2 * third :]))


def _select(run: Path, target: Path, pattern: str) -> None:
    for name, path in _files(run):
        if re.search(pattern, name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _error_lines(run: Path, target: Path, most: int) -> None:
    found = [
        line
        for name, path in _files(run)
        if name.startswith("seed-client-") and name.endswith(".log")
        for line in path.read_bytes().splitlines(keepends=True)
        if b" ERROR download" in line
    ]
    target.write_bytes(b"".join(found[:most]))


_KEPT = re.compile(r"(dfdaemon\.log|core\.log|dfdaemon\.yaml|scheduler\.yaml)$")
_TOKEN = re.compile(
    rb"(?P<content>\btasks/[0-9a-f]{3}/[0-9a-f]{64}\b)"
    rb"|(?P<digest>\b[0-9a-f]{64}\b)"
    rb"|(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
    rb"|(?P<host>\b(?:seed-client|client|scheduler|manager)-\d+\b)"
    rb"|(?P<address>\b10\.78\.0\.(?!2\b)\d+\b)"
    rb"|(?P<time>\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"
)


def write_fleet(archive: Path, target: Path, copies: int = COPIES) -> None:
    """Write copies of a run, each with hosts, ids and hours of its own."""
    members = [(name.partition("/")[2], data) for name, data in _members(archive) if _KEPT.search(name)]
    for number in range(copies):
        renamed: dict[bytes, bytes] = {}
        for name, data in members:
            path = target / _copy(name.encode(), number, renamed).decode()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_copy(data, number, renamed))


def _copy(data: bytes, number: int, renamed: dict[bytes, bytes]) -> bytes:
    """Give copy `number` its own ids, hosts, addresses and hours; the first copy is the sample itself."""

    def replace(match: re.Match[bytes]) -> bytes:
        token = match[0]
        if token not in renamed:
            renamed[token] = _rename(str(match.lastgroup), token, number)
        return renamed[token]

    return _TOKEN.sub(replace, data) if number else data


def _rename(kind: str, token: bytes, number: int) -> bytes:
    if kind == "content":
        digest = _rename("digest", token[-64:], number)
        return b"tasks/" + digest[:3] + b"/" + digest
    if kind == "digest":
        return hashlib.sha256(token + b"/%d" % number).hexdigest().encode()
    if kind == "uuid":
        digits = hashlib.sha256(token + b"/%d" % number).hexdigest().encode()
        return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    if kind == "host":
        name, _, index = token.rpartition(b"-")
        return b"%s-%d" % (name, int(index) + 10 * number)
    if kind == "address":
        return b"10.%d.%d.%s" % (78 + number // 250, number % 250, token.rpartition(b".")[2])
    text = token.decode()
    moment = datetime.fromisoformat(text) + timedelta(hours=number, minutes=number)
    return moment.isoformat(sep=text[10], timespec="seconds").encode()
