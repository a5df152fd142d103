"""Fits recover distributions the tests know, with honest intervals, and refuse data that do not carry them."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Fit, Interval, NotFitted
from dfly_analysis.models import (
    DurationFit,
    LayerShape,
    all_distributions,
    fit_duration,
    layer_failure_rate,
    timeout_for_target,
    wilson,
)

MIB = 2**20
SIZES = np.array([4, 8, 16, 32, 64]) * MIB
SECONDS_PER_BYTE = 1.0 / (3.0 * MIB)


def _residual(distribution, source, n):
    """Draw multiplicative residuals, and say which quantile function they have."""
    from scipy import stats

    known = {
        "lognormal": stats.lognorm(0.6),
        "weibull": stats.weibull_min(1.3),
        "loglogistic": stats.fisk(1 / 0.3),
        "generalised_gamma": stats.gengamma(2.0, 1.1, scale=0.6),
    }[distribution]
    return known.rvs(size=n, random_state=source), known


def _cut(size, duration, source, *, limit=30.0, reset_per_s=0.003):
    """Cut drawn times by a limit and by resets, as an operator would see them."""
    reset = source.exponential(1 / reset_per_s, len(size))
    seen = np.minimum(np.minimum(duration, reset), limit)
    outcome = np.where(duration <= seen, "ok", np.where(reset < limit, "reset", "timeout"))
    return pd.DataFrame({"size_bytes": size, "duration_s": seen, "outcome": outcome, "timeout_s": limit})


def _pieces(distribution="lognormal", *, seed=1, n=3000, sizes=SIZES, **cut):
    source = np.random.default_rng(seed)
    size = source.choice(sizes, n)
    residual, known = _residual(distribution, source, n)
    return _cut(size, size * SECONDS_PER_BYTE * residual, source, **cut), known


def _true_quantile(known, size, p):
    return size * SECONDS_PER_BYTE * float(known.ppf(p))


@pytest.fixture(scope="module")
def fit():
    """A log-normal distribution cut at 30 s, fitted once."""
    made = fit_duration(_pieces()[0])
    assert isinstance(made, DurationFit)
    return made


@pytest.mark.parametrize("distribution", ["lognormal", "weibull", "loglogistic", "generalised_gamma"])
def test_the_tail_beyond_the_timeout_is_recovered(distribution):
    """With the family not told, q99.9 at 64 MiB, far beyond the limit, is within 15 % and inside its interval."""
    pieces, known = _pieces(distribution, seed=11)
    fit = fit_duration(pieces)
    truth = _true_quantile(known, 64 * MIB, 0.999)
    found = fit.quantile(64 * MIB, 0.999)
    assert truth > 30.0
    assert found.value == pytest.approx(truth, rel=0.15)
    assert found.low <= truth <= found.high


@pytest.mark.parametrize("distribution", sorted(all_distributions()))
def test_every_distribution_obeys_the_contract_alone(distribution):
    """Each distribution alone recovers the median, is monotone, orders its intervals and leaves its input as it was."""
    pieces, known = _pieces(seed=5, n=1500)
    before = pieces.copy()
    fit = fit_duration(pieces, distribution=distribution)
    pd.testing.assert_frame_equal(pieces, before)
    assert isinstance(fit, Fit)
    assert fit.model.split("+")[0] == distribution
    assert fit.quantile(16 * MIB, 0.5).value == pytest.approx(_true_quantile(known, 16 * MIB, 0.5), rel=0.1)
    _assert_monotone_and_ordered(fit)


def _assert_monotone_and_ordered(fit):
    by_p = [fit.quantile(16 * MIB, p) for p in (0.1, 0.5, 0.9, 0.99, 0.999)]
    by_size = [fit.quantile(mib * MIB, 0.99) for mib in (4, 16, 64, 256)]
    by_timeout = [fit.timeout_rate(64 * MIB, timeout) for timeout in (5, 20, 60, 240)]
    failing = [fit.failure_rate(64 * MIB, timeout) for timeout in (5, 20, 60, 240)]
    for found in (*by_p, *by_size, *by_timeout, *failing):
        assert np.isfinite([found.low, found.value, found.high]).all()
        assert found.low <= found.value <= found.high
    for line in (by_p, by_size, by_timeout[::-1]):
        for edge in ("low", "value", "high"):
            edges = [getattr(found, edge) for found in line]
            assert edges == sorted(edges)
    values = [found.value for found in failing]
    assert values == sorted(values, reverse=True)


def test_leaving_out_what_was_cut_is_not_what_this_does(fit):
    """The fit's tail is far above that of the attempts that survived the limit."""
    pieces, known = _pieces()
    survivors = fit_duration(pieces[pieces["outcome"] == "ok"])
    truth = _true_quantile(known, 64 * MIB, 0.999)
    assert abs(np.log(fit.quantile(64 * MIB, 0.999).value / truth)) < 0.5 * abs(
        np.log(survivors.quantile(64 * MIB, 0.999).value / truth)
    )


