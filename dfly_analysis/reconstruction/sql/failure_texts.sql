-- The last of the client's texts of each kind, else the first reported to the scheduler.
CREATE OR REPLACE TEMP TABLE _failure_texts AS
WITH own AS (
        SELECT peer, $TEXT_RANK AS rank, arg_max(coalesce(message, ''), seq) AS text
        FROM _records WHERE writer = $CLIENT AND event IN $FAILURE_TEXTS AND peer IS NOT NULL GROUP BY ALL
    ),
    reported AS (
        SELECT peer, $TEXT_RANK AS rank, arg_min(detail, seq) AS text
        FROM _records WHERE writer = $SCHEDULER AND event = 'peer_failed' AND detail IS NOT NULL AND peer IS NOT NULL GROUP BY ALL
    ),
    verdict AS (SELECT peer, $PREHEAT_RANK AS rank, verdict_text AS text FROM _tasks WHERE is_failed_by_verdict)
FROM own
UNION ALL FROM (FROM reported UNION ALL FROM verdict) AS other ANTI JOIN own USING (peer, rank);
