"""The command explain."""

from __future__ import annotations

import json

from cli.cases import invoke


def test_explain_knows_every_finding(run):
    """Whatever `diagnose` prints can be explained, checks too."""
    for one in json.loads(invoke("diagnose", run, "--format", "json").stdout)["findings"]:
        done = invoke("explain", one["id"])
        assert done.exit_code == 0
        assert "what to do" in done.stdout