def test_cancelled_siblings_count_as_lower_bounds():
    """Cancelled attempts are censored where they were, so that dropping them makes the distribution too fast."""
    source = np.random.default_rng(8)
    duration = 2.6 * np.exp(0.5 * source.standard_normal((400, 8)))
    first = np.where(duration > 6.0, 6.0, np.inf).min(axis=1)
    outcome = np.where(duration <= np.minimum(first, 6.0)[:, None], "ok", "cancelled")
    # In every group that meets the limit one piece is cut there; its siblings began up to 6 s later.
    begun = source.uniform(0, 3, duration.shape)
    ended = np.minimum(duration, np.where(np.isinf(first)[:, None], duration, 6.0 - begun))
    outcome = np.where(duration <= ended, "ok", "cancelled")
    pieces = pd.DataFrame(
        {"size_bytes": 4 * MIB, "duration_s": ended.ravel(), "outcome": outcome.ravel(), "timeout_s": 6.0}
    )
    kept = fit_duration(pieces).quantile(4 * MIB, 0.99).value
    dropped = fit_duration(pieces[pieces["outcome"] == "ok"]).quantile(4 * MIB, 0.99).value
    truth = 2.6 * np.exp(0.5 * 2.3263)
    assert abs(kept - truth) < abs(dropped - truth)
    assert dropped < kept


def test_intervals_cover_about_as_often_as_they_say():
    """Of 14 runs of 400 attempts a 95 % interval of the tail holds the truth at least 11 times."""
    held = 0
    for seed in range(14):
        pieces, known = _pieces(seed=100 + seed, n=400)
        found = fit_duration(pieces).quantile(64 * MIB, 0.999)
        held += found.low <= _true_quantile(known, 64 * MIB, 0.999) <= found.high
    assert held >= 11


def test_correlated_tasks_widen_the_intervals():
    """Attempts that share a task's luck know less than their number says, once the tasks are named."""
    source = np.random.default_rng(3)
    task = np.repeat(np.arange(60), 25)
    duration = 2.0 * np.exp(0.4 * source.standard_normal(60)[task] + 0.3 * source.standard_normal(len(task)))
    pieces = _cut(np.full(len(task), 4 * MIB), duration, source)
    blind = fit_duration(pieces, distribution="lognormal")
    knowing = fit_duration(pieces.assign(task_id=[f"task-{number}" for number in task]), distribution="lognormal")
    widths = [np.log(made.quantile(4 * MIB, 0.5).high / made.quantile(4 * MIB, 0.5).low) for made in (blind, knowing)]
    assert widths[1] > 2.0 * widths[0]
    assert knowing.goodness["design_effect"] > 2.0


def test_stalls_are_named_and_covered():
    """A few attempts in a hundred wait: their share is named, and the interval of the tail holds the truth."""
    source = np.random.default_rng(21)
    size = source.choice(SIZES, 3000)
    base = size * SECONDS_PER_BYTE * 0.5 * np.exp(0.35 * source.standard_normal(3000))
    wait = np.where(source.random(3000) < 0.03, source.exponential(12.0, 3000), 0.0)
    fit = fit_duration(_cut(size, base + wait, source))
    more = np.random.default_rng(1)
    drawn = 64 * MIB * SECONDS_PER_BYTE * 0.5 * np.exp(0.35 * more.standard_normal(400_000))
    drawn += np.where(more.random(400_000) < 0.03, more.exponential(12.0, 400_000), 0.0)
    found = fit.quantile(64 * MIB, 0.999)
    assert found.low <= np.quantile(drawn, 0.999) <= found.high
    assert np.isfinite(found.high)
    assert fit.goodness["stall_share"] == pytest.approx(0.03, abs=0.02)
    assert any("stall" in note for note in fit.notes)


