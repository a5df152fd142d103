"""Frames to judge a fit by."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.models import (
    DurationFit,
    check_fit,
    fit_duration,
)

MIB = 2**20


def _pieces(seed=1, n=1500, sizes=(4, 16, 64), limit=30.0, reset_per_s=0.003, spread=0.5):
    source = np.random.default_rng(seed)
    size = source.choice(np.array(sizes) * MIB, n)
    duration = size / (3.0 * MIB) * np.exp(spread * source.standard_normal(n))
    reset = source.exponential(1 / reset_per_s, n)
    seen = np.minimum(np.minimum(duration, reset), limit)
    outcome = np.where(duration <= seen, "ok", np.where(reset < limit, "reset", "timeout"))
    return pd.DataFrame({"size_bytes": size, "duration_s": seen, "outcome": outcome, "timeout_s": limit})


@pytest.fixture(scope="module")
def fit():
    """A log-normal distribution with resets, cut at 30 s."""
    made = fit_duration(_pieces())
    assert isinstance(made, DurationFit)
    return made


def test_checks_of_a_good_fit(fit):
    """Cox and Snell's residuals have mean 1, and the probabilities lie on a line."""
    checks = check_fit(fit)
    residual = checks.residuals
    assert (residual["weight"] * residual["residual"]).sum() / residual["weight"][
        residual["finished"]
    ].sum() == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(checks.probability["model_z"], checks.probability["observed_z"])[0, 1] > 0.995
    assert not len(checks.hosts)


def test_a_slow_host_stands_out_with_its_influence():
    """Without the one host of eight that is three times slower the 99 % quantile would be lower; it leads the table."""
    pieces = _pieces(seed=8, n=1600, sizes=(4,), limit=60.0)
    host = np.arange(len(pieces)) % 8
    slow = host == 5
    pieces.loc[slow, "duration_s"] *= 3.0
    hosts = check_fit(fit_duration(pieces.assign(host=[f"seed-{code}" for code in host]))).hosts
    assert hosts.iloc[0]["host"] == "seed-5"
    assert hosts.iloc[0]["high"] < 0.7
    assert hosts.iloc[0]["shift_q99"] == hosts["shift_q99"].min() < 0.95
    assert hosts["n"].sum() == len(pieces)
