"""What several checks ask of pieces: attempts at the source whose end is told, the good with the bad."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset


def told_pieces(dataset: Dataset) -> pd.DataFrame:
    """Return role, host, peer, begin and end of attempts at the source that ended, with ``bad``: whether they failed.

    Where nobody logs survivors, shares say nothing and the rows are left out, as are siblings cancelled for another's failure.
    """
    pieces = dataset.pieces
    told = (
        (pieces["origin"] == "source") & pieces["host"].notna() & pieces["ended"].notna() & ~pieces["survivors_unseen"]
    )
    chosen = told & (pieces["outcome"] != "cancelled")
    bad = pieces["outcome"] != "ok"
    return pieces.loc[chosen, ["role", "host", "peer_id", "started", "ended"]].assign(bad=bad)
