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


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (("--client", "v1.5.10"), "seedClient: 8 (client v1.5.10 (binary))"), (("--client", "v1.5.3"), "seedClient v1.5.3 does not read this key"),
        (("--client", "v1.99.0"), "8 (client v1.99.0 (read as v1.5.10"), (("--chart", "1.99.0"), "is not known to read this key"),
    ],
)  # fmt: skip
def test_a_setting_is_explained_with_its_value_in_the_release_named(release, words):
    """What is in force there and who sets it; of a release that is not known, nothing is said not to be read."""
    done = invoke("explain", "download.backToSourceConcurrentPieceCount", *release, "--format", "json")
    assert words in json.loads(done.stdout)["in force"]
