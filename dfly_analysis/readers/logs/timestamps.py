"""Times of records to nanoseconds in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")


def as_times(texts: Sequence[str], tz: str) -> pa.Array:
    """Return times as they are written, in any form of ISO 8601, as timestamps.

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
    import pandas as pd

    series = pd.Series(list(texts), dtype="str")
    zoned = pd.Series([_ZONE.search(text) is not None for text in texts], dtype=bool)
    times = _in_range(pd.to_datetime(series.where(zoned), format="ISO8601", utc=True, errors="coerce"))
    if not zoned.all():
        local = pd.to_datetime(series.where(~zoned), format="ISO8601", errors="coerce")
        times = times.fillna(_in_range(_localised(local, tz)))
    return pa.array(times, pa.timestamp("ns", "UTC"))


def local_to_utc(time_ns: npt.NDArray[np.int64], tz: str) -> npt.NDArray[np.int64]:
    """Return nanoseconds of a zone's clock as those of UTC; numpy's "not a time" where the clock shows an hour twice."""
    if tz.upper() == "UTC":
        return time_ns.copy()
    import pandas as pd

    local = _localised(pd.Series(time_ns.astype("M8[ns]")), tz)
    return np.asarray(local.dt.tz_localize(None), "M8[ns]").view(np.int64)


def _localised(local: pd.Series[Any], tz: str) -> pd.Series[Any]:
    return local.dt.tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")  # type: ignore[no-any-return]


def _in_range(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times in nanoseconds; a year that they cannot hold is none."""
    fine = times.dt.year.between(_FIRST_YEAR, _LAST_YEAR)
    return times.where(fine).astype("datetime64[ns, UTC]")
