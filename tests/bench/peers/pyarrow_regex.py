"""Client log to Parquet with pyarrow's compute functions, block by block.

python pyarrow_regex.py IN OUT.parquet
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from records import FIELDS, PIECE_LENGTH, PIECE_NUMBER, RECORD, SIGNATURES

BLOCK_BYTES = 16 << 20
TEXT = pc.CastOptions(pa.string(), allow_invalid_utf8=True)


def columns(line: pa.Array) -> pa.Table:
    """Parse the lines of a block."""
    record = pc.extract_regex(line, RECORD)
    matched = pc.is_valid(record)
    line, record = line.filter(matched), record.filter(matched)
    made = {name: pc.cast(pc.struct_field(record, name), options=TEXT) for name in FIELDS}
    made["time"] = made["time"].cast(pa.timestamp("ns", "UTC"))
    made["piece_number"] = number(line, PIECE_NUMBER, pa.int32())
    made["piece_length"] = number(made["message"], PIECE_LENGTH, pa.int64())
    found = [pc.match_substring(made["message"], literal) for literal in SIGNATURES.values()]
    made["signature"] = pc.case_when(pc.make_struct(*found), *map(pa.scalar, SIGNATURES))
    return pa.table(made)


def number(text: pa.Array, pattern: str, kind: pa.DataType) -> pa.Array:
    """Read the number a pattern finds, null where it finds none."""
    found = pc.struct_field(pc.extract_regex(text, pattern), 0)
    return pc.cast(found, options=TEXT).cast(kind)


writer = None
with Path(sys.argv[1]).open("rb") as file:
    while block := file.read(BLOCK_BYTES):
        whole = pa.array([block + file.readline()], pa.binary())
        table = columns(pc.split_pattern(whole, b"\n").flatten())
        writer = writer or pq.ParquetWriter(sys.argv[2], table.schema, compression="zstd")
        writer.write_table(table)
writer.close()
