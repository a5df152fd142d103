"""How attempts end under a timeout they did not run with."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.models import (
    DurationFit,
    fit_duration,
)
from dfly_analysis.models.competing_risks import Incidence

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


def test_endings_add_up_under_any_timeout(fit):
    """Cumulative incidences and the share that finishes add up to one, at the timeout in force and at others."""
    for timeout in (5.0, 30.0, 300.0):
        shares = fit.incidence(64 * MIB, timeout)
        assert sum(one.value for one in shares.values()) == pytest.approx(1.0, abs=1e-6)
        failing = fit.failure_rate(64 * MIB, timeout).value
        assert shares["timeout"].value + shares["reset"].value == pytest.approx(failing, abs=1e-6)
        assert all(one.low <= one.value <= one.high for one in shares.values())


def test_a_longer_timeout_costs_resets(fit):
    """From 30 to 90 s fewer are cut and more are reset, as many as in truth."""
    before, after = (fit.incidence(64 * MIB, timeout_s) for timeout_s in (30.0, 90.0))
    assert after["timeout"].high < before["timeout"].low
    source = np.random.default_rng(2)
    time = 64 / 3.0 * np.exp(0.5 * source.standard_normal(400_000))
    reset = source.exponential(1 / 0.003, len(time))
    lost = [(reset < np.minimum(time, limit)).mean() for limit in (30.0, 90.0)]
    assert all(one["reset"].low <= share <= one["reset"].high for one, share in zip((before, after), lost, strict=True))


def test_shares_of_all_causes_never_add_up_to_more_than_one():
    """Chances that add up to one but for the last bit of their sum stay a chance."""
    share = np.array([0.7, 0.1])
    both = Incidence(share, {"reset": np.array([0.2 + 1e-16, 0.2]), "origin": np.array([0.1 + 2e-16, 0.7 + 1e-15])})
    assert both.failures.max() <= 1.0
    assert both.failures[0] == pytest.approx(1.0)
