"""Laws that attempts are drawn from: known here, not told to the estimator. Each is a family, drawn anew for every sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

MIB = 2**20
SIZES = np.array([4, 8, 16, 32, 64]) * MIB
OTHER_SIZES = np.array([4, 12, 16, 24, 40, 64]) * MIB
SECONDS_PER_BYTE = 1.0 / (3.0 * MIB)
LIMIT_S, RESET_PER_S = 30.0, 0.003
_NORMAL = special.ndtri((np.arange(2000) + 0.5) / 2000)


@dataclass(frozen=True)
class Drawn:
    """One law: how to draw times, its survival at a time for a size, and what else a sample says of an attempt."""

    draw: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    survival: Callable[[float, float], float]
    named: Callable[[], dict[str, np.ndarray]] = dict

    def quantile(self, size: float, p: float) -> float:
        """Return the time within which a share p of attempts at a size would finish."""

        def above(y: float) -> float:
            return float(np.log(max(self.survival(float(np.exp(y)), size), 1e-300)) - np.log1p(-p))

        return float(np.exp(optimize.brentq(above, -12.0, 14.0)))

    def failure(self, size: float, timeout: float) -> float:
        """Return the share that a timeout or a reset ends."""
        time = np.linspace(1e-9, timeout, 400)
        risk = np.array([self.survival(t, size) for t in time]) * np.exp(-RESET_PER_S * time)
        return float(risk[-1] + RESET_PER_S * np.trapezoid(risk, time))


def _scaled(law, *, power: float = 1.0, overhead: float = 0.0) -> Drawn:
    def base(size):
        return SECONDS_PER_BYTE * 16 * MIB * (np.asarray(size) / (16 * MIB)) ** power

    return Drawn(
        lambda size, source: overhead + base(size) * law.rvs(size=len(size), random_state=source),
        lambda t, size: float(law.sf((t - overhead) / base(size))) if t > overhead else 1.0,
    )


def _lognormal_sf(t, median, sigma):
    return special.ndtr(-(np.log(t) - np.log(median)) / sigma)


def _mixture(shares, factors, sigmas, median: float) -> Drawn:
    shares, factors, sigmas = np.asarray(shares), np.asarray(factors), np.asarray(sigmas)

    def draw(size, source):
        kind = source.choice(len(shares), len(size), p=shares)
        return (
            SECONDS_PER_BYTE * median * size * factors[kind] * np.exp(sigmas[kind] * source.standard_normal(len(size)))
        )

    return Drawn(
        draw, lambda t, size: float(shares @ _lognormal_sf(t, SECONDS_PER_BYTE * median * size * factors, sigmas))
    )


def _shared(chances, sigma: float, median: float) -> Drawn:
    count = np.arange(1, len(chances) + 1)
    return _mixture(chances / chances.sum(), count, np.full(len(count), sigma), median)


def _stalling(share: float, wait, sigma: float, median: float = 0.5) -> Drawn:
    def draw(size, source):
        base = SECONDS_PER_BYTE * median * size * np.exp(sigma * source.standard_normal(len(size)))
        stalls = source.random(len(size)) < share
        return base + np.where(stalls, wait.rvs(size=len(size), random_state=source), 0.0)

    def survival(t, size):
        base = SECONDS_PER_BYTE * median * size * np.exp(sigma * _NORMAL)
        stalled = np.where(base > t, 1.0, wait.sf(np.maximum(t - base, 0.0))).mean()
        return float((1.0 - share) * _lognormal_sf(t, SECONDS_PER_BYTE * median * size, sigma) + share * stalled)

    return Drawn(draw, survival)


def _hosts(source: np.random.Generator, *, named: bool) -> Drawn:
    """Some hosts are slow; the hosts of the sample are those the question is about."""
    count = int(source.integers(8, 20))
    factors = np.exp(0.1 * source.standard_normal(count))
    factors[: max(1, count // 8)] *= source.uniform(2.0, 3.5)
    sigma, seen = source.uniform(0.3, 0.45), {}

    def draw(size, source):
        seen["host"] = source.integers(0, count, len(size))
        return SECONDS_PER_BYTE * 0.7 * size * factors[seen["host"]] * np.exp(sigma * source.standard_normal(len(size)))

    return Drawn(
        draw,
        lambda t, size: float(_lognormal_sf(t, SECONDS_PER_BYTE * 0.7 * size * factors, sigma).mean()),
        (lambda: {"host": np.array([f"host-{code}" for code in seen["host"]])}) if named else dict,
    )


def _tasks(between: float, within: float) -> Drawn:
    """Attempts of one task share their luck, 25 at a time; the question is about tasks to come."""
    seen: dict[str, np.ndarray] = {}

    def draw(size, source):
        tasks = max(len(size) // 25, 1)
        seen["task_id"] = source.integers(0, tasks, len(size))
        luck = between * source.standard_normal(tasks)[seen["task_id"]]
        return SECONDS_PER_BYTE * 0.7 * size * np.exp(luck + within * source.standard_normal(len(size)))

    return Drawn(
        draw,
        lambda t, size: float(_lognormal_sf(t, SECONDS_PER_BYTE * 0.7 * size, np.hypot(between, within))),
        lambda: {"task_id": np.array([f"task-{code}" for code in seen["task_id"]])},
    )


def _families() -> dict[str, Callable[[np.random.Generator], Drawn]]:
    def shape(low: float, high: float) -> Callable[[np.random.Generator], float]:
        return lambda source: float(source.uniform(low, high))

    wide, fat, share = shape(0.4, 0.75), shape(0.18, 0.33), shape(0.02, 0.05)
    count = np.arange(0, 60)
    return {
        "log-normal": lambda s: _scaled(stats.lognorm(wide(s))),
        "Weibull": lambda s: _scaled(stats.weibull_min(shape(0.9, 2.0)(s))),
        "log-logistic": lambda s: _scaled(stats.fisk(1.0 / fat(s), scale=0.7)),
        "generalised gamma": lambda s: _scaled(stats.gengamma(shape(1, 3)(s), shape(0.8, 1.4)(s), scale=0.6)),
        "gamma": lambda s: _scaled(stats.gamma(shape(1.2, 4)(s), scale=0.4)),
        "inverse Gaussian": lambda s: _scaled(stats.invgauss(shape(0.3, 0.9)(s))),
        "overhead before the transfer": lambda s: _scaled(stats.lognorm(shape(0.4, 0.6)(s)), overhead=shape(0.3, 1.5)(s)),
        "power of size": lambda s: _scaled(stats.lognorm(shape(0.4, 0.6)(s)), power=shape(0.7, 0.9)(s)),
        "link shared, Poisson": lambda s: _shared(stats.poisson.pmf(count, shape(1, 4)(s)), shape(0.1, 0.3)(s), 0.3),
        "link shared, geometric": lambda s: _shared(stats.geom.pmf(count + 1, shape(0.3, 0.6)(s)), shape(0.1, 0.3)(s), 0.35),
        "link shared, 1 to 8 alike": lambda s: _shared(np.ones(int(s.integers(4, 9))), shape(0.15, 0.3)(s), 0.25),
        "two kinds of attempt": lambda s: _mixture([0.85, 0.15], [1.0, shape(2, 4)(s)], [shape(0.25, 0.4)(s), 0.4], 0.6),
        "slow hosts, named": lambda s: _hosts(s, named=True),
        "slow hosts, not named": lambda s: _hosts(s, named=False),
        "tasks share their luck": lambda s: _tasks(shape(0.2, 0.4)(s), shape(0.3, 0.45)(s)),
        "stalls, exponential": lambda s: _stalling(share(s), stats.expon(scale=shape(8, 25)(s)), shape(0.3, 0.45)(s)),
        "stalls, log-normal": lambda s: _stalling(share(s), stats.lognorm(shape(0.6, 1)(s), scale=shape(8, 20)(s)), shape(0.3, 0.45)(s)),
        "stalls, even": lambda s: _stalling(share(s), stats.uniform(0, shape(20, 60)(s)), shape(0.3, 0.45)(s)),
    }  # fmt: skip


FAMILIES = _families()


def sample(law: Drawn, source: np.random.Generator, n: int) -> pd.DataFrame:
    """Draw attempts and cut them at the limit and by random resets, as an operator would see them."""
    size = source.choice(SIZES if source.random() < 0.5 else OTHER_SIZES, n)
    duration = law.draw(size, source)
    reset = source.exponential(1.0 / RESET_PER_S, n)
    seen = np.minimum(np.minimum(duration, reset), LIMIT_S)
    outcome = np.where(duration <= seen, "ok", np.where(reset < LIMIT_S, "reset", "timeout"))
    frame = {"size_bytes": size, "duration_s": seen, "outcome": outcome, "timeout_s": LIMIT_S, **law.named()}
    return pd.DataFrame(frame)
