"""The command explain."""

from __future__ import annotations

import json

import pytest

from cli.cases import invoke


def test_explain_knows_every_finding(run):
    """Whatever `diagnose` prints can be explained, checks too."""
    for one in json.loads(invoke("diagnose", run, "--format", "json").stdout)["findings"]:
        done = invoke("explain", one["id"])
        assert done.exit_code == 0
        assert "what to do" in done.stdout


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("2026-11-29T06:51:16Z  WARN get_speed: src/sysinfo/network.rs:64: can not get speed, network interface eth0 with bandwidth 1 bps", "host_figures"),
        ('{"level":"warn","caller":"a.go:7","msg":"manager:seed_peers:7 cache miss because of key is missing"}', "cache_misses"),
        ("scheduler 10.1.0.3:8002 is not serving: 2", "scheduler_addresses"),
    ],
)  # fmt: skip
def test_explain_knows_statements_that_no_failure_writes(line, name):
    """A line of a client or a service that is not a signature is known by name, with what it says."""
    facts = invoke("explain", line).stdout
    assert name in facts
    assert "what it says" in facts
