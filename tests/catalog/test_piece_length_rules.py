"""Rules of a piece by release: its length, and how often it is tried."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_rules
from dfly_analysis.catalog.releases import (
    releases,
)

GiB, MiB = 1024**3, 1024**2
CLIENTS = releases("client")


@pytest.mark.parametrize(
    ("size_bytes", "version", "length_mib", "count"),
    [
        (20 * GiB, "v0.1.97", 4, 5120), (20 * 10**9, "v0.1.98", 16, 1193), (20 * 10**9, "v0.2.25", 16, 1193),
        (20 * 10**9, "v0.2.26", 64, 299), (20 * GiB, "v1.5.1", 64, 320), (4 * 10**9, "v1.0.26", 8, 477),
        (10 * 10**9, "v1.0.26", 32, 299), (500 * 4 * MiB, "v1.5.1", 4, 500), (500 * 4 * MiB + 500, "v1.5.1", 8, 251),
        (1, "v1.5.1", 4, 1),
    ],
)  # fmt: skip
def test_piece_length_steps(size_bytes, version, length_mib, count):
    """Pieces are powers of two that depend on the layer and the client's release."""
    assert piece_length_bytes(size_bytes, version) == length_mib * MiB
    assert math.ceil(size_bytes / piece_length_bytes(size_bytes, version)) == count


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.sampled_from(CLIENTS))
def test_piece_length_is_a_power_of_two_growing_with_the_layer(one, other, version):
    """A larger layer never has shorter pieces, and a length lies between 4 and 64 MiB."""
    small, large = (piece_length_bytes(size, version) for size in sorted((one, other)))
    assert small <= large
    assert small & (small - 1) == 0
    assert 4 * MiB <= small <= large <= 64 * MiB


def test_attempts_and_siblings_by_release():
    """Retries before the body went 0, 3, 1; siblings are cancelled up to v0.1.96 and from v1.0.18; without a release the newest counts."""
    releases = ("v0.1.118", "v0.1.120", "v0.2.27", None)
    assert [piece_rules(one).retries_before_body for one in releases] == [0, 3, 1, 1]
    assert {piece_rules(one).passes for one in releases} == {2}
    assert piece_rules("v0.1.96").siblings_cancelled
    assert not piece_rules("v0.1.97").siblings_cancelled
    assert not piece_rules("v1.0.17").siblings_cancelled
    assert piece_rules("v1.0.18").siblings_cancelled
    assert piece_rules().siblings_cancelled
    at_once = ("v0.1.38", "v0.1.39", "v0.1.89", "v0.1.90", "v1.0.17", "v1.0.18")
    assert [piece_rules(one).noticed_at_once for one in at_once] == [True, False, False, True, True, False]
