"""The command sample."""

from __future__ import annotations

import json
from pathlib import Path

from cli.cases import invoke


def test_sample_writes_a_run_that_can_be_diagnosed(tmp_path):
    """The paths printed exist; the truth lies beside the run, not in it."""
    done = invoke("sample", tmp_path / "made", "--case", "token-expired", "--client", "v1.5.1", "--seed", "3")
    made, truth = done.stdout.split()
    assert done.exit_code == 0
    assert json.loads(Path(truth).read_text("utf-8"))["primary_cause"] == "auth"
    assert json.loads(invoke("diagnose", made, "--format", "json").stdout)["primary_cause"] == "auth"
