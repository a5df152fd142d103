"""Answers of a fitted duration: buckets, origins, hard data, other speeds, many answers at once."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import DurationFit, fit_duration
from dfly_analysis.models.layer_failure import task_failure_probability

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


def _as_buckets(pieces):
    """Round the finished ones down and up to powers of two, as a histogram would."""
    lower = 2.0 ** np.floor(np.log2(pieces["duration_s"]))
    done = pieces["outcome"] == "ok"
    return pieces.assign(duration_s=lower.where(done, pieces["duration_s"]), upper_s=(2 * lower).where(done))


def test_buckets_and_exact_rows_make_one_fit():
    """Half of the attempts known only to a factor of two move the distribution little, and all of them still give it."""
    pieces = _pieces(seed=3)
    exact = fit_duration(pieces, distribution="lognormal").quantile(16 * MIB, 0.99)
    half = pd.concat([pieces.iloc[::2], _as_buckets(pieces.iloc[1::2])], ignore_index=True)
    for rows in (half, _as_buckets(pieces)):
        found = fit_duration(rows, distribution="lognormal").quantile(16 * MIB, 0.99)
        assert found.value == pytest.approx(exact.value, rel=0.06)
        assert np.log(found.high / found.low) > 0.95 * np.log(exact.high / exact.low)


def test_a_bucket_counts_as_often_as_its_weight():
    """A bucket of weight 3 is three attempts in it, and the first bucket may begin at nothing."""
    pieces = _as_buckets(_pieces(seed=4, n=300))
    pieces.loc[pieces["duration_s"] < 1.0, "duration_s"] = 0.0
    pieces.loc[(pieces["duration_s"] == 0.0) & (pieces["outcome"] == "ok"), "upper_s"] = 1.0
    thrice = fit_duration(pd.concat([pieces] * 3, ignore_index=True), distribution="weibull")
    weighted = fit_duration(pieces.assign(weight=3.0), distribution="weibull")
    assert weighted.n == thrice.n
    assert weighted.quantile(16 * MIB, 0.9).value == pytest.approx(thrice.quantile(16 * MIB, 0.9).value, rel=5e-3)


def test_other_origins_and_last_pieces_are_left_out():
    """A raw table holds parents' pieces, local copies and last pieces of any size: the source's whole ones make the distribution."""
    whole = _pieces(seed=5, n=600, sizes=(4,), limit=6.0)
    parents = _pieces(seed=6, n=300, sizes=(4,)).assign(duration_s=0.05, outcome="ok")
    source = np.random.default_rng(7)
    last = pd.DataFrame({
        "size_bytes": source.integers(1, 4 * MIB, 40), "duration_s": source.uniform(0.01, 5.0, 40), "outcome": "ok", "timeout_s": 6.0,
    })  # fmt: skip
    raw = pd.concat(
        [whole.assign(origin="source"), parents.assign(origin="parent"), last.assign(origin="source")],
        ignore_index=True,
    )
    fit = fit_duration(raw)
    assert fit.quantile(4 * MIB, 0.999) == fit_duration(whole).quantile(4 * MIB, 0.999)
    assert fit.goodness["n_other_origin"] == 300
    assert fit.goodness["n_last_piece"] >= 39
    assert any("not from the source" in note for note in fit.notes)
    assert any("last pieces" in note for note in fit.notes)


def test_draws_lie_about_the_estimate(fit):
    """Half of the draws of a quantile are below the value: the uncertainty has its middle where the estimate is."""
    drawn = fit.average.drawn_log_quantiles(np.array([fit._x(16 * MIB)]), np.array([0.99]))[:, 0]
    middle = fit.average.log_quantiles(np.array([fit._x(16 * MIB)]), np.array([0.99]))[0]
    assert abs((drawn < middle).mean() - 0.5) < 0.12


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda s: 0.5 + s.exponential(0.01, 700), 1.3),
        (lambda s: np.round(s.lognormal(0.0, 0.05, 700), 2), 1.3),
        (lambda s: np.where(s.random(700) < 0.5, 1.0, 2.0), 1.6),
        (lambda s: s.lognormal(0.0, 0.4, 700).round(3), 2.0),
    ],
    ids=["a rate that hardly varies", "rounded to hundredths", "two values only", "rounded to milliseconds"],
)
def test_hard_data_keep_the_answer_near_what_was_seen(make, most):
    """Ties and times that hardly vary leave the 99 % quantile near that of the data, finite and ordered."""
    duration = make(np.random.default_rng(9))
    pieces = pd.DataFrame({"size_bytes": 4 * MIB, "duration_s": duration, "outcome": "ok", "timeout_s": 30.0})
    found = fit_duration(pieces).quantile(4 * MIB, 0.99)
    seen = np.quantile(duration, 0.99)
    assert seen / most < found.value < seen * most
    assert np.isfinite(found.high)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("n", [5, 8, 20])
def test_very_few_attempts_are_answered_widely_or_not_at_all(n):
    """Five finished attempts give an interval wider than a factor of two, or a refusal that says what to collect."""
    made = fit_duration(_pieces(seed=10, n=n, sizes=(16,)))
    if isinstance(made, NotFitted):
        assert made.collect
        return
    found = made.quantile(16 * MIB, 0.999)
    assert np.isfinite(found.high)
    assert found.high / found.low > 2.0


def test_a_faster_source_stalls_as_long_as_before():
    """Half of the middle time at twice the speed; what lasts beyond any transfer is as frequent as it was."""
    source = np.random.default_rng(14)
    size = source.choice([4, 16], 3000) * MIB
    wait = np.where(source.random(3000) < 0.05, source.exponential(12.0, 3000), 0.0)
    duration = size / (4 * MIB) * source.lognormal(0.0, 0.3, 3000) + wait
    outcome = np.where(duration > 40.0, "timeout", "ok")
    pieces = pd.DataFrame({
        "size_bytes": size, "duration_s": np.minimum(duration, 40.0), "outcome": outcome, "timeout_s": 40.0,
    })  # fmt: skip
    fit = fit_duration(pieces)
    faster = fit.at_speed(2.0)
    middle, then = (one.quantile(4 * MIB, 0.5) for one in (fit, faster))
    assert then.value == pytest.approx(middle.value / 2.0, rel=0.02)
    waits, still = (one.timeout_rate(4 * MIB, 8.0) for one in (fit, faster))
    assert still.value == pytest.approx(waits.value, rel=0.15)
    assert still.low < still.value < still.high
    assert faster.at_speed(0.5).quantile(4 * MIB, 0.99).value == pytest.approx(fit.quantile(4 * MIB, 0.99).value)


def test_no_failure_at_all_still_bounds_the_rate_from_above():
    """Where nothing failed the failure rate at the longest time seen is small, its upper end is not nothing."""
    pieces = _pieces(seed=12, n=500, sizes=(4,), reset_per_s=1e-9)
    assert (pieces["outcome"] == "ok").all()
    found = fit_duration(pieces).failure_rate(4 * MIB, float(pieces["duration_s"].max()))
    assert found.value < 0.01
    assert 0.001 < found.high < 0.03


def _tasks(attempt, retry_correlation, *, n=400, seed=11):
    source = np.random.default_rng(seed)
    count = source.integers(1, 40, n)
    chance = [task_failure_probability(attempt, k, 2, retry_failure_correlation=retry_correlation) for k in count]
    failed = source.random(n) < np.array(chance)
    return pd.DataFrame({
        "size_bytes": count * 64 * MIB, "piece_bytes": 64 * MIB, "outcome": np.where(failed, "failed", "ok"), "role": "seedClient",
    })  # fmt: skip


def test_a_link_shared_by_varying_pieces_is_recovered():
    """Times that are a whole number of turns, with the number told to nobody, give the tail within a tenth."""
    source = np.random.default_rng(15)
    size = source.choice(np.array([4, 16, 64]) * MIB, 3000)
    duration = size / (12.0 * MIB) * source.integers(1, 8, 3000) * np.exp(0.2 * source.standard_normal(3000))
    pieces = pd.DataFrame({
        "size_bytes": size, "duration_s": np.minimum(duration, 30.0), "outcome": np.where(duration < 30.0, "ok", "timeout"), "timeout_s": 30.0,
    })  # fmt: skip
    found = fit_duration(pieces).quantile(64 * MIB, 0.999)
    truth = np.quantile(
        64 / 12.0 * source.integers(1, 8, 400_000) * np.exp(0.2 * source.standard_normal(400_000)), 0.999
    )
    assert found.value == pytest.approx(truth, rel=0.1)
    assert found.low <= truth <= found.high


def test_a_limit_on_pieces_at_once_is_not_made_up():
    """Pieces that queue on a link without a limit keep their long tail: a distribution with a limit may not end it where data end."""
    source = np.random.default_rng(27)
    size = source.choice(np.array([4, 16, 64]) * MIB, 3000)
    turns = source.geometric(0.35, 3000) * np.exp(0.2 * source.standard_normal(3000))
    duration = 0.35 * size / (3.0 * MIB) * turns
    pieces = pd.DataFrame({
        "size_bytes": size, "duration_s": np.minimum(duration, 30.0), "outcome": np.where(duration < 30.0, "ok", "timeout"), "timeout_s": 30.0,
    })  # fmt: skip
    found = fit_duration(pieces).quantile(64 * MIB, 0.999)
    more = source.geometric(0.35, 400_000) * np.exp(0.2 * source.standard_normal(400_000))
    assert found.low <= 0.35 * 64 / 3.0 * np.quantile(more, 0.999) <= found.high


def test_many_answers_at_once_are_those_of_one_after_another(fit):
    """Quantiles and rates asked for together are the same as asked for alone, and asked again."""
    sizes, shares, times = [4 * MIB, 16 * MIB, 64 * MIB], [0.5, 0.99, 0.999], [1.0, 12.0, 90.0]
    alone = fit_duration(_pieces())
    assert isinstance(alone, DurationFit)
    together = fit.quantiles(sizes, shares), fit.timeout_rates(16 * MIB, times)
    again = fit.quantiles(sizes, shares), fit.timeout_rates(16 * MIB, times)
    assert together == again
    for many, ones in zip(
        together,
        (
            [alone.quantile(size, p) for size, p in zip(sizes, shares, strict=True)],
            [alone.timeout_rate(16 * MIB, time) for time in times],
        ),
        strict=True,
    ):
        for found, one in zip(many, ones, strict=True):
            assert vars(found) == pytest.approx(vars(one), rel=1e-7)
    assert fit.survival_estimates(16 * MIB, times).tolist() == pytest.approx([rate.value for rate in together[1]])
