"""Writes parts anew that repeat what another file holds, without what they repeat."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.joining import without_copies
from dfly_analysis.loading.parts import PartWriter, read_gathered, read_records
from dfly_analysis.logs.schema import to_frame
from dfly_analysis.sources.store import Store


def rewrite_copies(store: Store, addresses: Mapping[str, set[str]], copies: Mapping[str, str]) -> dict[str, int]:
    """Write anew the parts with copies.

    Parameters
    ----------
    store : Store
    addresses : mapping of str to set of str
        Logs in each part that has records.
    copies : mapping of str to str
        Address of each copy, and of the log it repeats.

    Returns
    -------
    dict of str to int
        Names of the parts that changed, and how many records they have now.
    """
    changed: dict[str, int] = {}
    for name, held in addresses.items():
        own = {copy: original for copy, original in copies.items() if copy in held}
        if own:
            others = [other for other, logs in addresses.items() if other != name and logs & set(own.values())]
            changed[name] = _rewrite(store, name, others, own)
    return changed


def _rewrite(store: Store, name: str, others: Sequence[str], copies: Mapping[str, str]) -> int:
    import pandas as pd
    import pyarrow as pa

    with store.open(name) as file:
        gathered, table = read_gathered(file) or Gathered(), read_records(file)
    frames = [to_frame(table).assign(_place=range(len(table)))]
    for other in others:
        with store.open(other) as file:
            frames.append(to_frame(read_records(file, ["time", "message", "host_id", "log_path"])))
    kept = without_copies(pd.concat(frames, ignore_index=True), copies)
    places = kept["_place"].dropna().astype("int64").to_numpy()
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
        path = Path(folder, "part.parquet")
        with PartWriter(path) as writer:
            writer.write(table.take(pa.array(places)))
            writer.finish(gathered)
        store.write(name, path)
    return len(places)