def test_a_fixed_overhead_is_told_from_the_transfer():
    """With an overhead before each transfer the small pieces do not bend the large ones' distribution."""
    source = np.random.default_rng(4)
    size = source.choice(SIZES, 3000)
    duration = 0.8 + size * SECONDS_PER_BYTE * np.exp(0.5 * source.standard_normal(3000))
    fit = fit_duration(_cut(size, duration, source))
    truth = 0.8 + 64 * MIB * SECONDS_PER_BYTE * np.exp(0.5 * 3.0902)
    assert fit.quantile(64 * MIB, 0.999).value == pytest.approx(truth, rel=0.15)
    overhead = next(param for param in fit.params if param.name == "overhead")
    assert overhead.low <= 0.8 <= overhead.high


def test_limits_may_differ_by_row():
    """Two roles with limits of 10 and 40 s give one distribution."""
    source = np.random.default_rng(6)
    size = source.choice(SIZES, 3000)
    residual, known = _residual("lognormal", source, 3000)
    limit = np.where(source.random(3000) < 0.5, 10.0, 40.0)
    fit = fit_duration(_cut(size, size * SECONDS_PER_BYTE * residual, source, limit=limit))
    truth = _true_quantile(known, 64 * MIB, 0.99)
    assert fit.quantile(64 * MIB, 0.99).value == pytest.approx(truth, rel=0.12)


def test_a_timeout_is_censored_at_its_timeout():
    """A timeout is a lower bound at ``timeout_s``; where that is missing, at the duration."""
    pieces, _ = _pieces(seed=2, n=600)
    cut = pieces["outcome"] == "timeout"
    without = pieces.assign(duration_s=pieces["duration_s"].mask(cut))
    assert fit_duration(without).quantile(64 * MIB, 0.99) == fit_duration(pieces).quantile(64 * MIB, 0.99)
    unknown = pieces.assign(timeout_s=np.nan)
    assert fit_duration(unknown).quantile(64 * MIB, 0.99) == fit_duration(pieces).quantile(64 * MIB, 0.99)


def test_attempts_past_their_timeout_are_censored_at_it():
    """A few that finish just after the limit are the lucky ones among many cut there: bounds, not finished times."""
    pieces, _ = _pieces(seed=20, n=900, sizes=[16 * MIB], limit=8.0)
    lucky = pieces.index[pieces["outcome"] == "timeout"][:20]
    slipped = pieces.copy()
    slipped.loc[lucky, "outcome"] = "ok"
    slipped.loc[lucky, "duration_s"] = np.linspace(8.05, 8.4, 20)
    fit = fit_duration(slipped)
    assert fit.goodness["n_finished_late"] == 20
    assert fit.quantile(16 * MIB, 0.99) == fit_duration(pieces).quantile(16 * MIB, 0.99)
    unlimited = pieces.assign(outcome="ok", timeout_s=1.0)
    assert fit_duration(unlimited).goodness["n_finished_late"] == 0


def test_rows_without_time_or_size_are_counted_and_left_out():
    """Missing, zero and negative times, sizes and unheard-of outcomes are dropped, and the fit says how many."""
    pieces, _ = _pieces(seed=2, n=400)
    odd = pd.DataFrame({
        "size_bytes": [4 * MIB, 0, np.nan, 4 * MIB, 4 * MIB],
        "duration_s": [np.nan, 1.0, 1.0, -1.0, 1.0],
        "outcome": ["ok", "ok", "ok", "ok", "surprised"],
        "timeout_s": 30.0,
    })  # fmt: skip
    fit = fit_duration(pd.concat([pieces, odd], ignore_index=True))
    assert fit.goodness["n_dropped"] == 5
    assert fit.quantile(4 * MIB, 0.9) == fit_duration(pieces).quantile(4 * MIB, 0.9)


def test_one_size_only_says_that_other_sizes_are_extrapolated():
    """With one piece length time is taken in proportion to size, with wide intervals at other sizes and a note."""
    pieces, known = _pieces(seed=9, sizes=[4 * MIB], n=1000)
    fit = fit_duration(pieces)
    here, there = fit.quantile(4 * MIB, 0.5), fit.quantile(64 * MIB, 0.5)
    assert there.low <= _true_quantile(known, 64 * MIB, 0.5) <= there.high
    assert np.log(there.high / there.low) > 3 * np.log(here.high / here.low)
    assert any("one size" in note for note in fit.notes)


def test_hazards_and_failures_of_all_causes(fit):
    """Resets show as a hazard per second that covers the truth, and add to what the timeout takes."""
    hazard = fit.endings["reset"].rate()
    assert hazard.low <= 0.003 <= hazard.high
    assert fit.endings["storage"].value == 0.0 < fit.endings["storage"].rate().high
    cut, failed = fit.timeout_rate(64 * MIB, 30.0), fit.failure_rate(64 * MIB, 30.0)
    source = np.random.default_rng(12)
    time = 64 * MIB * SECONDS_PER_BYTE * np.exp(0.6 * source.standard_normal(200_000))
    truth = 1.0 - (time < np.minimum(source.exponential(1 / 0.003, 200_000), 30.0)).mean()
    assert failed.low <= truth <= failed.high
    assert failed.value > cut.value
    assert fit.failure_rate(64 * MIB, 1e5).value == pytest.approx(1 - np.exp(-0.003 * time).mean(), abs=0.03)


def test_errors_at_the_start_are_a_chance_not_a_hazard():
    """Refusals by the registry in the first moments count per attempt, whatever the timeout."""
    pieces, _ = _pieces(seed=13, n=2000, reset_per_s=1e-9)
    struck = np.arange(len(pieces)) % 20 == 0
    pieces = pieces.assign(
        outcome=pieces["outcome"].mask(struck, "origin"), duration_s=pieces["duration_s"].mask(struck, 0.01)
    )
    fit = fit_duration(pieces)
    assert fit.endings["origin"].per_attempt
    assert fit.failure_rate(4 * MIB, 1e4).value == pytest.approx(0.05, abs=0.002)


def test_cancelled_and_unknown_are_not_failures():
    """Attempts that ended because a sibling failed, or unseen, add nothing to the failure rate."""
    pieces, _ = _pieces(seed=14, n=800, reset_per_s=0.02)
    cancelled = pieces.assign(outcome=pieces["outcome"].replace("reset", "cancelled"))
    fit = fit_duration(cancelled)
    assert fit.failure_rate(16 * MIB, 20.0) == fit.timeout_rate(16 * MIB, 20.0)


@pytest.mark.parametrize(
    ("pieces", "word"),
    [
        (_pieces(n=3000)[0].iloc[:0], "no attempt has"),
        (_pieces(n=3000)[0].iloc[:4], "finished"),
        (_pieces(n=50)[0].assign(outcome="timeout"), "finished"),
        (_pieces(n=50)[0].assign(duration_s=1.0, size_bytes=4 * MIB, outcome="ok"), "same time"),
    ],
    ids=["empty", "four rows", "all cut", "no variation"],
)
def test_data_that_carry_no_fit_are_refused_with_a_reason(pieces, word):
    """No attempts, too few, all cut or all alike: a value that says why and what to collect."""
    refused = fit_duration(pieces, name="piece")
    assert isinstance(refused, NotFitted)
    assert word in refused.reason
    assert refused.collect
    assert refused.n == len(pieces)
    assert not refused


def test_a_longer_timeout_is_advised_only_after_a_cut():
    """Four attempts that all finished ask for more of them."""
    few = _pieces(n=3000)[0].iloc[:4].assign(duration_s=[1.0, 1.1, 1.2, 1.3], outcome="ok")
    assert "more or larger layers" in fit_duration(few, name="piece").collect
    assert "longer timeout" in fit_duration(few.assign(outcome=["ok", "timeout", "ok", "ok"]), name="piece").collect


def test_few_attempts_get_wide_finite_intervals():
    """Twelve attempts fit, and the interval of the far tail is wide but finite."""
    pieces, known = _pieces(seed=15, n=12, sizes=[4 * MIB, 16 * MIB])
    found = fit_duration(pieces).quantile(16 * MIB, 0.999)
    assert np.isfinite(found.high)
    assert found.high / found.low > 2.5


@pytest.mark.parametrize("column", ["size_bytes", "duration_s", "outcome", "timeout_s"])
def test_a_missing_column_is_named(column):
    """Each required column that is missing is an error that names it."""
    with pytest.raises(TableError, match=column):
        fit_duration(_pieces(n=50)[0].drop(columns=column))


def test_wrong_arguments_are_named(fit):
    """Unknown distributions, shares beyond 1 and sizes below 0 are errors that say what was given."""
    with pytest.raises(TableError, match="lognormal"):
        fit_duration(_pieces(n=50)[0], distribution="lognormall")
    with pytest.raises(TableError, match="p must be"):
        fit.quantile(4 * MIB, 1.5)
    with pytest.raises(TableError, match="size_bytes"):
        fit.quantile(-1, 0.5)
    with pytest.raises(TableError, match="timeout_s"):
        fit.failure_rate(4 * MIB, 0.0)


