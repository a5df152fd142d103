"""The command facts."""

from __future__ import annotations

import json

from cli.cases import invoke


def test_facts_tell_the_value_at_a_release_and_what_changed():
    """A short name is enough; the value of v0.1.118 and of the chart that ships it; what changed up to v1.5.1."""
    rows = json.loads(invoke("facts", "pieceTimeout", "--at", "v0.1.118", "--format", "json").stdout)["facts"]
    of_seed = {
        row["layer"]: row["value"] for row in rows if row["helm_path"] == "seedClient.config.download.pieceTimeout"
    }
    assert of_seed == {"binary": "60s", "chart": "30s"}
    changed = json.loads(
        invoke("facts", "download.pieceTimeout", "--diff", "v0.1.118", "v1.5.1", "--format", "json").stdout
    )
    assert {(row["before"], row["after"]) for row in changed["facts"] if row["layer"] == "binary"} == {("60s", "360s")}
    same = invoke("facts", "download.pieceTimeout", "--diff", "v1.5.0", "v1.5.1")
    assert same.exit_code == 0
    assert "no difference" in same.stdout or "False" in same.stdout


def test_facts_list_the_known_releases_and_until_when():
    """A row for each numbering line, with the newest release and its day; `--version` names the same."""
    rows = json.loads(invoke("facts", "--releases", "--format", "json").stdout)["releases"]
    newest = {row["line"]: (row["newest"], row["newest_date"]) for row in rows}
    assert newest["client"] >= ("v1.5.10", "2026-10-23")
    told = invoke("--version").stdout
    assert all(f"{line} {release} ({day})" in told for line, (release, day) in newest.items())
    assert invoke("facts", "pieceTimeout", "--releases").exit_code == 2
