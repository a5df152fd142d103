WITH waits AS (FROM longest_waits WHERE wait_s > limit_s),
    in_flight AS (
        SELECT peer_id, mode(origin) AS origin, mode(parent_id) AS parent_id FROM waits JOIN pieces USING (peer_id)
        WHERE started IS NOT NULL AND least(until_ns, coalesce(epoch_ns(ended), until_ns)) - greatest(from_ns, epoch_ns(started)) >= 0.9 * (until_ns - from_ns)
        GROUP BY peer_id
    ),
    steps AS (
        SELECT peer_id, arg_max($STEP, time) AS step FROM events JOIN waits USING (peer_id)
        WHERE event_id IN $STEPS AND epoch_ns(time) <= from_ns + 1_000_000_000 GROUP BY peer_id
    ),
    endings AS (
        SELECT peer_id, arg_min(pieces.outcome, epoch_ns(ended)) AS piece_outcome FROM waits JOIN pieces USING (peer_id) WHERE epoch_ns(ended) >= until_ns GROUP BY peer_id
    )
SELECT host, wait_s, from_ns, until_ns, outcome, is_open, piece_outcome, piece_s,
    CASE WHEN piece_outcome IS NULL AND finished >= n_pieces AND from_ns > start_ns THEN 'disk' WHEN origin = 'source' OR (origin IS NULL AND step = 'source_wait') THEN 'registry'
        WHEN origin = 'parent' OR (origin IS NULL AND step = 'parent_wait') THEN 'parent' WHEN origin = 'local' THEN 'local' ELSE 'scheduler' END AS waits_for,
    CASE WHEN origin = 'parent' THEN (SELECT any_value(parent.host) FROM tasks AS parent WHERE parent.peer_id = in_flight.parent_id)
        ELSE nullif(regexp_extract(url, '^\w+://(?:[^/@]*@)?([^/?#]+)', 1), '') END AS whom,
    EXISTS (SELECT 1 FROM waits AS other WHERE other.task_id = waits.task_id AND other.peer_id <> waits.peer_id AND other.from_ns < waits.until_ns AND other.until_ns > waits.from_ns) AS is_shared
FROM waits LEFT JOIN in_flight USING (peer_id) LEFT JOIN steps USING (peer_id) LEFT JOIN endings USING (peer_id)
ORDER BY wait_s DESC, peer_id
