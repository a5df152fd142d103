-- How far each scheduler's clock is ahead of each client's: at least and at most. A scheduler that hangs logs late what it was sent:
-- the end of a task bounds the offset only where the beginning of the tasks allows it.
WITH marks AS (
    SELECT component, host, peer_id, log_path, event_id, epoch_ns(time) AS t FROM events
    WHERE peer_id IS NOT NULL AND time IS NOT NULL AND ((component = 'client' AND event_id IN (
        'task_started', 'source_round_started', 'parent_round_started', 'task_finished', 'task_failed', 'task_output_written'
    )) OR (component = 'scheduler' AND event_id IN (
        'peer_registered', 'peer_source_started', 'peer_parents_started', 'piece_reported', 'peer_finished', 'peer_failed'
    )))
), clients AS (
    SELECT peer_id, any_value(host) AS host, min(t) FILTER (event_id = 'task_started') AS began,
        min(t) FILTER (event_id IN ('source_round_started', 'parent_round_started')) AS answered,
        min(t) FILTER (event_id IN ('task_finished', 'task_failed', 'task_output_written')) AS ended
    FROM marks WHERE component = 'client' AND host IS NOT NULL GROUP BY peer_id
), schedulers AS (
    SELECT peer_id, clock, min(t) FILTER (event_id = 'peer_registered') AS registered, max(t) AS last
    FROM marks JOIN service_clocks USING (log_path) WHERE component = 'scheduler' GROUP BY peer_id, clock
), pairs AS (
    SELECT host, clock, (registered - began) / 1e9 AS until_registered_s, (registered - answered) / 1e9 AS since_answer_s,
        (last - ended) / 1e9 AS since_end_s
    FROM clients JOIN schedulers USING (peer_id)
), highest AS (
    SELECT host, clock, min(until_registered_s) AS high_s, max(since_answer_s) AS answered_s, count(*) AS pairs FROM pairs GROUP BY ALL
)
SELECT host, clock, any_value(answered_s), max(since_end_s) FILTER (since_end_s <= high_s + ?), any_value(high_s), any_value(pairs)
FROM pairs JOIN highest USING (host, clock) GROUP BY ALL ORDER BY ALL
