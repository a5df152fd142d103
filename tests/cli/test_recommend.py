"""The command recommend."""

from __future__ import annotations

import yaml

from cli.cases import invoke


def test_recommend_shows_a_card_for_each_setting(run, tmp_path):
    """Key, value in force and proposal on one line; reasons, interval and check below; lines fit the terminal."""
    done = invoke("recommend", run, "--size", "300MiB", "--overlay", tmp_path / "overlay.yaml")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    head = next(line for line in lines if line.startswith("seedClient.config.download.pieceTimeout: "))
    assert " -> " in head
    at = lines.index(head)
    assert lines[at + 1].startswith("  needed   ")
    assert "confidence" in lines[at + 1]
    assert any(line.startswith("  check    ") for line in lines)
    assert f"Helm values: {tmp_path / 'overlay.yaml'}" in done.stdout
    assert [line for line in lines if len(line) > 100 and "/" not in line] == []
    assert (
        "pieceTimeout"
        in yaml.safe_load((tmp_path / "overlay.yaml").read_text("utf-8"))["seedClient"]["config"]["download"]
    )
