"""The same input gives the same bytes, whatever the order of files, the hash seed, the locale and the number of cores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from reading_cases import generated

ROOT = Path(__file__).parent.parent
SCRIPT = """
import os, sys
from pathlib import Path
if os.environ.get("ONE_CORE") and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from dfly_analysis.cli import main
from click.testing import CliRunner
output, *files = sys.argv[1:]
runner = CliRunner()
runner.invoke(main, ["load", *files, "-o", f"{output}/tables"], catch_exceptions=False)
for command in ("diagnose", "recommend"):
    said = runner.invoke(main, [command, *files, "--format", "json"], catch_exceptions=False)
    Path(output, f"{command}.json").write_text(said.stdout)
"""


def _written(output: Path, files: list[str], **environment: str) -> dict[str, bytes]:
    output.mkdir()
    own = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    subprocess.run([sys.executable, "-c", SCRIPT, str(output), *files], env=own, check=True, capture_output=True)
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    """Of tables and JSON."""
    run, _ = generated("slow-source", "v1.5.1", images=1)
    files = sorted(str(path) for path in run.rglob("*") if path.is_file())
    one = _written(tmp_path / "a", files, PYTHONHASHSEED="1", LC_ALL="C", ONE_CORE="1")
    other = _written(tmp_path / "b", files[::-1], PYTHONHASHSEED="77", LC_ALL="tr_TR.UTF-8")
    assert {"diagnose.json", "recommend.json", "tables/pieces.parquet"} <= set(one)
    assert b'"primary_cause"' in one["diagnose.json"]
    assert b'"recommendations"' in one["recommend.json"]
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []
