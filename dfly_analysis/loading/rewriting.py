"""Writes parts anew that repeat what another file holds, without what they repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dfly_analysis.io.output_store import Store
from dfly_analysis.loading.copies import COMPARED, Copies
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.joining import without_copies
from dfly_analysis.loading.parts import PartWriter, read_gathered, read_records
from dfly_analysis.logs.schema import to_frame


def rewrite_copies(store: Store, addresses: Mapping[str, set[str]], copies: Copies) -> dict[str, int]:
    """Write anew the parts with copies.

    Parameters
    ----------
    store : Store
    addresses : mapping of str to set of str
        Logs in each part that has records.
    copies : mapping of str to sequence of str
        Address of each copy, and of the logs it repeats.

    Returns
    -------
    dict of str to int
        Names of the parts that changed, and how many records they have now.
    """
    kept: dict[str, npt.NDArray[np.int64]] = {}
    for name, held in addresses.items():
        own = {copy: originals for copy, originals in copies.items() if copy in held}
        if own:
            wanted = {original for originals in own.values() for original in originals}
            others = [other for other, logs in addresses.items() if other != name and logs & wanted]
            kept[name] = _kept(store, name, others, own)
    for name, places in kept.items():  # not before all are known: what a copy repeats may be a copy itself
        _rewrite(store, name, places)
    return {name: len(places) for name, places in kept.items()}


def _kept(store: Store, name: str, others: Sequence[str], copies: Copies) -> npt.NDArray[np.int64]:
    """Return the places of a part's records that no other log holds."""
    import pandas as pd

    with store.open(name) as file:
        own = to_frame(read_records(file, COMPARED))
    frames = [own.assign(_place=range(len(own)))]
    for other in others:
        with store.open(other) as file:
            frames.append(to_frame(read_records(file, COMPARED)))
    left = without_copies(pd.concat(frames, ignore_index=True), copies)
    return left["_place"].dropna().to_numpy(np.int64)


def _rewrite(store: Store, name: str, places: npt.NDArray[np.int64]) -> None:
    import pyarrow as pa

    with store.open(name) as file:
        gathered, table = read_gathered(file) or Gathered(), read_records(file)
    with store.being_written(name) as path, PartWriter(path) as writer:
        writer.write(table.take(pa.array(places)))
        writer.finish(gathered)
