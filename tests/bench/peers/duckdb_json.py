"""Scheduler log (zap JSON) to Parquet with duckdb.

python duckdb_json.py IN OUT.parquet
"""

import sys

from duckdb_terms import write
from records import SERVICE_FIELDS, SERVICE_SIGNATURES, signature_sql

columns = ", ".join(f"'{name}': 'VARCHAR'" for name in SERVICE_FIELDS)
write(
    f"""
    SELECT TRY_CAST(ts AS TIMESTAMP) AS time, {", ".join(f'"{name}"' for name in SERVICE_FIELDS[1:])},
           TRY_CAST(split_part(split_part(msg, 'piece number: ', 2), ',', 1) AS INTEGER) AS piece_number,
           TRY_CAST(split_part(split_part(msg, 'piece length: ', 2), ',', 1) AS BIGINT) AS piece_length,
           split_part(split_part(msg, ', cost: ', 2), ',', 1) AS cost, {signature_sql("msg", SERVICE_SIGNATURES)} AS signature
    FROM read_json('{sys.argv[1]}', format='newline_delimited', columns={{{columns}}}, ignore_errors=true)
    WHERE ts IS NOT NULL""",
    sys.argv[2],
)
