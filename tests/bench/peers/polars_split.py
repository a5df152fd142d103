"""Client log to Parquet with polars, splitting on literals, streamed: the best way found among libraries. Reads .gz and .zst as well.

python polars_split.py IN OUT.parquet
"""

import sys

import polars as pl
from polars_terms import after, before, lines, signature, write
from records import SIGNATURES

line, rest, text, head = pl.col("line"), pl.col("rest"), pl.col("text"), pl.col("head")
message, tail = pl.col("message"), pl.col("tail")
spanless = head.struct[0].str.contains(".rs:", literal=True)
in_message = after(message, "piece ").str.strip_prefix("metadata ").str.slice(65)
in_fields = after(tail, ' piece_id="').str.slice(65)
length = after(message, "piece length").str.strip_prefix(":").str.slice(1)
write(
    lines(sys.argv[1])
    .select(
        time=before(line, " ").str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False),
        rest=after(line, " "),
    )
    .filter(pl.col("time").is_not_null())
    .select("time", level=rest.str.slice(0, 5).str.strip_chars(), text=rest.str.slice(6).str.splitn(' host_id="', 2))
    .select("time", "level", head=text.struct[0].str.splitn(": ", 3), tail=text.struct[1])
    .select(
        "time",
        "level",
        "tail",
        spans=pl.when(~spanless).then(head.struct[0]),
        source=pl.when(spanless).then(head.struct[0]).otherwise(head.struct[1]),
        message=pl.when(spanless)
        .then(pl.concat_str(head.struct[1], head.struct[2], separator=": ", ignore_nulls=True))
        .otherwise(head.struct[2]),
    )
    .filter(pl.col("source").str.contains(".rs:", literal=True))
    .select(
        "time",
        "level",
        "spans",
        "source",
        "message",
        host_id=before(tail, '"'),
        task_id=before(after(tail, ' task_id="'), '"'),
        peer_id=before(after(tail, ' peer_id="'), '"'),
        piece_number=pl.coalesce(
            before(in_message, " ").cast(pl.Int32, strict=False), before(in_fields, '"').cast(pl.Int32, strict=False)
        ),
        piece_length=before(length, ",").cast(pl.Int64, strict=False),
        signature=signature(message, SIGNATURES),
    ),
    sys.argv[2],
)
