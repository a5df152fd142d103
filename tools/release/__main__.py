"""Makes the artifacts of a release from its tag: ``python -m tools.release --help``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tools.release.krew import write_plugin
from tools.release.sbom import digest, licences, provenance, read_environment, sboms
from tools.release.single_file import write_single_file

WORK = Path("build/release")
TARGETS = {
    "manylinux_2_28_x86_64": "x86_64-linux-gnu.2.28",
    "manylinux_2_28_aarch64": "aarch64-linux-gnu.2.28",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
    "macosx_11_0_x86_64": "x86_64-macos.11.0",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
}
"""Platform of a wheel -> target of the compiler, which builds for all of them on any machine."""
CFLAGS = "-g0 -s -fno-lto"
MACOS_CFLAGS = f"{CFLAGS} -Wl,-install_name,@rpath/_core.so"
"""No path of a file in the library, which would differ between two builds."""


@click.command()
@click.option("--tag", help="Tag to release.  [default: the tag of HEAD]")
@click.option("--url", default="https://github.com/OWNER/dfly-analysis/releases/download", show_default=True, help="Where the artifacts of all tags will be downloaded from.")  # fmt: skip
@click.option("--python", "pythons", multiple=True, default=("3.11", "3.13"), show_default=True, help="Python of a single-file program; the plugin for krew takes the first.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("dist"), show_default=True)
def main(tag: str | None, url: str, pythons: Sequence[str], output: Path) -> None:
    """Build sdist, wheels, single-file programs and kubectl plugin, with SBOM, licences, provenance and checksums.

    Two runs with the same Python, from any two clones, write the same bytes.
    """
    tag = tag or _ask(
        "git", "describe", "--tags", "--exact-match", otherwise="HEAD has no tag (git tag v1.0.0, or give --tag)"
    )
    epoch = _ask("git", "log", "-1", "--format=%ct", tag, otherwise=f"there is no tag {tag}")
    os.umask(0o022)
    os.environ |= {
        "SOURCE_DATE_EPOCH": epoch,
        "PYTHONHASHSEED": "0",
        "ZIG_GLOBAL_CACHE_DIR": str((WORK / "zig").absolute()),
    }
    os.environ.pop("PYTHONPATH", None)
    for folder in (WORK, output):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    sources = _export(tag)
    (sdist,) = _build(sources, "sdist", output, {})
    version = sdist.name.removesuffix(".tar.gz").rpartition("-")[2]
    if tag != f"v{version}":
        raise click.ClickException(
            f"the tag {tag} is not that of version {version} (change the version in pyproject.toml)"
        )
    shutil.unpack_archive(sdist, WORK)
    wheels = _wheels(WORK / f"dfly_analysis-{version}", output)
    locks = sources / "lock"
    environment = read_environment(WORK / "env", locks, wheels["any"])
    programs = [
        write_single_file(python, locks / "core.txt", wheels[f"manylinux_2_28_{_machine()}"], WORK, output)
        for python in pythons
    ]
    write_plugin(programs[0], version, f"{url}/{tag}", output)
    for name, text in sboms(sorted(output.iterdir()), version, environment).items():
        (output / name).write_text(text, "utf-8")
    (output / "LICENSES.md").write_text(licences(environment), "utf-8")
    commit = _ask("git", "rev-list", "-1", tag, otherwise=f"there is no tag {tag}")
    (output / "provenance.json").write_text(provenance(sorted(output.iterdir()), tag, commit, locks), "utf-8")
    sums = [f"{digest(path)}  {path.name}\n" for path in sorted(output.iterdir())]
    (output / "SHA256SUMS").write_text("".join(sums), "ascii")
    click.echo(str(output / "SHA256SUMS"))


def _ask(*command: str, otherwise: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git, with the developer's tag
    if done.returncode:
        raise click.ClickException(otherwise)
    return done.stdout.strip()


def _machine() -> str:
    return os.uname().machine


def _export(tag: str) -> Path:
    """Write what git holds under a tag, whatever lies in the checkout."""
    folder, archive = WORK / "tag", WORK / "tag.zip"
    subprocess.run(["git", "archive", "--format=zip", "-o", archive, tag], check=True)  # noqa: S603, S607
    shutil.unpack_archive(archive, folder)
    return folder


def _build(sources: Path, kind: str, output: Path, variables: Mapping[str, str]) -> list[Path]:
    before = set(output.iterdir())
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(output.absolute())]
    done = subprocess.run(command, cwd=sources, env=os.environ | variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{kind} {variables}: {done.stderr.strip()[-2000:]}")
    return sorted(set(output.iterdir()) - before)


def _wheels(sources: Path, output: Path) -> dict[str, Path]:
    """Build the pure wheel and one for each platform, from the unpacked sdist."""
    (pure,) = _build(sources, "wheel", output, {"DFLY_ANALYSIS_COMPILE": "no"})
    found = {"any": pure}
    for platform, target in TARGETS.items():
        variables = {
            "DFLY_ANALYSIS_COMPILE": "must", "DFLY_ANALYSIS_PLATFORM": platform,
            "CC": f"{sys.executable} -m ziglang cc -target {target}", "CFLAGS": MACOS_CFLAGS if platform.startswith("macos") else CFLAGS,
        }  # fmt: skip
        click.echo(platform, err=True)
        (found[platform],) = _build(sources, "wheel", output, variables)
    return found


if __name__ == "__main__":
    main()
