"""What a duration distribution is: density and survival of the log of a time, and its quantiles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
# A vector, or one array of draws for each parameter.
Parameters = Sequence[Array] | Array
Derivatives = tuple[Array, list[Array]]
LARGEST_LOG = 60.0
LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
_STEP = 1e-4


@dataclass(frozen=True)
class Shape:
    """A parameter of a distribution besides its location."""

    name: str
    prior_mean: float
    """A wide normal prior matters only where the data say nothing, and keeps the curvature finite there."""
    prior_sd: float
    scale: str = "plain"  # how it is searched: ``log``, ``logit`` or ``plain``
    unit: str = "1"
    reach: float = float("inf")  # how far it may get from the prior's mean: near it a step of the search moves it less

    def bounded(self, searched: Array) -> Array:
        """Return the value within reach, on the scale of the search."""
        if np.isinf(self.reach):
            return searched
        return np.asarray(self.prior_mean + self.reach * np.tanh((searched - self.prior_mean) / self.reach))

    def natural(self, searched: float) -> float:
        """Return the parameter itself from its value on the scale of the search."""
        value = float(self.bounded(np.array(searched)))
        limited = np.clip(value, -LARGEST_LOG, LARGEST_LOG)
        if self.scale == "log":
            return float(np.exp(limited))
        return float(1.0 / (1.0 + np.exp(-limited))) if self.scale == "logit" else value


SCALE = Shape("scale", -0.7, 2.0, "log")


class Distribution:
    """A family of distributions of ``y = log(time)`` with a location, a scale and perhaps more; two of one class are equal.

    All arguments broadcast. Times are in units of the geometric mean of the data, so that priors mean the same whatever the unit.
    """

    name: str = ""
    is_fallback: bool = False  # it only follows the data where no named distribution does
    family: str = ""  # distributions of one family are variants of one idea and share one vote
    proportional: bool = True  # all its times grow with the location, so that residuals of all sizes are alike
    heterogeneous: bool = False  # it mixes two kinds of attempts; ``share`` is the logit of the share of the rare kind
    shapes: tuple[Shape, ...] = (SCALE,)  # parameters after the location; the first is always the log of the scale
    # of the shapes after the scale, several where the likelihood has several maxima
    starts: tuple[tuple[float, ...], ...] = ((),)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def start_of_search(self, theta: Array) -> Array:
        """Return where the search begins, from location and scale of a log-normal, less what the shapes add to both."""
        return theta

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        raise NotImplementedError

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        raise NotImplementedError

    def value_and_scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> Derivatives:
        """Return the log survival or the log density, and each row's derivatives by location and shapes."""
        function = self.log_survival if survival else self.log_density
        by_location = differentiate(lambda step: function(y, location + step, shape))
        return function(y, location, shape), [by_location, *by_shapes(lambda moved: function(y, location, moved), shape)]  # fmt: skip

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        """Return ``y`` below which a share ``p`` lies."""
        return invert(lambda y: self.log_survival(y, location, shape), np.log1p(-np.asarray(p)), location, *shape)


class StandardDistribution(Distribution):
    """A location-scale family: everything follows from the standardised residual ``z = (y - location) / scale``."""

    def density_z(self, z: Array, shape: Parameters) -> Array:
        raise NotImplementedError

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        raise NotImplementedError

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        raise NotImplementedError

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return the derivatives of the log survival or log density by the residual and the shapes after the scale."""
        function = self.survival_z if survival else self.density_z
        by_residual = differentiate(lambda step: function(z + step, shape))
        return [by_residual, *by_shapes(lambda moved: function(z, moved), shape)]

    def value_and_slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> Derivatives:
        """Return the log survival or log density of the residual, and its derivatives by it and the shapes."""
        function = self.survival_z if survival else self.density_z
        return function(z, shape), self.slopes_z(z, shape, survival=survival)

    def value_and_scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> Derivatives:
        inverse = np.exp(-shape[0])
        z = (y - location) * inverse
        value, (slope, *rest) = self.value_and_slopes_z(z, shape[1:], survival=survival)
        slopes = [-slope * inverse, -slope * z - (0.0 if survival else 1.0), *rest]
        return value if survival else value - shape[0], slopes

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        return self.density_z((y - location) * np.exp(-shape[0]), shape[1:]) - shape[0]

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        return self.survival_z((y - location) * np.exp(-shape[0]), shape[1:])

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        return np.asarray(location + np.exp(shape[0]) * self.quantile_z(np.asarray(p, dtype=float), shape[1:]))


def differentiate(function: Callable[[float], Array]) -> Array:
    """Return the derivative at 0 by central difference, good to about eight digits of a smooth function."""
    return np.asarray((function(_STEP) - function(-_STEP)) / (2.0 * _STEP))


def by_shapes(function: Callable[[list[Array]], Array], shape: Parameters) -> list[Array]:
    """Return the derivatives of a function by each of its shapes."""

    def moved(place: int) -> Callable[[float], Array]:
        return lambda step: function([value + step * (at == place) for at, value in enumerate(shape)])

    return [differentiate(moved(place)) for place in range(len(shape))]


def log_positive(value: Array) -> Array:
    """Return the log, of at least the smallest positive number."""
    return np.asarray(np.log(np.maximum(value, 1e-300)))


def log_sum(logs: Array) -> Array:
    """Return the log of the sum of exponentials along the first axis."""
    most = logs.max(axis=0)
    return np.asarray(most + np.log(np.exp(logs - most).sum(axis=0)))


def invert(falling: Callable[[Array], Array], target: Array, *others: Array) -> Array:
    """Return where a falling function reaches each target, for targets and other arguments that broadcast."""
    size = np.broadcast_shapes(np.shape(target), *(np.shape(value) for value in others))
    return find_roots(lambda y: falling(y) - target, np.full(size, -LARGEST_LOG), np.full(size, LARGEST_LOG))


def find_roots(falling: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where each of many falling curves crosses zero, to ten digits, by Chandrupatla's method; else the nearer end."""
    from scipy.optimize import elementwise

    places = np.array(low, dtype=float)

    def of_some(place: Array, *which: Any) -> Array:
        # Curves that are found stay where they are. The search takes no infinity.
        places.flat[which[0]] = place
        return np.asarray(np.clip(falling(places), -1e30, 1e30).flat[which[0]])

    curves, tolerances = np.arange(places.size).reshape(places.shape), {"xatol": 1e-10, "xrtol": 0.0, "fatol": 1e-11, "frtol": 0.0}  # fmt: skip
    found: Any = elementwise.find_root(of_some, (low, high), args=(curves,), tolerances=cast("Any", tolerances), maxiter=80)  # fmt: skip
    one_sided = found.status == -1
    return np.asarray(np.where(one_sided, np.where(found.f_bracket[0] <= 0.0, *found.bracket), found.x))
