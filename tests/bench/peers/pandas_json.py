"""Scheduler log (zap JSON) to Parquet with pandas, block by block.

python pandas_json.py IN OUT.parquet
"""

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from records import PIECE_LENGTH, REPORTED_NUMBER, SERVICE_FIELDS, SERVICE_SIGNATURES, sound

BLOCK_BYTES = 16 << 20
SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("ns")),
        *((name, pa.string()) for name in SERVICE_FIELDS[1:]),
        ("piece_number", pa.int32()),
        ("piece_length", pa.int64()),
        ("signature", pa.string()),
    ]
)


def read(block: bytes) -> pd.DataFrame:
    """Read a block of lines; where one is not JSON, once more without those."""
    try:
        return pd.read_json(io.BytesIO(block), lines=True, dtype=False)
    except ValueError:
        return pd.read_json(io.BytesIO(sound(block)), lines=True, dtype=False)


with Path(sys.argv[1]).open("rb") as file, pq.ParquetWriter(sys.argv[2], SCHEMA, compression="zstd") as writer:
    while block := file.read(BLOCK_BYTES):
        frame = read(block + file.readline())
        frame["time"] = pd.to_datetime(frame["ts"], format="%Y-%m-%d %H:%M:%S.%f").astype("datetime64[ns]")
        frame = frame.reindex(columns=["time", *SERVICE_FIELDS[1:]])
        message = frame["msg"]
        frame["piece_number"] = message.str.extract(REPORTED_NUMBER, expand=False).astype("Int32")
        frame["piece_length"] = message.str.extract(PIECE_LENGTH, expand=False).astype("Int64")
        found = [message.str.contains(literal, regex=False) for literal in SERVICE_SIGNATURES.values()]
        frame["signature"] = pd.Series(np.select(found, list(SERVICE_SIGNATURES), "")).replace("", None)
        writer.write_table(pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False))
