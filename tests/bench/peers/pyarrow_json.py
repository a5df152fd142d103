"""Scheduler log (zap JSON) to Parquet with pyarrow, block by block.

python pyarrow_json.py IN OUT.parquet
"""

import io
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq
from records import PIECE_LENGTH, REPORTED_NUMBER, SERVICE_FIELDS, SERVICE_SIGNATURES, sound

BLOCK_BYTES = 16 << 20
OPTIONS = pj.ParseOptions(
    explicit_schema=pa.schema([(name, pa.string()) for name in SERVICE_FIELDS]), unexpected_field_behavior="ignore"
)


def read(block: bytes) -> pa.Table:
    """Read a block of lines; where one is not JSON, once more without those."""
    try:
        return pj.read_json(io.BytesIO(block), parse_options=OPTIONS)
    except pa.ArrowInvalid:
        return pj.read_json(io.BytesIO(sound(block)), parse_options=OPTIONS)


def number(text: pa.ChunkedArray, pattern: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Read the number a pattern finds."""
    return pc.struct_field(pc.extract_regex(text, pattern), 0).cast(kind)


writer = None
with Path(sys.argv[1]).open("rb") as file:
    while block := file.read(BLOCK_BYTES):
        table = read(block + file.readline())
        message = table["msg"]
        found = [pc.match_substring(message, literal) for literal in SERVICE_SIGNATURES.values()]
        table = (
            table.set_column(0, "time", table["ts"].cast(pa.timestamp("ms")))
            .append_column("piece_number", number(message, REPORTED_NUMBER, pa.int32()))
            .append_column("piece_length", number(message, PIECE_LENGTH, pa.int64()))
            .append_column("signature", pc.case_when(pc.make_struct(*found), *map(pa.scalar, SERVICE_SIGNATURES)))
        )
        writer = writer or pq.ParquetWriter(sys.argv[2], table.schema, compression="zstd")
        writer.write_table(table)
writer.close()
