"""Times of records to nanoseconds in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.readers.logs.arrow_utils import moments as as_moments

if TYPE_CHECKING:
    import pandas as pd

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_USUAL = re.compile(
    r"(?P<moment>(?:197[1-9]|19[89]\d|2[01]\d\d)-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)?\Z",
    re.ASCII,
)
"""Times as the programs write them, which need no general reader of times."""


def as_times(texts: Sequence[str], tz: str) -> pa.Array:
    """Return times as they are written, in any form, as timestamps.

    Parameters
    ----------
    texts : sequence of str
        Empty where a record has none.
    tz : str
        Zone of those that carry none.

    Returns
    -------
    pyarrow.Array
        Nanoseconds in UTC; null where a text is no time between 1970 and 2200.
    """
    usual = [_USUAL.match(text) for text in texts]
    if all(match is not None for match in usual):
        return _as_usual([match for match in usual if match], tz)
    return _as_any(texts, tz)


def _as_any(texts: Sequence[str], tz: str) -> pa.Array:
    import pandas as pd

    series = pd.Series(list(texts), dtype="str")
    zoned = series.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).fillna(value=False).astype(bool)
    times = _in_range(pd.to_datetime(series.where(zoned), format="ISO8601", utc=True, errors="coerce"))
    if not zoned.all():
        local = pd.to_datetime(series.where(~zoned), format="ISO8601", errors="coerce")
        times = times.fillna(_in_range(_localised(local, tz)))
    return pa.array(times, pa.timestamp("ns", "UTC"))


def _as_usual(matches: Sequence[re.Match[str]], tz: str) -> pa.Array:
    seconds = _seconds([match["moment"] for match in matches])
    fraction = np.array([int((match["fraction"] or "0").ljust(9, "0")) for match in matches], np.int64)
    ahead = np.array([_ahead(match["zone"]) for match in matches], "m8[s]")
    moments = (seconds - ahead).astype("M8[ns]") + fraction.astype("m8[ns]")
    local = np.array([match["zone"] is None for match in matches], np.bool_)
    if local.any():
        moments[local] = local_to_utc(moments[local].astype(np.int64), tz)
    return as_moments(moments)


def _seconds(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Return days and hours as moments; those that do not exist as no time."""
    try:
        return np.array(texts, "M8[s]")
    except ValueError:
        return np.array([_seconds([text])[0] if len(texts) > 1 else np.datetime64("NaT") for text in texts], "M8[s]")


@lru_cache(maxsize=256)
def _ahead(zone: str | None) -> np.timedelta64:
    """Return how far the clock of a zone such as ``+08:00`` is ahead of UTC; no time for one that does not exist."""
    if zone is None or zone == "Z":
        return np.timedelta64(0, "s")
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    ahead_s = (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
    return np.timedelta64(ahead_s, "s") if hours < 24 and minutes < 60 else np.timedelta64("NaT")


def local_to_utc(time_ns: npt.NDArray[np.int64], tz: str) -> npt.NDArray[Any]:
    """Return nanoseconds of a zone's clock as moments; not a time where the clock shows an hour twice."""
    moments = time_ns.astype("M8[ns]")
    if tz.upper() == "UTC":
        return moments
    import pandas as pd

    return np.asarray(_localised(pd.Series(moments), tz).dt.tz_localize(None))


def _localised(local: pd.Series[Any], tz: str) -> pd.Series[Any]:
    return local.dt.tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")  # type: ignore[no-any-return]


def _in_range(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times in nanoseconds; a year that they cannot hold is none."""
    fine = times.dt.year.between(_FIRST_YEAR, _LAST_YEAR)
    return times.where(fine).astype("datetime64[ns, UTC]")
