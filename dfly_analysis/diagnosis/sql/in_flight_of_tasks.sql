-- Requests in flight of each finished task with enough pieces, from its first piece until its last one began.
CREATE OR REPLACE TEMP TABLE in_flight_of_tasks AS
WITH begun AS (
        SELECT task, min(from_ns) AS first_ns, max(from_ns) AS last_ns FROM _timed_attempts WHERE flight IN ('source', 'retries') GROUP BY task
    ),
    achieved AS (
        SELECT task, sum((source + retries) * (until_ns - from_ns)) / sum(until_ns - from_ns) AS requests, sum(until_ns - from_ns) / 1e9 AS seconds
        FROM _segments JOIN begun USING (task) WHERE from_ns >= first_ns AND until_ns <= last_ns GROUP BY task
    )
SELECT peer_id, requests, seconds, possible FROM achieved JOIN _timed USING (task) JOIN tasks USING (peer_id)
JOIN possible_in_flight AS setting ON setting.role IS NOT DISTINCT FROM tasks.role AND setting.host IS NOT DISTINCT FROM tasks.host
WHERE tasks.n_pieces >= 2 * possible AND tasks.outcome = 'ok'
