"""Datasets of frames that tests write down, with the types of the tables."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.schema import ALL

TABLES = {table.name: table for table in ALL}


def dataset_of(**frames: pd.DataFrame) -> Dataset:
    """Return a dataset of frames by the names of their tables; what a frame lacks is missing."""
    return Dataset.from_frames(**{name: TABLES[name].frame(frame.to_dict("series")) for name, frame in frames.items()})
