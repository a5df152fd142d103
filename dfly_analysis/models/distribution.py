"""What a duration law is: density and survival of the log of a time, and its quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dfly_analysis.models.root_finding import crossing

Array = npt.NDArray[np.float64]
# A vector, or one array of draws for each parameter.
Parameters = Sequence[Array] | Array
LARGEST_LOG = 60.0
_LOG_TINY = 1e-300
_STEP = 1e-4


@dataclass(frozen=True)
class Shape:
    """A parameter of a law besides its location.

    Attributes
    ----------
    name : str
    start : float
        Where the search begins; further places in ``Distribution.starts``.
    prior_mean, prior_sd : float
        A wide normal prior, on the scale of the search. It matters only where the data say nothing, and keeps the
        curvature there finite.
    scale : str
        ``log``, ``logit`` or ``plain``: how the parameter is searched.
    unit : str
        Unit of the parameter itself.
    reach : float
        How far it may get from the prior's mean: nearer the edge, a step of the search moves it less and less.
    """

    name: str
    start: float
    prior_mean: float
    prior_sd: float
    scale: str = "plain"
    unit: str = "1"
    reach: float = float("inf")

    def held(self, searched: Array) -> Array:
        """Return the value within reach, on the scale of the search."""
        if np.isinf(self.reach):
            return searched
        return np.asarray(self.prior_mean + self.reach * np.tanh((searched - self.prior_mean) / self.reach))

    def natural(self, searched: float) -> float:
        """Return the parameter itself from its value on the scale of the search."""
        searched = float(self.held(np.array(searched)))
        if self.scale == "log":
            return float(np.exp(np.clip(searched, -LARGEST_LOG, LARGEST_LOG)))
        if self.scale == "logit":
            return float(1.0 / (1.0 + np.exp(-np.clip(searched, -LARGEST_LOG, LARGEST_LOG))))
        return float(searched)


SCALE = Shape("scale", -0.7, -0.7, 2.0, "log")


class Distribution:
    """A family of laws of ``y = log(time)`` with a location, a scale and perhaps more.

    All arguments broadcast: rows of data against one parameter, or one time against many drawn parameters. Times are
    in units of the geometric mean of the data, so that priors mean the same whatever the unit.

    Attributes
    ----------
    name, title : str
        Id and words for it.
    is_fallback : bool
        Whether it only follows the data where no named law does.
    family : str
        Laws of one kin are variants of one idea and share one vote.
    proportional : bool
        Whether all its times grow with the location, so that residuals of all sizes are alike.
    shapes : tuple of Shape
        Parameters after the location; the first is always the log of the scale.
    heterogeneous : bool
        Whether it mixes two kinds of attempts; ``share`` is then the logit of the share of the rare kind.
    """

    name: str = ""
    is_fallback: bool = False
    family: str = ""
    proportional: bool = True
    title: str = ""
    shapes: tuple[Shape, ...] = (SCALE,)
    heterogeneous: bool = False

    def __reduce__(self) -> Any:
        """Let another process have its own of the laws there are: fits tell laws apart by which one they are."""
        from dfly_analysis.models.distributions import all_distributions, distribution_named

        return (
            (distribution_named, (self.name,)) if all_distributions().get(self.name) is self else super().__reduce__()
        )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin the search for the shapes after the scale; more than one where the likelihood has hills."""
        return (tuple(shape.start for shape in self.shapes[1:]),)

    def placed(self, theta: Array) -> Array:
        """Return a beginning of the search, from location, second parameter, scale and the law's own shapes.

        Location and scale come from a log-normal; a law that moves or spreads times by other means takes that out here.
        """
        return theta

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        raise NotImplementedError

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        raise NotImplementedError

    def scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return each row's derivatives by location and shapes, of the log survival or the log density."""
        function = self.log_survival if survival else self.log_density
        result = [central(lambda moved: function(y, location + moved, shape))]
        return result + [
            _by_shape(lambda moved: function(y, location, moved), shape, place) for place in range(len(shape))
        ]

    def value_and_scores(
        self, y: Array, location: Array, shape: Parameters, *, survival: bool
    ) -> tuple[Array, list[Array]]:
        """Return the log survival or the log density, and its derivatives; laws for which both are one work replace this."""
        function = self.log_survival if survival else self.log_density
        return function(y, location, shape), self.scores(y, location, shape, survival=survival)

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        """Return ``y`` below which a share ``p`` lies, by search; laws with a closed form replace this."""
        return self.search_quantile(p, location, shape, -LARGEST_LOG, LARGEST_LOG)

    def search_quantile(
        self, p: Array, location: Array, shape: Parameters, low: Array | float, high: Array | float
    ) -> Array:
        """Return ``y`` below which a share ``p`` lies, between two bounds."""
        target = np.log1p(-np.asarray(p, dtype=float))
        size = np.broadcast_shapes(target.shape, np.shape(location), *(np.shape(value) for value in shape))

        def above(y: Array) -> Array:
            return np.asarray(self.log_survival(y, location, shape) - target)

        return crossing(above, np.broadcast_to(low, size), np.broadcast_to(high, size))


class StandardDistribution(Distribution):
    """A location-scale family: everything follows from the standardised residual ``z = (y - location) / scale``."""

    def density_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log density of the standardised residual."""
        raise NotImplementedError

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log survival of the standardised residual."""
        raise NotImplementedError

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        """Return the quantile of the standardised residual."""
        raise NotImplementedError

    def scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return each row's derivatives; location and scale both follow from the slope in the residual."""
        return self.value_and_scores(y, location, shape, survival=survival)[1]

    def value_and_scores(
        self, y: Array, location: Array, shape: Parameters, *, survival: bool
    ) -> tuple[Array, list[Array]]:
        """Return the log survival or the log density, and its derivatives."""
        inverse = np.exp(-shape[0])
        z = (y - location) * inverse
        value, (slope, *rest) = self.value_and_slopes_z(z, shape[1:], survival=survival)
        slopes = [-slope * inverse, -slope * z - (0.0 if survival else 1.0), *rest]
        return value if survival else value - shape[0], slopes

    def value_and_slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> tuple[Array, list[Array]]:
        """Return the log survival or log density of the residual, and its derivatives by it and the shapes."""
        function = self.survival_z if survival else self.density_z
        return function(z, shape), self.slopes_z(z, shape, survival=survival)

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return the derivatives of the log survival or log density by the residual and the shapes after the scale."""
        function = self.survival_z if survival else self.density_z
        result = [central(lambda moved: function(z + moved, shape))]
        return result + [_by_shape(lambda moved: function(z, moved), shape, place) for place in range(len(shape))]

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        return self.density_z((y - location) * np.exp(-shape[0]), shape[1:]) - shape[0]

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        return self.survival_z((y - location) * np.exp(-shape[0]), shape[1:])

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        """Return ``y`` below which a share ``p`` lies."""
        return np.asarray(location + np.exp(shape[0]) * self.quantile_z(np.asarray(p, dtype=float), shape[1:]))


def central(function: Callable[[float], Array]) -> Array:
    """Return the derivative at 0 by central difference, good to about eight digits of a smooth function."""
    return np.asarray((function(_STEP) - function(-_STEP)) / (2.0 * _STEP))


def _by_shape(function: Callable[[list[Array]], Array], shape: Parameters, place: int) -> Array:
    """Return the derivative by one of the shapes."""
    return central(lambda step: function([value + step if at == place else value for at, value in enumerate(shape)]))


def log_positive(value: Array) -> Array:
    """Return the log, with what has run out of digits held at the smallest number there is."""
    return np.asarray(np.log(np.maximum(value, _LOG_TINY)))
