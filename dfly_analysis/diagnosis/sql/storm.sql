-- The pulls that went back to the source for a blob that another peer had.
WITH redundant AS (FROM source_pulls WHERE is_redundant),
    nodes AS (SELECT host, count(*) AS n FROM redundant GROUP BY host),
    blobs AS (SELECT max(size_bytes) AS bytes FROM tasks JOIN (SELECT DISTINCT task_id FROM redundant) USING (task_id) GROUP BY task_id)
SELECT count(*), count(DISTINCT host), (SELECT list(host ORDER BY n DESC, host) FROM nodes), min(source_ns), max(coalesce(end_ns, source_ns)),
    sum(source_bytes)::BIGINT, (SELECT sum(bytes) FROM blobs)::BIGINT
FROM redundant
