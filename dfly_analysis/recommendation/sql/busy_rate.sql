WITH attempts AS (
    SELECT nanoseconds(ended) / 1e9 AS end_s, end_s - duration_s AS start_s, size_bytes / duration_s AS rate FROM pieces
    WHERE origin = ? AND outcome = 'ok' AND duration_s > 0 AND size_bytes IS NOT NULL AND ended IS NOT NULL
), changes AS (SELECT start_s AS at_s, rate FROM attempts UNION ALL SELECT end_s, -rate FROM attempts),
levels AS (
    SELECT sum(rate) OVER (ORDER BY at_s ROWS UNBOUNDED PRECEDING) AS level, lead(at_s) OVER (ORDER BY at_s) - at_s AS width_s
    FROM changes
), busy AS (
    SELECT level, sum(width_s) OVER (ORDER BY level ROWS UNBOUNDED PRECEDING) AS below_s, sum(width_s) OVER () AS total_s
    FROM levels WHERE level > 1 AND width_s > 0
)
SELECT min(level) FROM busy WHERE below_s >= ? * total_s
