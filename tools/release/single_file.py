"""The program as one executable file with its libraries, for hosts that have Python and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

PLATFORM = "manylinux_2_28_x86_64"
_PLATFORMS = (PLATFORM, *(f"manylinux_2_{minor}_x86_64" for minor in (27, 26, 24, 17, 12, 5)), "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64")  # fmt: skip


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
    named = ["--platform", f"{PLATFORM}-cp-{python}.0-{short}", "--python-shebang", f"/usr/bin/env python{python}"]
    subprocess.run([*pex, *named, "--output-file", str(program), *wheels], check=True)  # noqa: S603
    return program


def _for_python(lock: Path, python: str) -> list[str]:
    """Return the entries of a lock that hold for a Python: pip would decide by the one that runs it."""
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    entries = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    kept = []
    for entry in filter(str.strip, entries):
        pin, _, hashes = entry.partition(" --hash=")
        marker = Requirement(pin.strip()).marker
        if marker is None or marker.evaluate({name: str(value) for name, value in environment.items()}):
            kept.append(f"{pin.partition(';')[0].strip()} --hash={hashes}\n")
    return kept
