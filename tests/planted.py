"""Synthetic runs small enough to load in half a second, each troubled enough to fail at least one task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.synthetic import CASES, CLIENTS, Truth, write_run

# Chances raised above those of the default cases, so that small layers meet the trouble too.
_STRONGER = {
    "slow-source": {"piece_timeout_s": 4.2},
    "mixture": {"piece_timeout_s": 4.5},
    "write-timeout": {"write_timeout_s": 4.2},
    "stalls": {"piece_timeout_s": 5.0},
}
_STRONGER_ORIGIN = {
    "resets": {"reset_per_s": 0.25},
    "truncated": {"truncated_share": 0.25},
    "stalls": {"stall_share": 0.5, "stall_mean_s": 30.0},
    "mixture": {"reset_per_s": 0.04},
}
# Small layers are handed out in the moment of a kill, before their seed has written a line about them.
_SCALE = {"killed": 1.0}
# The one layer of 20 GiB has a test of its own in test_synth: its lines are many.
PAIRS = [
    (name, client) for client in CLIENTS for name, case in CASES.items() if client in case.clients and name != "twenty"
]


def write_planted(directory: Path, case: str, client: str, seed: int = 4) -> Truth:
    """Write a run of three images with three layers each and return its truth; ``directory/run`` is the input."""
    planted = CASES[case]
    origin = replace(planted.origin, **_STRONGER_ORIGIN.get(case, {}))
    stronger = replace(planted, origin=origin, **_STRONGER.get(case, {}))
    return write_run(
        directory, case=stronger, client=client, seed=seed, images=3, layers_per_image=3, scale=_SCALE.get(case, 0.3)
    )
