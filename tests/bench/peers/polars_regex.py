"""Client log to Parquet with polars, by one capture regex on every line, streamed.

python polars_regex.py IN OUT.parquet
"""

import sys

import polars as pl
from polars_terms import lines, signature, write
from records import FIELDS, PIECE_LENGTH, PIECE_NUMBER, RECORD, SIGNATURES

record, line = pl.col("record"), pl.col("line")
write(
    lines(sys.argv[1])
    .select("line", record=line.str.extract_groups(RECORD))
    .filter(record.struct.field("time").is_not_null())
    .select(
        record.struct.field("time").str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False),
        *(record.struct.field(name) for name in FIELDS[1:]),
        piece_number=line.str.extract(PIECE_NUMBER).cast(pl.Int32),
        piece_length=record.struct.field("message").str.extract(PIECE_LENGTH).cast(pl.Int64),
        signature=signature(record.struct.field("message"), SIGNATURES),
    ),
    sys.argv[2],
)
