-- Of the blobs that hosts of a role were asked for: the largest, those of the busiest host, and of all blobs once their bytes and squares; and the hosts.
WITH blobs AS (SELECT host, task_id, max(size_bytes) AS size_bytes FROM tasks WHERE role = ? GROUP BY host, task_id),
    by_host AS (SELECT sum(size_bytes) AS total FROM blobs WHERE host IS NOT NULL GROUP BY host)
SELECT max(size_bytes), (SELECT max(total) FROM by_host), sum(size_bytes) FILTER (is_first),
    sum(size_bytes::DOUBLE ** 2) FILTER (is_first), count(DISTINCT host)
FROM (SELECT *, row_number() OVER (PARTITION BY task_id ORDER BY size_bytes DESC) = 1 AS is_first FROM blobs)
