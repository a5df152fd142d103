"""Client log to Parquet with duckdb, splitting on literals.

python duckdb_split.py IN OUT.parquet
"""

import sys

from duckdb_terms import lines, write
from records import SIGNATURES, signature_sql

write(
    f"""
    WITH parts AS (
      SELECT TRY_CAST(split_part(line, ' ', 1) AS TIMESTAMPTZ) AS time, trim(substr(line, strpos(line, ' ') + 1, 5)) AS level,
             string_split(substr(line, strpos(line, ' ') + 7), ' host_id="') AS halves
      FROM {lines(sys.argv[1])}),
    heads AS (
      SELECT time, level, halves[1] AS head, halves[2] AS tail, split_part(halves[1], ': ', 1) AS first,
             contains(split_part(halves[1], ': ', 1), '.rs:') AS spanless FROM parts WHERE time IS NOT NULL),
    named AS (
      SELECT time, level, tail, CASE WHEN NOT spanless THEN first END AS spans,
             CASE WHEN spanless THEN first ELSE split_part(head, ': ', 2) END AS source, head, first, spanless FROM heads),
    records AS (
      SELECT time, level, spans, source, tail,
             substr(head, length(source) + 3 + CASE WHEN spanless THEN 0 ELSE length(first) + 2 END) AS message FROM named
      WHERE contains(source, '.rs:'))
    SELECT time, level, spans, source, message, split_part(tail, '"', 1) AS host_id,
           split_part(split_part(tail, ' task_id="', 2), '"', 1) AS task_id,
           split_part(split_part(tail, ' peer_id="', 2), '"', 1) AS peer_id,
           coalesce(
             TRY_CAST(split_part(substr(replace(split_part(message, 'piece ', 2), 'metadata ', ''), 66), ' ', 1) AS INTEGER),
             TRY_CAST(split_part(substr(split_part(tail, ' piece_id="', 2), 66), '"', 1) AS INTEGER)) AS piece_number,
           TRY_CAST(ltrim(split_part(split_part(message, 'piece length', 2), ',', 1), ': ') AS BIGINT) AS piece_length,
           {signature_sql("message", SIGNATURES)} AS signature
    FROM records""",
    sys.argv[2],
)
