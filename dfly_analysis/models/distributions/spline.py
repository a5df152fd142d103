"""Log-normal bent by a natural cubic spline: for times that no named family fits, such as links shared by a varying number."""

import numpy as np
from scipy import special

from dfly_analysis.models import distribution as base
from dfly_analysis.models.distribution import LOG_ROOT_TWO_PI, SCALE, Array, Parameters, Shape, log_positive

# In standard deviations; the tails beyond the outer two are straight, that is, log-normal with a spread of their own.
_KNOTS = np.array([-2.2, -1.3, -0.5, 0.3, 1.1, 1.9, 2.7])
_MIN_SLOPE = 1e-3
# Beyond the last knot the spread is at most the scale over this: so far out few attempts count.
_MIN_TAIL_SLOPE = 0.3
_PRICE = 20.0
_Curve = tuple[Array, Array]
_Part = tuple[Array, Array, Array]


class Spline(base.StandardDistribution):
    """``P(D <= t) = Phi(g(z))`` with a natural cubic spline ``g`` (after Royston and Parmar, Stat. Med. 21, 2002)."""

    name = "bent"
    is_fallback = True
    shapes = (SCALE, *(Shape(f"bend_{place}", 0.0, 0.5) for place in range(1, 6)))
    starts = ((0.0,) * 5,)

    def density_z(self, z: Array, shape: Parameters) -> Array:
        return _density(*_spline(z, shape))

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        return np.asarray(special.log_ndtr(-_spline(z, shape)[0]))

    def value_and_slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> base.Derivatives:
        basis, at_limit = _basis(np.minimum(z, _KNOTS[-1])), _tail_slope(shape) < _MIN_TAIL_SLOPE
        spline_z, slope = _spline(z, shape, basis)
        beyond = np.maximum(z - _KNOTS[-1], 0.0)
        fixed = (beyond > 0.0) & at_limit
        steep = [np.where(fixed, 0.0, 3.0 * square) for _, square, _ in basis]
        lifted = [cubic + beyond * steepness for (cubic, _, _), steepness in zip(basis, steep, strict=True)]
        if survival:
            value = special.log_ndtr(-spline_z)
            hazard = np.exp(-0.5 * spline_z * spline_z - LOG_ROOT_TWO_PI - value)
            return value, [-hazard * slope, *(-hazard * lift for lift in lifted)]
        curve = sum(6.0 * a * over for a, (_, _, over) in zip(shape, basis, strict=True))
        curve = np.where(beyond > 0.0, 0.0, curve)
        by_slope = np.where(slope > _MIN_SLOPE, 1.0 / np.maximum(slope, _MIN_SLOPE), _PRICE)
        by_bends = (-spline_z * lift + by_slope * steepness for lift, steepness in zip(lifted, steep, strict=True))
        return _density(spline_z, slope), [-spline_z * slope + by_slope * curve, *by_bends]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        tail = np.maximum(_tail_slope(shape), _MIN_TAIL_SLOPE)
        score = -special.ndtri(1.0 - np.asarray(p, dtype=float))
        return base.invert(lambda z: -_spline(z, shape, tail=tail)[0], -score, *shape)


def _density(spline_z: Array, slope: Array) -> Array:
    # A curve that falls is no distribution: the price of a slope below zero keeps the search away from it.
    price, rising = _PRICE * np.minimum(slope - _MIN_SLOPE, 0.0), np.maximum(slope, _MIN_SLOPE)
    return np.asarray(-0.5 * spline_z * spline_z - LOG_ROOT_TWO_PI + log_positive(rising) + price)


def _spline(z: Array, shape: Parameters, basis: list[_Part] | None = None, tail: Array | None = None) -> _Curve:
    """Return the curve and its slope; the basis up to the last knot and the slope beyond it are computed where not given."""
    inside = np.minimum(z, _KNOTS[-1])
    value, slope = inside, np.ones(np.shape(inside))
    for coefficient, (cubic, square, _) in zip(shape, _basis(inside) if basis is None else basis, strict=True):
        value = value + coefficient * cubic
        slope = slope + 3.0 * coefficient * square
    tail = np.maximum(_tail_slope(shape), _MIN_TAIL_SLOPE) if tail is None else tail
    return value + tail * (z - inside), np.where(z > inside, tail, slope)


def _tail_slope(shape: Parameters) -> Array:
    result = np.asarray(1.0)
    for coefficient, square in zip(shape, _LAST_SQUARES, strict=True):
        result = result + 3.0 * coefficient * square
    return result


def _basis(z: Array) -> list[_Part]:
    """Return the natural cubic basis without its linear part, a third of its slope, a sixth of its bend; up to the last knot."""
    from_first = np.maximum(z - _KNOTS[0], 0.0)
    first_square = from_first * from_first
    first_cube = first_square * from_first
    result = []
    for knot, share in zip(_KNOTS[1:-1], _SHARES, strict=True):
        over = np.maximum(z - knot, 0.0)
        square = over * over
        result.append((over * square - share * first_cube, square - share * first_square, over - share * from_first))
    return result


_SHARES = (_KNOTS[-1] - _KNOTS[1:-1]) / (_KNOTS[-1] - _KNOTS[0])
_LAST_SQUARES = tuple(float(square) for _, square, _ in _basis(_KNOTS[-1]))
