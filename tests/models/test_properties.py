"""Properties the fits must have for any data."""

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.models import fit_duration, wilson

MIB = 2**20
SEEDS = st.integers(min_value=0, max_value=10_000)
FEW = settings(max_examples=examples(12), deadline=None)


def _pieces(seed, n=200, limit=8.0):
    source = np.random.default_rng(seed)
    size = source.choice([4 * MIB, 16 * MIB], n)
    duration = size / (4 * MIB) * np.exp(0.5 * source.standard_normal(n))
    return pd.DataFrame({
        "size_bytes": size,
        "duration_s": np.minimum(duration, limit),
        "outcome": np.where(duration <= limit, "ok", "timeout"),
        "timeout_s": limit,
    })  # fmt: skip


@FEW
@given(seed=SEEDS, factor=st.sampled_from([0.25, 0.1, 3.0, 1000.0]))
def test_scaling_all_times_scales_every_quantile(seed, factor):
    """Milliseconds or seconds: the answer is the same time."""
    pieces = _pieces(seed)
    scaled = pieces.assign(duration_s=pieces["duration_s"] * factor, timeout_s=pieces["timeout_s"] * factor)
    one = fit_duration(pieces, distribution="lognormal").quantile(16 * MIB, 0.99)
    other = fit_duration(scaled, distribution="lognormal").quantile(16 * MIB, 0.99)
    for edge in ("value", "low", "high"):
        assert getattr(other, edge) == pytest.approx(getattr(one, edge) * factor, rel=5e-3)


@FEW
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_matter(seed):
    """A fit sees a set of attempts, not a sequence."""
    pieces = _pieces(seed)
    shuffled = pieces.sample(frac=1.0, random_state=seed)
    one, other = (
        fit_duration(frame, distribution="weibull").quantile(4 * MIB, 0.9).value for frame in (pieces, shuffled)
    )
    assert other == pytest.approx(one, rel=1e-3)


@FEW
@given(seed=SEEDS, p=st.floats(0.05, 0.999))
def test_quantile_and_timeout_rate_are_inverses(seed, p):
    """The share cut by a timeout at the p-quantile is 1 - p."""
    fit = fit_duration(_pieces(seed))
    time = fit.quantile(16 * MIB, p).value
    assert fit.timeout_rate(16 * MIB, time).value == pytest.approx(1 - p, rel=1e-3, abs=1e-6)


@FEW
@given(seed=SEEDS)
def test_more_censored_attempts_make_the_fit_slower(seed):
    """Turning finished attempts into ones that were cut at the same moment never speeds up the distribution."""
    pieces = _pieces(seed)
    later = pieces.assign(outcome=pieces["outcome"].mask(np.arange(len(pieces)) % 5 == 0, "cancelled"))
    one, other = (
        fit_duration(frame, distribution="lognormal").quantile(4 * MIB, 0.9).value for frame in (pieces, later)
    )
    assert other >= one


@FEW
@given(seed=SEEDS, level=st.sampled_from([0.5, 0.8, 0.99]))
def test_a_higher_level_is_a_wider_interval(seed, level):
    """Intervals of a higher level hold those of a lower one."""
    fit = fit_duration(_pieces(seed), distribution="lognormal")
    inner, outer = fit.quantile(16 * MIB, 0.99, level=level), fit.quantile(16 * MIB, 0.99, level=0.995)
    assert outer.low <= inner.low <= inner.value <= inner.high <= outer.high


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_wilson_holds_the_share_and_stays_a_share(n, share):
    """Low, value and high are ordered and between 0 and 1."""
    found = wilson(round(share * n), n)
    assert 0 <= found.low <= found.value <= found.high <= 1