def test_many_attempts_are_binned_without_loss():
    """Sixty thousand attempts become a few thousand rows whose distribution is the one drawn from, within half a per cent."""
    pieces, known = _pieces(seed=16, n=60_000)
    fit = fit_duration(pieces, distribution="lognormal")
    assert len(fit.average.best.model.rows.y) < 3000
    assert fit.quantile(16 * MIB, 0.5).value == pytest.approx(_true_quantile(known, 16 * MIB, 0.5), rel=0.01)
    scale = next(param for param in fit.params if param.name == "scale")
    assert scale.value == pytest.approx(0.6, rel=0.01)


def test_a_weight_stands_for_that_many_attempts():
    """A row of weight 3 is three rows."""
    pieces, _ = _pieces(seed=17, n=300)
    thrice = fit_duration(pd.concat([pieces] * 3, ignore_index=True), distribution="lognormal")
    weighted = fit_duration(pieces.assign(weight=3.0), distribution="lognormal")
    assert weighted.n == thrice.n == 900
    assert weighted.quantile(16 * MIB, 0.99).value == pytest.approx(thrice.quantile(16 * MIB, 0.99).value, rel=2e-3)


def test_the_fit_says_how_far_it_goes_and_how_well(fit):
    """Goodness holds a criterion for every distribution, weights that add up, and a distance within what chance allows."""
    assert fit.extrapolates_beyond_s == 30.0
    judged = {key.removeprefix("aic_").split("+")[0] for key in fit.goodness if key.startswith("aic_")}
    assert judged == set(all_distributions())
    assert sum(value for key, value in fit.goodness.items() if key.startswith("weight_")) == pytest.approx(1.0)
    assert 0 < fit.goodness["km_distance"] < fit.goodness["km_distance_expected"]
    for param in fit.params:
        assert param.low <= param.value <= param.high


def test_wilson_by_hand():
    """Wilson's interval of 10 in 100 is 5.5 to 17.4 %; of 0 in 0 everything."""
    found = wilson(10, 100)
    assert (found.low, found.high) == pytest.approx((0.0552, 0.1744), abs=2e-4)
    assert wilson(0, 0) == Interval(0.0, 0.0, 1.0)
    with pytest.raises(TableError):
        wilson(3, 2)


def _tasks(n=600, seed=3):
    source = np.random.default_rng(seed)
    size = np.exp(source.uniform(np.log(2 * MIB), np.log(40_000 * MIB), n))
    chance = 1 / (1 + np.exp(4.0 - 1.2 * np.log(size / (256 * MIB))))
    outcome = np.where(source.random(n) < chance, "failed", "ok")
    return pd.DataFrame({"size_bytes": size.astype("int64"), "outcome": outcome})


def test_timeout_for_target_is_the_shortest_that_meets_it(fit):
    """At the advised timeout the upper end of the layer's failure is at the target, a little below it is not."""
    layer, target = LayerShape(20 * 1024 * MIB, 64 * MIB, 16), 1e-3
    advised = timeout_for_target(fit, layer, target)
    assert advised.low <= advised.value <= advised.high
    at = layer_failure_rate(fit, layer, advised.high, competing=False)
    below = layer_failure_rate(fit, layer, advised.high * 0.97, competing=False)
    assert at.high <= target < below.high
    assert at.low <= at.value <= at.high
    assert advised.value > 60.0


def test_a_schema_frame_fits_with_its_own_types():
    """Nullable integers, strings and times of the pieces table go in as they are, and give the window."""
    from dfly_analysis.schema import PIECES

    plain = _pieces(seed=18, n=300)[0]
    started = pd.Timestamp("2026-05-01T00:00:00Z") + pd.to_timedelta(np.arange(300), unit="s")
    frame = PIECES.frame(plain.assign(started=started, task_id="a" * 64, host="seed-0").to_dict("series"))
    fit = fit_duration(frame)
    assert fit.window == ("2026-05-01T00:00:00+00:00", "2026-05-01T00:04:59+00:00")
    assert fit.quantile(16 * MIB, 0.9).value == pytest.approx(fit_duration(plain).quantile(16 * MIB, 0.9).value)


def test_the_same_data_give_the_same_answer():
    """Draws are seeded: two fits of one frame agree to the last digit."""
    pieces, _ = _pieces(seed=19, n=400)
    assert fit_duration(pieces).quantile(64 * MIB, 0.999) == fit_duration(pieces).quantile(64 * MIB, 0.999)
