"""Every fit a dataset can carry, by name."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from dfly_analysis.fits import NotFitted
from dfly_analysis.models.choosing import fit_duration
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.tasks import TaskFailureFit, task_failure_by_size

_ORIGINS = ("source", "parent")
_FEWEST_OF_A_ROLE = 200
_PIECE_STEP_BYTES, _WHOLE_SHARE, _FEWEST_WHOLE = 4 << 20, 0.8, 100


class Frames(Protocol):
    """The two tables fits are made of."""

    @property
    def pieces(self) -> pd.DataFrame:
        """Return the attempts at pieces."""
        ...

    @property
    def tasks(self) -> pd.DataFrame:
        """Return the tasks."""
        ...


def fit_all(dataset: Frames) -> dict[str, DurationFit | TaskFailureFit | NotFitted]:
    """Fit everything the tables carry.

    Parameters
    ----------
    dataset : object with ``pieces`` and ``tasks``
        Frames as the tables' schemas say.

    Returns
    -------
    dict of str to DurationFit, TaskFailureFit or NotFitted
        ``piece_from_source``, ``piece_from_parent`` and ``task_failure`` always; ``piece_from_source_seedClient`` and
        the like where a role other than the only one has 200 attempts.
    """
    pieces = dataset.pieces
    if "survivors_unseen" in pieces.columns:  # such rounds show their failures only and would bend the law upward
        pieces = pieces[~pieces["survivors_unseen"]]
    made: dict[str, DurationFit | TaskFailureFit | NotFitted] = {}
    for origin in _ORIGINS:
        name = f"piece_from_{origin}"
        rows = _whole_pieces(pieces[(pieces["origin"] == origin).fillna(value=False)])
        made[name] = fit_duration(rows, name=name)
        roles = rows["role"].value_counts() if "role" in rows.columns else pd.Series(dtype="int64")
        for role in sorted(str(role) for role, count in roles.items() if count >= _FEWEST_OF_A_ROLE and len(roles) > 1):
            made[f"{name}_{role}"] = fit_duration(rows[rows["role"] == role], name=f"{name}_{role}")
    made["task_failure"] = task_failure_by_size(dataset.tasks)
    return made


def _whole_pieces(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out last pieces of layers where whole ones abound.

    A last piece may be of any size down to a byte, its time is mostly set-up; a few of them make the law bend where no
    whole piece ever is. Piece lengths are multiples of 4 MiB in every release.
    """
    whole = (rows["size_bytes"] % _PIECE_STEP_BYTES == 0).fillna(value=False).astype(bool)
    return rows[whole] if whole.mean() >= _WHOLE_SHARE and whole.sum() >= _FEWEST_WHOLE else rows
