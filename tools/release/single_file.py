"""The program as one executable file with its libraries, for hosts that have Python and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags

_PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64")  # fmt: skip


def write_single_file(python: str, lock: Path, wheel: Path, work: Path, output: Path) -> Path:
    """Download the wheels of the lock for a Python such as ``3.13``, and write them with ours as one PEX file.

    PEX unpacks it to its cache at the first start.
    """
    short = f"cp{python.replace('.', '')}"
    folder, requirements = work / short, work / f"{short}.txt"
    requirements.write_text("".join(_for_python(lock, python)), "utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
    ]
    target = [
        "--python-version",
        python,
        "--implementation",
        "cp",
        *(f"--abi={abi}" for abi in (short, "abi3", "none")),
    ]
    platforms = [f"--platform={name}" for name in (*_PLATFORMS, "any")]
    subprocess.run([*pip, *target, *platforms, "-r", str(requirements), "-d", str(folder)], check=True)  # noqa: S603
    wheels = sorted(str(path) for path in [*folder.glob("*.whl"), wheel])
    program = output / f"{'-'.join(wheel.name.replace('_', '-', 1).split('-')[:3])}-{short}-linux-x86_64.pex"
    pex = [sys.executable, "-m", "pex", "--no-pypi", "--find-links", str(folder), "--venv", "--script", "dfly-analysis"]
    (work / f"{short}.json").write_text(json.dumps(_platform(python)), "utf-8")
    named = ["--complete-platform", str(work / f"{short}.json"), "--python-shebang", f"/usr/bin/env python{python}"]
    subprocess.run([*pex, *named, "--output-file", str(program), *wheels], check=True)  # noqa: S603
    return program


def _platform(python: str) -> dict[str, Any]:
    """Describe Linux with a Python to PEX: what markers of requirements see, and which wheels fit."""
    major, minor = (int(part) for part in python.split("."))
    tags = [*cpython_tags((major, minor), platforms=_PLATFORMS), *compatible_tags((major, minor), platforms=_PLATFORMS)]
    return {"marker_environment": _markers(python), "compatible_tags": [str(tag) for tag in tags]}


def _markers(python: str) -> dict[str, str]:
    variables = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
    }
    return {name: str(value) for name, value in default_environment().items()} | variables


def _for_python(lock: Path, python: str) -> list[str]:
    """Return the entries of a lock that hold for a Python: pip would decide by the one that runs it."""
    environment = _markers(python) | {"extra": ""}
    entries = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    kept = []
    for entry in filter(str.strip, entries):
        pin, _, hashes = entry.partition(" --hash=")
        marker = Requirement(pin.strip()).marker
        if marker is None or marker.evaluate(environment):
            kept.append(f"{pin.partition(';')[0].strip()} --hash={hashes}\n")
    return kept
