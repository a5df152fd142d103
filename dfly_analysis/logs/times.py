"""Times of records to nanoseconds in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

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
    series = pd.Series(list(texts), dtype="str")
    zoned = series.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).fillna(value=False).astype(bool)
    times = _in_range(pd.to_datetime(series.where(zoned), format="ISO8601", utc=True, errors="coerce"))
    if not zoned.all():
        local = pd.to_datetime(series.where(~zoned), format="ISO8601", errors="coerce")
        times = times.fillna(_in_range(_localised(local, tz)))
    return pa.array(times, pa.timestamp("ns", "UTC"))


def _as_usual(matches: Sequence[re.Match[str]], tz: str) -> pa.Array:
    found = [_nanoseconds(match) for match in matches]
    moments = np.array([np.iinfo(np.int64).min if one is None else one for one in found], np.int64).astype("M8[ns]")
    local = np.array([match["zone"] is None for match in matches], np.bool_)
    if local.any():
        moments[local] = local_to_utc(moments[local].astype(np.int64), tz)
    return pa.array(moments, pa.timestamp("ns", "UTC"), mask=np.isnat(moments))


def _nanoseconds(match: re.Match[str]) -> int | None:
    """Return nanoseconds since 1970, None for a day or an hour that does not exist."""
    try:
        moment = datetime.fromisoformat(
            f"{match['moment']}{'+00:00' if match['zone'] in {None, 'Z'} else match['zone']}"
        )
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    fraction = (match["fraction"] or "").ljust(9, "0")
    return (since.days * 86400 + since.seconds) * 1_000_000_000 + int(fraction)


def local_to_utc(time_ns: npt.NDArray[np.int64], tz: str) -> npt.NDArray[Any]:
    """Return nanoseconds of a zone's clock as moments; not a time where the clock shows an hour twice."""
    moments = time_ns.astype("M8[ns]")
    if tz.upper() == "UTC":
        return moments
    return np.asarray(_localised(pd.Series(moments), tz).dt.tz_localize(None))


def _localised(local: pd.Series[Any], tz: str) -> pd.Series[Any]:
    return local.dt.tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")  # type: ignore[no-any-return]


def _in_range(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times in nanoseconds; a year that they cannot hold is none."""
    fine = times.dt.year.between(_FIRST_YEAR, _LAST_YEAR)
    return times.where(fine).astype("datetime64[ns, UTC]")
