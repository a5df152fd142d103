"""Scheduler log (zap JSON) to Parquet with polars, streamed. Reads .gz and .zst as well.

python polars_ndjson.py IN OUT.parquet
"""

import sys

import polars as pl
from polars_terms import after, before, signature, write
from records import SERVICE_FIELDS, SERVICE_SIGNATURES

message = pl.col("msg")
write(
    pl.scan_ndjson(sys.argv[1], schema=dict.fromkeys(SERVICE_FIELDS, pl.String), ignore_errors=True)
    .filter(pl.col("ts").is_not_null())
    .select(
        pl.col("ts").str.to_datetime("%Y-%m-%d %H:%M:%S%.3f", time_unit="ms", strict=False).alias("time"),
        *SERVICE_FIELDS[1:],
        piece_number=before(after(message, "piece number: "), ",").cast(pl.Int32, strict=False),
        piece_length=before(after(message, "piece length: "), ",").cast(pl.Int64, strict=False),
        cost=before(after(message, ", cost: "), ","),
        signature=signature(message, SERVICE_SIGNATURES),
    ),
    sys.argv[2],
)
