"""What a fitted model answers: intervals, parameters, goodness, or the reason why there is no fit. Frozen values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Self

from dfly_analysis.errors import TableError


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval, ``low <= value <= high``, in the unit that its source names."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether the ends of a positive quantity are at most `FACTOR` apart."""
        return self.high <= FACTOR * self.low

    def up_to(self, seen: float | None) -> Self:
        """Return the interval, without an upper end where it reaches beyond `FACTOR` times the largest quantity seen."""
        most = math.inf if seen is None else FACTOR * seen
        if self.high <= most:
            return self
        return replace(self, value=min(self.value, most), low=min(self.low, most), high=math.inf)


LEVEL = 0.95  # confidence level of every interval that is shown
FACTOR = 10.0
"""A range with ends further apart than this, and what lies beyond so many times the largest value seen, is not known."""
DEFAULT_RETRY_CORRELATION = Interval(0.0, 0.0, 0.1)
"""Assumed, not measured: the share of failures of a pass that repeat in the next, where a run does not show it."""


@dataclass(frozen=True)
class Param:
    """A fitted parameter: estimate and 95 % interval."""

    name: str
    value: float
    low: float
    high: float
    unit: str  # ``log s``, ``1``, ``s``, ``B/s`` …


@dataclass(frozen=True)
class NotFitted:
    """No fit of a model, because the data are not enough for one."""

    name: str
    """Which model."""
    reason: str
    """One sentence."""
    collect: str
    """What to collect so that it can be fitted."""
    n: int = 0
    """Rows there were."""

    def __bool__(self) -> bool:
        """Return False, so that ``if fit:`` reads well."""
        return False


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """What every fitted model has."""

    name: str
    model: str  # the distribution or model that fits best
    params: tuple[Param, ...] = ()
    n: int  # observations
    n_censored: int = 0  # how many of them have no known end
    goodness: Mapping[str, float] = field(default_factory=dict)
    window: tuple[str, str] | None = None  # first and last start, ISO
    extrapolates_beyond_s: float | None = None  # longest time seen, seconds; beyond it the answer is extrapolated
    notes: tuple[str, ...] = ()  # what the reader must know

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.model}, n={self.n}, {self.n_censored} censored>"


@dataclass(frozen=True)
class Curve:
    """A line to draw with a band, all of one length."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return a share (0 to 1) with Wilson's interval; of nothing the value is 0 and the interval all of it."""
    if not 0 <= successes <= n:
        raise TableError(f"{successes} of {n} is not a share")
    if n == 0:
        return Interval(0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share))


def measured_retry_correlation(fits: Mapping[str, Any]) -> Interval | None:
    """Return the share of failures of a pass that repeat in the next, as a run's own fits show it. None where too few tasks failed or ended: then `DEFAULT_RETRY_CORRELATION` counts."""
    found = getattr(fits.get("task_failure"), "calibration", None)
    return found.retry_failure_correlation if found is not None and found.measures_retry_correlation else None
