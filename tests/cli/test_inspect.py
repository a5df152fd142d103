"""The command inspect."""

from __future__ import annotations

import json
from pathlib import Path

from cli.cases import LOG, invoke


def test_inspect_says_what_each_file_was_taken_for(run, tmp_path):
    """Kinds and lines of all files; bytes and prose are named, not refused."""
    (tmp_path / "core").write_bytes(b"\x7fELF\x00\x00\x01" * 10)
    (tmp_path / "notes.txt").write_text("hello\n", "utf-8")
    rows = json.loads(invoke("inspect", run, tmp_path, "--format", "json").stdout)["files"]
    kinds = {Path(row["path"]).name: row["kind"] for row in rows}
    assert kinds["dfdaemon.log"] == "log"
    assert kinds["jobs.json"] == "jobs"
    assert kinds["dfdaemon.yaml"] == "configuration"
    assert (kinds["core"], kinds["notes.txt"]) == ("foreign", "foreign")
    (log,) = [row for row in rows if row["path"].endswith("seed-client-0/dfdaemon/dfdaemon.log")]
    assert log["detection_reason"].startswith("client-compact: ")
    assert log["detection_reason"].endswith("lines begin a record")
    shown = invoke("inspect", run).stdout.splitlines()
    assert shown[0].startswith(f"{len(rows) - 2} files: ")
    assert shown[1] == f"under {run}/"


def test_inspect_says_why_and_the_user_overrides(tmp_path):
    """Wrapper and format with the count behind them; --log-format is taken instead, by every command that reads logs."""
    path = tmp_path / "x.log"
    path.write_text("".join(f"2026-05-02T10:00:0{n}.1Z stdout F {LOG}" for n in range(3)), "utf-8")
    (row,) = json.loads(invoke("inspect", path, "--format", "json").stdout)["files"]
    assert row["format"] == "client-compact"
    assert "around client-compact: 3 of the first 3 lines begin a record" in row["detection_reason"]
    assert row["detection_reason"] in invoke("inspect", path).stdout.replace("\n", " ")
    (row,) = json.loads(invoke("inspect", path, "--log-format", "zap-console", "--format", "json").stdout)["files"]
    assert row["detection_reason"].startswith("zap-console, as requested; detected: ")
    for name in ("inspect", "diagnose", "fit", "recommend", "load"):
        output = ("-o", tmp_path / "out") if name == "load" else ()
        done = invoke(name, path, "--log-format", "client-compcat", *output)
        assert done.exit_code == 2
        assert "client-compact" in done.stderr
    refused = invoke("load", path, "--format", "client-compact", "-o", tmp_path / "out")
    assert (refused.exit_code, "--log-format" in refused.stderr) == (2, True)
    assert invoke("load", path, "--log-format", "client-compact", "-o", tmp_path / "out").exit_code == 0
    wrong = invoke("inspect", path, "--format", "client-compact")
    assert wrong.exit_code == 2
    assert "--log-format" in wrong.stderr
