-- Starts without a shutdown of the same host before them. A start logged in two files (the log's own and the container's output)
-- counts once, as do the starts of a crash loop.
WITH marks AS (
    SELECT DISTINCT ON (host, time, event_id) * FROM events
    WHERE component = 'client' AND event_id IN ('process_started', 'process_stopped')
    ORDER BY host, time, event_id, log_path, log_line
), again AS (
    SELECT * FROM marks QUALIFY event_id = 'process_started' AND host IS NOT NULL
    AND lag(event_id) OVER (PARTITION BY host ORDER BY time, event_id) = 'process_started'
)
SELECT * FROM again
QUALIFY coalesce(nanoseconds(time) - lag(nanoseconds(time)) OVER (PARTITION BY host ORDER BY time) > $CRASH_LOOP_S * 1e9, true)
