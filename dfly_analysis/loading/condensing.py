"""What is left of the records once pieces are rebuilt from them: no stage reads the begin and end of a piece that came through."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_OF_PIECES = ("piece_started", "piece_finished")
_TOLD_QUIETLY = ("TRACE", "DEBUG", "INFO")


def rows_left(events: pd.DataFrame, pieces: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Find the records beyond those that `dfly_analysis.tables.PIECES` tells of in full: most of a large log.

    Parameters
    ----------
    events : pandas.DataFrame
        Records in order; texts may be categories. It is not changed.
    pieces : pandas.DataFrame
        What was rebuilt from them.

    Returns
    -------
    array of bool
        False for begins and ends of pieces at usual levels. What proves that a piece failed stays, and so do the first and
        the last record of each host, which say how long it was seen.
    """
    quiet = events["event_id"].isin(_OF_PIECES) & events["level"].isin(_TOLD_QUIETLY) & events["signature"].isna()
    kept = ~quiet.to_numpy(dtype=bool)
    # A line's number alone is looked at: in another file it keeps a record more, which does no harm.
    proofs = pieces.loc[pieces["outcome"] != "ok", "log_line"].dropna().unique()
    kept |= events["log_line"].isin(proofs).to_numpy(dtype=bool)
    timed = events[["host", "time"]].reset_index(drop=True).dropna(subset=["time"])
    by_host = timed.groupby("host", dropna=False, observed=True)["time"]
    kept[np.concatenate([by_host.idxmin(), by_host.idxmax()]).astype(np.intp)] = True
    return kept


def condense(events: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
    """Leave out the records that `dfly_analysis.tables.PIECES` tells of in full, see `rows_left`; texts become ``str``."""
    return plain(events[rows_left(events, pieces)].reset_index(drop=True))


def plain(events: pd.DataFrame) -> pd.DataFrame:
    """Return records with texts in place of categories."""
    made = {
        str(name): _texts(events[name])
        for name, dtype in events.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }
    return events.assign(**made)


def _texts(column: pd.Series[Any]) -> pd.Series[str]:
    """Return the texts of categories; each is looked at once, which `astype` does not."""
    texts: Any = pd.Series(column.cat.categories, dtype="str").array
    return pd.Series(texts.take(column.cat.codes.to_numpy(), allow_fill=True), column.index)
