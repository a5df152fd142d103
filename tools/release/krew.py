"""The plugin of kubectl, ``kubectl dfly``, as krew installs it."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import yaml

from tools.release.sbom import digest

PLUGIN = "kubectl-dfly"


def write_plugin(program: Path, version: str, url: str, output: Path) -> None:
    """Write an archive of the single-file program and the manifest that names it."""
    archive = output / f"{PLUGIN}-{version}-linux-amd64.tar.gz"
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    with archive.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=moment) as packed, tarfile.open(fileobj=packed, mode="w") as tar:  # fmt: skip
        for path, name, mode in ((program, PLUGIN, 0o755), (Path("LICENSE"), "LICENSE", 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = path.stat().st_size, mode, moment
            with path.open("rb") as content:
                tar.addfile(entry, content)
    manifest = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "dfly"},
        "spec": {
            "version": f"v{version}",
            "homepage": url.partition("/releases/")[0],
            "shortDescription": "Find out why a Dragonfly preheat failed",
            "description": "Reads the logs of a Dragonfly (d7y) installation and says why the preheat of a large image failed,\n"
            "which settings to change, and what they would do. `kubectl dfly collect -n NAMESPACE -o bundle.tar.gz`\n"
            "collects the input through kubectl, read-only and redacted.\n",
            "caveats": f"Needs {_python(program)} on the PATH. Pages, notebooks and figures need the Python package.\n",
            "platforms": [
                {
                    "selector": {"matchLabels": {"os": "linux", "arch": "amd64"}},
                    "uri": f"{url}/{archive.name}",
                    "sha256": digest(archive),
                    "bin": PLUGIN,
                    "files": [{"from": PLUGIN, "to": "."}, {"from": "LICENSE", "to": "."}],
                }
            ],
        },
    }
    (output / "dfly.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")


def _python(program: Path) -> str:
    short = next(part for part in program.name.split("-") if part.startswith("cp3"))
    return f"Python 3.{short.removeprefix('cp3')}"
