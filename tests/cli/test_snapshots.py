"""Help and tables of the commands as a reviewer reads them, kept in tests/cli/snapshots.

``python tests/cli/test_snapshots.py`` records them again; `git diff` then shows what changed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dfly_analysis.cli import main
from dfly_analysis.cli.main import SUMMARIES

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(__file__).resolve().parent / "snapshots"
WIDTH = "100"
SAMPLE = "data/samples/article-v0.1.118.tar.gz"
SLOW = "data/samples/slow-v1.5.1.tar.gz"
VALUES = "seedClient:\n  config:\n    download:\n      pieceDownloadTimeout: 600s\n"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "layers": [
            {"digest": f"sha256:{64 * letter}", "size": size, "mediaType": LAYER}
            for letter, size in (("a", 20 * 2**30), ("b", 100 * 2**20))
        ],
    }
)
CALLS: dict[str, tuple[list[str], str | None]] = {
    "help": (["--help"], None),
    **{f"help-{name}": ([name, "--help"], None) for name in SUMMARIES},
    "diagnose": (["diagnose", SAMPLE], None),
    "fit": (["fit", SAMPLE], None),
    "recommend": (["recommend", SAMPLE, "--size", "20GiB"], None),
    "whatif": (["whatif", SAMPLE, "--set", "download.pieceTimeout=120s"], None),
    "compare": (["compare", SAMPLE, SLOW], None),
    "inspect": (["inspect", SAMPLE], None),
    "check-config": (["check-config", "-", "--chart", "1.7.4", "--size", "20GiB", "--bandwidth", "10MB/s"], VALUES),
    "plan-preheat": (["plan-preheat", "-", "--image", "registry.example/ml/train:v1", "--bandwidth", "100MB/s", "--chart", "1.7.4"], MANIFEST),
    "plan-stress": (["plan-stress", "--size", "1GiB", "--timeout", "60s", "--concurrency", "4"], None),
    "facts": (["facts", "download.pieceTimeout"], None),
    "facts-diff": (["facts", "--diff", "1.3.25", "1.3.26"], None),
    "explain": (["explain", "disk_full"], None),
}  # fmt: skip


def output_of(name: str) -> str:
    """Return what a call prints: stdout, then stderr under a line of its own."""
    arguments, given = CALLS[name]
    done = CliRunner().invoke(main, arguments, input=given, env={"COLUMNS": WIDTH}, prog_name="dfly-analysis")
    messages = f"--- stderr\n{done.stderr}" if done.stderr else ""
    return f"$ dfly-analysis {' '.join(arguments)}\n{done.stdout}{messages}--- exit code {done.exit_code}\n"


@pytest.mark.parametrize("name", CALLS)
def test_output_is_as_recorded(name, monkeypatch):
    """Every help, and the main tables on the committed sample."""
    monkeypatch.chdir(ROOT)
    assert output_of(name) == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_snapshot_has_a_call():
    """No file is left of a command that went."""
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(CALLS)


if __name__ == "__main__":
    os.chdir(ROOT)
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    for name in CALLS:
        (FOLDER / f"{name}.txt").write_text(output_of(name), "utf-8")
