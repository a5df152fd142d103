"""What a fitted model answers: intervals, parameters, goodness, or the reason why there is no fit. Frozen values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Self

from dfly_analysis.errors import TableError


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval, in the unit that its source names.

    Attributes
    ----------
    value, low, high : float
        ``low <= value <= high``.
    """

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
        return (
            self
            if self.high <= most
            else replace(self, value=min(self.value, most), low=min(self.low, most), high=math.inf)
        )


LEVEL = 0.95  # confidence level of every interval that is shown
FACTOR = 10.0
"""A range with ends further apart than this, and what lies beyond so many times the largest value seen, is not known."""
DEFAULT_RETRY_CORRELATION = Interval(0.0, 0.0, 0.1)
"""Assumed, not measured: the share of failures of a pass that repeat in the next, where a run does not show it."""


@dataclass(frozen=True)
class Param:
    """A fitted parameter.

    Attributes
    ----------
    name : str
    value, low, high : float
        Estimate and 95 % interval.
    unit : str
        ``log s``, ``1``, ``s``, ``B/s`` …
    """

    name: str
    value: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class NotFitted:
    """No fit, because the data are not enough for one.

    Attributes
    ----------
    name : str
        Which model.
    reason : str
        One sentence.
    collect : str
        What to collect so that it can be fitted.
    n : int
        Rows there were.
    """

    name: str
    reason: str
    collect: str
    n: int = 0

    def __bool__(self) -> bool:
        """Return False, so that ``if fit:`` reads well."""
        return False


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """What every fitted model has.

    Attributes
    ----------
    name, model : str
        What was fitted, and the distribution or model that fits best.
    params : tuple of Param
    n, n_censored : int
        Observations, and how many of them have no known end.
    goodness : mapping of str to float
    window : (str, str) or None
        First and last start, ISO.
    extrapolates_beyond_s : float or None
        Longest time seen, seconds; beyond it the answer is extrapolated.
    notes : tuple of str
        What the reader must know.
    """

    name: str
    model: str
    params: tuple[Param, ...] = ()
    n: int
    n_censored: int = 0
    goodness: Mapping[str, float] = field(default_factory=dict)
    window: tuple[str, str] | None = None
    extrapolates_beyond_s: float | None = None
    notes: tuple[str, ...] = ()

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
    """Return a share (0 to 1) with Wilson's interval; of nothing the value is 0 and the interval all of it.

    Raises
    ------
    TableError
        Unless ``0 <= successes <= n``.
    """
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
    """Return the share of failures of a pass that repeat in the next, as a run's own fits show it.

    None where too few tasks failed or ended: then `DEFAULT_RETRY_CORRELATION` counts.
    """
    found = getattr(fits.get("task_failure"), "calibration", None)
    return found.retry_failure_correlation if found is not None and found.measures_retry_correlation else None
