-- The median rate of the large pieces of each task, slowest first.
WITH timed AS (
    SELECT concat(role, run_of(host)) AS role, host, peer_id, size_bytes, duration_s FROM pieces
    WHERE origin = 'source' AND duration_s > 0 AND size_bytes > 0 AND host IS NOT NULL AND outcome IN ('ok', 'timeout')
)
SELECT role, host, median(size_bytes::DOUBLE / duration_s) AS rate FROM timed
-- of a small piece the first byte takes longest
WHERE size_bytes >= ? * (SELECT max(size_bytes) FROM timed) AND role IS NOT NULL AND peer_id IS NOT NULL
GROUP BY role, host, peer_id ORDER BY role, rate
