"""Where sources come from: published crates, a tag of a clone, or a folder; each a mapping from path to content."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

Sources = Mapping[str, bytes]
CRATES = tuple(f"dragonfly-client{end}" for end in ("", "-config", "-metric", "-storage", "-util", "-core", "-backend"))
ENDINGS = (".rs", ".go", ".yaml")
_SKIPPED = ("/testdata/", "/tests/", "/benches/", "/mocks/", "/test/", "/examples/", "_test.go", "_mock.go")


class NoSourcesError(Exception):
    """The sources are not there: what is missing, and how to get it."""


def from_crates(version: str, cargo_home: Path) -> Sources:
    """Return the crates of a release of the client, downloaded by ``cargo`` where `cargo_home` does not hold them."""
    found: dict[str, bytes] = {}
    for crate in CRATES:
        name = f"{crate}-{version}.crate"
        packed = next(iter(cargo_home.glob(f"registry/cache/*/{name}")), None) or _download(
            crate, version, cargo_home, name
        )
        with tarfile.open(packed) as archive:
            found |= _members(archive, f"{crate}-{version}", crate)
    return found


def _download(crate: str, version: str, cargo_home: Path, name: str) -> Path:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise NoSourcesError(
            f"{name} is not in {cargo_home}, and there is no cargo; install Rust, or give a source tree with --source"
        )
    told = subprocess.run(  # noqa: S603 - cargo and the name of a crate
        [cargo, "info", "--quiet", f"{crate}@{version}"], env=os.environ | {"CARGO_HOME": str(cargo_home)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    packed = next(iter(cargo_home.glob(f"registry/cache/*/{name}")), None)
    if packed is None:
        raise NoSourcesError(f"cargo does not find {crate} {version}: {told.stderr.strip() or 'no such release'}")
    return packed


def from_clone(repository: Path, tag: str) -> Sources:
    """Return the sources of a tag of a clone, or of a bare repository."""
    git = shutil.which("git") or "git"
    packed = subprocess.run([git, "-C", str(repository), "archive", tag], capture_output=True, check=False)  # noqa: S603 - git and a tag
    if packed.returncode:
        raise NoSourcesError(
            f"{repository} has no {tag}: {packed.stderr.decode().strip()}; run `git fetch --tags` there"
        )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        return _members(archive, "", "")


def from_folder(folder: Path) -> Sources:
    """Return the sources below a folder."""
    if not folder.is_dir():
        raise NoSourcesError(f"{folder} is no folder; give the root of a source tree")
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {name: path.read_bytes() for path in paths if _wanted(name := path.relative_to(folder).as_posix())}


def of_clones(clones: Iterable[Path], tag: str) -> Sources:
    """Return the sources of a tag of the first clone that has it."""
    reasons = []
    for clone in clones:
        try:
            return from_clone(clone, tag)
        except NoSourcesError as problem:
            reasons.append(str(problem))
    raise NoSourcesError("; ".join(reasons) or "no clone is given")


def _members(archive: tarfile.TarFile, prefix: str, name: str) -> dict[str, bytes]:
    found = {}
    for member in archive:
        path = member.name.removeprefix(prefix).strip("/")
        path = f"{name}/{path}" if name else path
        if member.isfile() and _wanted(path) and (content := archive.extractfile(member)) is not None:
            found[path] = content.read()
    return found


def _wanted(path: str) -> bool:
    return path.endswith(ENDINGS) and not any(part in f"/{path}" for part in _SKIPPED)
