"""Quantities as texts: a number in its unit, a range, and a figure with its interval; what is not known is not printed as a figure."""

import math
from collections.abc import Callable, Mapping

from dfly_analysis.estimates import FACTOR, Interval
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration, format_rate, format_share, format_size

NOTHING = "\N{EN DASH}"
MIN_SHARE = 1e-5
SAYS_NOTHING = 0.9  # a share whose interval is as wide as this is not known


def interval_text(interval: Interval, unit: str) -> str:
    """Return a figure with its interval, or what is known of it; units are those of `figure`.

    >>> interval_text(Interval(0.37, 0.30, 0.45), "share")
    '37 % (30 % to 45 %)'
    >>> interval_text(Interval(16.0, 9.6, 1285.0), "s")
    'not known yet: at least 9.6 s'
    """
    value, span = figure(interval.value, unit), range_text(interval.low, interval.high, unit)
    if interval.low == interval.high or value == span:
        return value
    if unit == "share":  # an upper end says enough of a share that may be far below it
        far = interval.high - interval.low >= SAYS_NOTHING or interval.high < MIN_SHARE
        known = not far and (interval.value == 0.0 or interval.high <= FACTOR * interval.value)
    else:
        known = interval.is_known
    return message("{value} ({interval})", value=value, interval=span) if known else span


def range_text(low: float, high: float, unit: str) -> str:
    """Return a range: ``30 % to 45 %``, ``at most 45 %``, ``at least 3 s``, or that it is not known yet where its ends are far apart."""
    begin, end = figure(low, unit), figure(high, unit)
    from_zero = low < MIN_SHARE if unit == "share" else low <= 0.0 <= high and unit in _PRINTED
    wide = low > 0.0 and FACTOR * low < high
    if high - low >= SAYS_NOTHING and unit == "share":
        return message("not known yet")
    if begin == end or (unit == "share" and high < MIN_SHARE):
        return end
    if math.isinf(high):
        return message("at least {value}", value=begin)
    if from_zero or (wide and unit == "share"):
        return message("at most {value}", value=end)
    if wide:
        return message("not known yet: at least {value}", value=begin)
    return message("{low} to {high}", low=begin, high=end)


def known_value(interval: Interval, unit: str) -> str:
    """Return the figure of an interval, or that it is not known yet where its ends are far apart."""
    spread = math.isfinite(interval.high) and interval.low > 0.0 and not interval.is_known
    unknown = (spread and unit != "share") or (math.isinf(interval.value) and math.isfinite(interval.low))
    return message("not known yet") if unknown else figure(interval.value, unit)


def figure(value: float | None, unit: str) -> str:
    """Return a number in its unit (``share``, ``s``, ``bytes``, ``B/s``, ``percent``, ``cores`` or ``1``); a dash where there is none."""
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT are not equal to themselves
        return NOTHING
    if math.isinf(value):
        return message("unbounded")
    if unit == "cores":
        return message("{n} cores", n=f"{value:.3g}")
    printed = _PRINTED.get(unit)
    return printed(value) if printed else plain(value)


def plain(value: float) -> str:
    """Return a number with three significant digits, whole numbers whole and grouped."""
    if not math.isfinite(value):
        return message("unbounded")
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.3g}"


_PRINTED: Mapping[str, Callable[[float], str]] = {
    "share": format_share, "s": format_duration, "bytes": format_size, "B/s": format_rate, "percent": lambda value: f"{plain(value)} %",
}  # fmt: skip
