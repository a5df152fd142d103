"""Log-normal bent by a smooth curve: for times that no named family fits, such as links shared by a varying number."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import LARGEST_LOG, SCALE, Array, Parameters, Shape, StandardLaw, log_positive
from dfly_analysis.models.root_finding import crossing

# In standard deviations; the tails beyond the outer two are straight, that is, log-normal with a spread of their own.
_KNOTS = np.array([-2.2, -1.3, -0.5, 0.3, 1.1, 1.9, 2.7])
_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_LEAST_SLOPE = 1e-3
# Beyond the last knot the spread may be this many times the scale at most: so far out few attempts have a say.
_LEAST_TAIL_SLOPE = 0.3
_PRICE = 20.0


class Bent(StandardLaw):
    """``P(D <= t) = Phi(g(z))`` with a natural cubic spline ``g`` (after Royston and Parmar, Stat. Med. 21, 2002)."""

    name = "bent"
    stand_in = True
    title = "log-normal bent by a spline"
    shapes = (SCALE, *(Shape(f"bend_{place}", 0.0, 0.0, 0.5) for place in range(1, 6)))

    def density_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log density of the standardised residual."""
        return _density(*_bend(z, shape))

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log survival of the standardised residual."""
        return np.asarray(special.log_ndtr(-_bend(z, shape)[0]))

    def value_and_slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> tuple[Array, list[Array]]:
        """Return the log survival or log density, with the derivatives by the residual and the bends in closed form."""
        basis, held = _basis(np.minimum(z, _KNOTS[-1])), _tail_slope(shape) < _LEAST_TAIL_SLOPE
        bent, slope = _bend(z, shape, basis)
        beyond = np.maximum(z - _KNOTS[-1], 0.0)
        still = (beyond > 0.0) & held
        steep = [np.where(still, 0.0, 3.0 * square) for _, square, _ in basis]
        lifted = [cubic + beyond * steepness for (cubic, _, _), steepness in zip(basis, steep, strict=True)]
        if survival:
            value = special.log_ndtr(-bent)
            hazard = np.exp(-0.5 * bent * bent - _LOG_ROOT_TWO_PI - value)
            return value, [-hazard * slope, *(-hazard * lift for lift in lifted)]
        curve = sum(6.0 * a * over for a, (_, _, over) in zip(shape, basis, strict=True))
        curve = np.where(beyond > 0.0, 0.0, curve)
        by_slope = np.where(slope > _LEAST_SLOPE, 1.0 / np.maximum(slope, _LEAST_SLOPE), _PRICE)
        return _density(bent, slope), [
            -bent * slope + by_slope * curve,
            *(-bent * lift + by_slope * steepness for lift, steepness in zip(lifted, steep, strict=True)),
        ]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        """Return the quantile of the standardised residual, by search."""
        target = -special.ndtri(1.0 - np.asarray(p, dtype=float))
        size = np.broadcast_shapes(np.shape(target), *(np.shape(value) for value in shape))
        tail = np.maximum(_tail_slope(shape), _LEAST_TAIL_SLOPE)
        return crossing(
            lambda z: target - _bend(z, shape, tail=tail)[0], np.full(size, -LARGEST_LOG), np.full(size, LARGEST_LOG)
        )


def _density(bent: Array, slope: Array) -> Array:
    # A curve that falls is no law: the price of a slope below zero keeps the search away from it.
    price = _PRICE * np.minimum(slope - _LEAST_SLOPE, 0.0)
    return np.asarray(-0.5 * bent * bent - _LOG_ROOT_TWO_PI + log_positive(np.maximum(slope, _LEAST_SLOPE)) + price)


def _bend(
    z: Array,
    shape: Parameters,
    basis: list[tuple[Array, Array, Array]] | None = None,
    tail: Array | None = None,
) -> tuple[Array, Array]:
    """Return the curve and its slope; the basis up to the last knot and the slope beyond it are made where not given."""
    inside = np.minimum(z, _KNOTS[-1])
    value, slope = inside, np.ones(np.shape(inside))
    for coefficient, (cubic, square, _) in zip(shape, _basis(inside) if basis is None else basis, strict=True):
        value = value + coefficient * cubic
        slope = slope + 3.0 * coefficient * square
    tail = np.maximum(_tail_slope(shape), _LEAST_TAIL_SLOPE) if tail is None else tail
    return value + tail * (z - inside), np.where(z > inside, tail, slope)


def _tail_slope(shape: Parameters) -> Array:
    made = np.asarray(1.0)
    for coefficient, square in zip(shape, _LAST_SQUARES, strict=True):
        made = made + 3.0 * coefficient * square
    return made


def _basis(z: Array) -> list[tuple[Array, Array, Array]]:
    """Return the natural cubic basis without its linear part, a third of its slope, a sixth of its bend; up to the last knot."""
    from_first = np.maximum(z - _KNOTS[0], 0.0)
    first_square = from_first * from_first
    first_cube = first_square * from_first
    made = []
    for knot, share in zip(_KNOTS[1:-1], _SHARES, strict=True):
        over = np.maximum(z - knot, 0.0)
        square = over * over
        made.append((over * square - share * first_cube, square - share * first_square, over - share * from_first))
    return made


_SHARES = (_KNOTS[-1] - _KNOTS[1:-1]) / (_KNOTS[-1] - _KNOTS[0])
_LAST_SQUARES = tuple(float(square) for _, square, _ in _basis(_KNOTS[-1]))


LAW = Bent()
