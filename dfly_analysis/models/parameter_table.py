"""A fitted law's parameters, in their own units."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.estimates import Param
from dfly_analysis.models.distribution import LARGEST_LOG, Shape
from dfly_analysis.models.likelihood import POWER
from dfly_analysis.models.maximum_likelihood import Fitted

_MIB = 2.0**20


def describe(fitted: Fitted, level: float = 0.95) -> tuple[Param, ...]:
    """Return the parameters of a fitted law with their intervals.

    Parameters
    ----------
    fitted : Fitted
    level : float
        Of the intervals, from the covariance on the scale of the search.

    Returns
    -------
    tuple of Param
        ``location_1mib`` (seconds, location of the law at 1 MiB after any overhead), ``slope`` (power of size) or ``overhead`` (seconds),
        then the shapes; times in seconds.
    """
    rows, theta = fitted.model.rows, fitted.theta
    z = float(special.ndtri(0.5 + level / 2.0))
    x = float(np.log(_MIB)) - rows.log_size
    power = fitted.model.form == POWER
    row = np.zeros(len(theta))
    row[0], row[1] = 1.0, x if power else 0.0
    middle = float(row @ theta) + (0.0 if power else x) + rows.log_unit
    half = z * float(np.sqrt(row @ fitted.spread @ row))
    edges = (middle, middle - half, middle + half)
    result = [_param("location_1mib", [float(np.exp(np.clip(edge, -LARGEST_LOG, LARGEST_LOG))) for edge in edges], "s")]
    spread = z * float(np.sqrt(fitted.spread[1, 1]))
    second = [float(theta[1] + step * spread) for step in (0.0, -1.0, 1.0)]
    if power:
        result.append(_param("slope", second, "log s per log byte"))
    else:
        unit = float(np.exp(rows.log_unit))
        found = [float(fitted.model.overhead((theta[0], np.array(edge)))) * unit for edge in second]
        result.append(_param("overhead", found, "s"))
    return (*result, *(_shape(fitted, place, shape, z) for place, shape in enumerate(fitted.model.distribution.shapes)))


def _shape(fitted: Fitted, place: int, shape: Shape, z: float) -> Param:
    middle = float(fitted.theta[2 + place])
    half = z * float(np.sqrt(fitted.spread[2 + place, 2 + place]))
    unit = float(np.exp(fitted.model.rows.log_unit)) if shape.unit == "s" else 1.0
    return _param(
        shape.name, [shape.natural(edge) * unit for edge in (middle, middle - half, middle + half)], shape.unit
    )


def _param(name: str, edges: list[float], unit: str) -> Param:
    value, low, high = edges
    return Param(name, value, low, high, unit)
