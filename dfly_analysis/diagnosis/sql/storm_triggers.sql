WITH said AS (
        SELECT peer_id, min(CASE cause WHEN 'scheduler_unavailable' THEN 1 ELSE 2 END) AS said
        FROM (
            SELECT peer_id, message FROM events JOIN source_pulls USING (peer_id)
            WHERE event_id IN ('scheduler_round_failed', 'scheduler_call_failed') AND epoch_ns(time) <= coalesce(end_ns, source_ns)
        ) JOIN scheduler_texts USING (message) GROUP BY peer_id
    ),
    limits AS (SELECT DISTINCT peer_id FROM events WHERE component = 'scheduler' AND contains(message, 'RetryBackToSourceLimit')),
    lost AS (SELECT DISTINCT peer_id FROM pieces WHERE origin = 'parent' AND outcome NOT IN ('ok', 'cancelled'))
SELECT CASE WHEN said = 1 THEN 'scheduler' WHEN is_other_task THEN 'task_id' WHEN lost.peer_id IS NOT NULL THEN 'parents' WHEN failed_seeds > 0 THEN 'seeds'
    WHEN said = 2 THEN 'parents' WHEN limits.peer_id IS NOT NULL THEN 'limit' WHEN NOT has_contact THEN 'no_scheduler'
    WHEN seeds = 0 THEN 'no_seed' ELSE 'unknown' END AS trigger, count(*) AS n
FROM source_pulls LEFT JOIN said USING (peer_id) LEFT JOIN limits USING (peer_id) LEFT JOIN lost USING (peer_id)
WHERE is_redundant GROUP BY ALL ORDER BY n DESC, trigger
