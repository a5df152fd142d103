"""The duration distributions agree with themselves, and the search with the curves it is given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.models import (
    all_distributions,
)
from dfly_analysis.models.distribution import find_roots

MIB = 2**20


@pytest.mark.parametrize("distribution", sorted(all_distributions()))
def test_a_distribution_agrees_with_itself(distribution):
    """Density, survival, quantile and scores of one distribution are one distribution's."""
    made = all_distributions()[distribution]
    shape = [np.array(value) for value in (-0.6, *made.starts[0])]
    location = np.array(0.3)
    p = np.array([0.01, 0.2, 0.5, 0.9, 0.999])
    y = made.quantile(p, location, shape)
    np.testing.assert_allclose(1.0 - np.exp(made.log_survival(y, location, shape)), p, atol=1e-6)
    step = 1e-5
    slope = np.exp(made.log_survival(y - step, location, shape)) - np.exp(made.log_survival(y + step, location, shape))
    np.testing.assert_allclose(slope / (2 * step), np.exp(made.log_density(y, location, shape)), rtol=2e-3, atol=1e-7)
    for survival in (False, True):
        function = made.log_survival if survival else made.log_density
        value, scores = made.value_and_scores(y, location, shape, survival=survival)
        np.testing.assert_allclose(value, function(y, location, shape), rtol=1e-9)
        by_location = (function(y, location + step, shape) - function(y, location - step, shape)) / (2 * step)
        np.testing.assert_allclose(scores[0], by_location, rtol=1e-3, atol=1e-5)
        for place in range(len(shape)):
            up, down = ([v + s * (i == place) for i, v in enumerate(shape)] for s in (step, -step))
            expected = (function(y, location, up) - function(y, location, down)) / (2 * step)
            np.testing.assert_allclose(scores[1 + place], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("longest", [2.0, 4.0])
def test_a_stalled_attempt_takes_its_transfer_and_its_wait(longest):
    """The tail of a bounded wait is that of the sum of both, not of the wait after a usual transfer."""
    source, sigma = np.random.default_rng(3), 0.4
    both = np.exp(sigma * source.standard_normal(200_000)) + longest * source.random(200_000)
    distribution, surely, straight = all_distributions()["stall_bounded"], 50.0, -40.0
    shape = [np.array(value) for value in (np.log(sigma), surely, np.log(longest), straight)]
    p = np.array([0.3, 0.5, 0.9, 0.97, 0.999])
    np.testing.assert_allclose(np.exp(distribution.quantile(p, np.array(0.0), shape)), np.quantile(both, p), rtol=0.05)


@given(
    roots=st.lists(st.floats(-5, 5), min_size=1, max_size=8), power=st.sampled_from([1, 3]), steep=st.floats(0.05, 50)
)
def test_crossings_of_many_curves_are_found_together(roots, power, steep):
    """Each curve crosses where it does by itself, however steep or bent; one that crosses beyond the bounds ends at the nearer bound."""
    at = np.array(roots)

    def falling(place):
        return np.tanh(at - place) * 1e-3 + steep * (at - place) ** power

    found = find_roots(falling, np.full(len(at), -4.0), np.full(len(at), 4.5))
    assert found == pytest.approx(np.clip(at, -4.0, 4.5), abs=1e-7)
