"""Client log to Parquet with pandas: str.extract on every line, chunk by chunk.

python pandas_extract.py IN OUT.parquet
"""

import csv
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from records import PIECE_LENGTH, PIECE_NUMBER, RECORD, SIGNATURES

SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("ns", "UTC")),
        *((name, pa.string()) for name in ("level", "spans", "source", "message", "host_id", "task_id", "peer_id")),
        ("piece_number", pa.int32()),
        ("piece_length", pa.int64()),
        ("signature", pa.string()),
    ]
)
chunks = pd.read_csv(
    sys.argv[1], sep="\x01", header=None, names=["line"], quoting=csv.QUOTE_NONE, encoding_errors="replace",
    keep_default_na=False, on_bad_lines="skip", engine="c", chunksize=200_000,
)  # fmt: skip
with pq.ParquetWriter(sys.argv[2], SCHEMA, compression="zstd") as writer:
    for chunk in chunks:
        frame = chunk["line"].str.extract(RECORD)
        matched = frame["time"].notna()
        frame, line = frame[matched].copy(), chunk["line"][matched]
        frame["time"] = pd.to_datetime(frame["time"], format="ISO8601", utc=True).astype("datetime64[ns, UTC]")
        frame["piece_number"] = line.str.extract(PIECE_NUMBER, expand=False).astype("Int32")
        frame["piece_length"] = frame["message"].str.extract(PIECE_LENGTH, expand=False).astype("Int64")
        found = [frame["message"].str.contains(literal, regex=False) for literal in SIGNATURES.values()]
        frame["signature"] = pd.Series(np.select(found, list(SIGNATURES), ""), index=frame.index).replace("", None)
        writer.write_table(pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False))
