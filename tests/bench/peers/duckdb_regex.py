"""Client log to Parquet with duckdb, by one capture regex on every line.

python duckdb_regex.py IN OUT.parquet
"""

import re
import sys

from duckdb_terms import lines, write
from records import FIELDS, PIECE_LENGTH, PIECE_NUMBER, RECORD, SIGNATURES, signature_sql


def unnamed(pattern: str) -> str:
    """Quote a pattern for duckdb, which names groups by a list of its own."""
    return re.sub(r"\?P<\w+>", "", pattern).replace("'", "''")


names = ", ".join(f"'{name}'" for name in FIELDS)
write(
    f"""
    WITH records AS (
      SELECT line, regexp_extract(line, '{unnamed(RECORD)}', [{names}]) AS record FROM {lines(sys.argv[1])})
    SELECT TRY_CAST(record.time AS TIMESTAMPTZ) AS time, {", ".join(f"record.{name} AS {name}" for name in FIELDS[1:])},
           TRY_CAST(regexp_extract(line, '{unnamed(PIECE_NUMBER)}', 1) AS INTEGER) AS piece_number,
           TRY_CAST(regexp_extract(record.message, '{unnamed(PIECE_LENGTH)}', 1) AS BIGINT) AS piece_length,
           {signature_sql("record.message", SIGNATURES)} AS signature
    FROM records WHERE record.time <> ''""",
    sys.argv[2],
)
