"""Client log to Parquet with a loop and the standard library's re.

python python_re.py IN OUT.parquet
"""

import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from records import FIELDS, PIECE_LENGTH, PIECE_NUMBER, RECORD, SIGNATURES

ROWS = 200_000
record, number, length = re.compile(RECORD), re.compile(PIECE_NUMBER), re.compile(PIECE_LENGTH)


def parsed(path: str):
    """Yield a tuple for each record."""
    with Path(path).open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            match = record.match(line)
            if match:
                fields = match.groups()
                message = fields[4]
                piece, size = number.search(line), length.search(message)
                name = next((name for name, literal in SIGNATURES.items() if literal in message), None)
                yield (*fields, piece and int(piece[1]), size and int(size[1]), name)


def table(rows: list[tuple]) -> pa.Table:
    """Turn tuples into columns."""
    columns = dict(zip((*FIELDS, "piece_number", "piece_length", "signature"), zip(*rows, strict=True), strict=True))
    stamps = np.array([stamp.removesuffix("Z").removesuffix("+00:00") for stamp in columns["time"]], "datetime64[ns]")
    kinds = {"piece_number": pa.int32(), "piece_length": pa.int64()}
    made = {name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items() if name != "time"}
    return pa.table({"time": pa.array(stamps).cast(pa.timestamp("ns", "UTC")), **made})


writer, rows = None, []
for row in parsed(sys.argv[1]):
    rows.append(row)
    if len(rows) == ROWS:
        block = table(rows)
        writer = writer or pq.ParquetWriter(sys.argv[2], block.schema, compression="zstd")
        writer.write_table(block)
        rows = []
if rows:
    block = table(rows)
    writer = writer or pq.ParquetWriter(sys.argv[2], block.schema, compression="zstd")
    writer.write_table(block)
writer.close()
