-- Records of pulls that did not use what was preheated, and of the evictions before them.
SELECT * FROM events WHERE event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM preheated_pulls WHERE is_other OR is_evicted)
UNION ALL
SELECT * FROM events WHERE starts_with(message, 'evict task ')
    AND regexp_extract(message, '^evict task ([0-9a-zA-Z_-]+)', 1) IN (SELECT task_id FROM preheated_pulls WHERE is_evicted)
