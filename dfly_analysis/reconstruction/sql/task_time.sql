-- A sweep over the moments at which an attempt of a peer starts or ends, or its step changes. While attempts are in flight the time is
-- shared equally among them; otherwise it belongs to what the peer waited for.
CREATE OR REPLACE TEMP TABLE _timed AS
SELECT peer_id, any_value(role) AS role, any_value(host) AS host, any_value(outcome) AS outcome, any_value(n_pieces) AS n_pieces,
    min(epoch_ns(started)) AS start_ns, max(epoch_ns(ended)) AS end_ns
FROM tasks WHERE peer_id IS NOT NULL GROUP BY peer_id HAVING max(epoch_ns(ended)) > min(epoch_ns(started));

CREATE OR REPLACE TEMP TABLE _timed_attempts AS
SELECT peer_id, host, piece_number, is_ok, flight, greatest(from_ns, start_ns) AS from_ns, least(until_ns, end_ns) AS until_ns, start_ns, end_ns
FROM (
    SELECT peer_id, piece_number, outcome = 'ok' AS is_ok,
        CASE WHEN outcome <> 'ok' THEN 'retries' WHEN origin = 'parent' THEN 'parents' WHEN origin = 'local' THEN 'local' ELSE 'source' END AS flight,
        epoch_ns(started) AS from_ns, epoch_ns(ended) AS until_ns
    FROM pieces WHERE started IS NOT NULL AND ended IS NOT NULL
) JOIN _timed USING (peer_id)
WHERE least(until_ns, end_ns) > greatest(from_ns, start_ns);

CREATE OR REPLACE TEMP TABLE task_segments AS
WITH steps AS (
        SELECT peer_id, epoch_ns(time) AS ns, $STEP AS step FROM events JOIN _timed USING (peer_id)
        WHERE (event_id IN $STEPS OR $SECOND_ROUND) AND epoch_ns(time) BETWEEN start_ns AND end_ns - 1
        UNION ALL SELECT peer_id, from_ns, CASE flight WHEN 'parents' THEN 'parent_wait' ELSE 'source_wait' END FROM _timed_attempts
        UNION ALL SELECT peer_id, start_ns, 'registration' FROM _timed
        UNION ALL SELECT peer_id, end_ns, NULL FROM _timed
    ),
    -- Of the steps of one moment the one that the others led to.
    changes AS (
        SELECT peer_id, ns, coalesce(max(step) FILTER (step <> 'registration'), max(step)) AS step,
            0 AS source, 0 AS parents, 0 AS local, 0 AS retries FROM steps GROUP BY peer_id, ns
        UNION ALL
        SELECT peer_id, ns, NULL, sum(CASE WHEN flight = 'source' THEN delta END), sum(CASE WHEN flight = 'parents' THEN delta END),
            sum(CASE WHEN flight = 'local' THEN delta END), sum(CASE WHEN flight = 'retries' THEN delta END)
        FROM (
            SELECT peer_id, from_ns AS ns, flight, 1 AS delta FROM _timed_attempts UNION ALL SELECT peer_id, until_ns, flight, -1 FROM _timed_attempts
        ) GROUP BY peer_id, ns
    ),
    moments AS (
        SELECT peer_id, ns, coalesce(max(step) FILTER (step <> 'registration'), max(step)) AS step,
            coalesce(sum(source), 0) AS source, coalesce(sum(parents), 0) AS parents, coalesce(sum(local), 0) AS local, coalesce(sum(retries), 0) AS retries
        FROM changes GROUP BY peer_id, ns
    ),
    running AS (
        SELECT peer_id, ns AS from_ns, lead(ns) OVER turns AS until_ns, last_value(step IGNORE NULLS) OVER turns AS step,
            (sum(source) OVER turns)::INTEGER AS source, (sum(parents) OVER turns)::INTEGER AS parents,
            (sum(local) OVER turns)::INTEGER AS local, (sum(retries) OVER turns)::INTEGER AS retries
        FROM moments WINDOW turns AS (PARTITION BY peer_id ORDER BY ns)
    )
SELECT running.*, source + parents + local + retries AS in_flight FROM running WHERE until_ns IS NOT NULL;

CREATE OR REPLACE TEMP TABLE _host_load AS
SELECT host, ns, sum(sum(delta)) OVER (PARTITION BY host ORDER BY ns) AS in_flight
FROM (
    SELECT host, from_ns AS ns, 1 AS delta FROM _timed_attempts WHERE host IS NOT NULL
    UNION ALL SELECT host, until_ns, -1 FROM _timed_attempts WHERE host IS NOT NULL
) GROUP BY host, ns;

CREATE OR REPLACE TEMP TABLE task_time AS
WITH known AS (
        SELECT peer_id, count(DISTINCT piece_number) FILTER (is_ok) AS pieces, max(until_ns) AS last_ns FROM _timed_attempts GROUP BY peer_id
    ),
    shared AS (
        SELECT peer_id, 'source' AS part, (until_ns - from_ns) / 1e9 * source / in_flight AS seconds FROM task_segments WHERE source > 0
        UNION ALL SELECT peer_id, 'parents' AS part, (until_ns - from_ns) / 1e9 * parents / in_flight AS seconds FROM task_segments WHERE parents > 0
        UNION ALL SELECT peer_id, 'local' AS part, (until_ns - from_ns) / 1e9 * local / in_flight AS seconds FROM task_segments WHERE local > 0
        UNION ALL SELECT peer_id, 'retries' AS part, (until_ns - from_ns) / 1e9 * retries / in_flight AS seconds FROM task_segments WHERE retries > 0
    ),
    -- Nine tenths of a task's pieces must be logged for a gap between them to be a wait.
    gaps AS (
        SELECT segment.peer_id, host, step, outcome, segment.from_ns, segment.until_ns,
            coalesce(known.pieces, 0) AS pieces, coalesce(known.pieces < 0.9 * n_pieces AND outcome = 'ok', known.pieces IS NULL) AS is_partial,
            coalesce(segment.from_ns >= last_ns, false) AS is_after
        FROM task_segments AS segment JOIN _timed USING (peer_id) LEFT JOIN known USING (peer_id) WHERE in_flight = 0
    ),
    unanswered AS (
        SELECT DISTINCT host, epoch_ns(time) AS ns FROM events WHERE event_id = 'scheduler_call_failed' AND component = 'client' AND host IS NOT NULL
    ),
    -- A call to the scheduler that gets no answer is logged when its timeout of 10 s has expired.
    waits AS (
        SELECT peer_id, (gaps.until_ns - gaps.from_ns) / 1e9 AS seconds, CASE
            WHEN step = 'scheduling' THEN 'scheduling'
            WHEN step = 'registration' THEN CASE WHEN has_steps THEN 'registration' ELSE 'not_logged' END
            WHEN is_partial THEN CASE WHEN step = 'parent_wait' THEN 'parents' ELSE 'source' END
            WHEN step = 'second_round' THEN 'source'
            WHEN is_after AND outcome = 'ok' THEN 'writing'
            WHEN unanswered.ns >= gaps.from_ns AND gaps.until_ns - gaps.from_ns > 1_000_000_000 THEN 'scheduling'
            WHEN step = 'parent_wait' THEN 'parent_wait'
            WHEN coalesce(load.in_flight, 0) > 0 THEN 'slots' ELSE 'idle' END AS part
        FROM gaps ASOF LEFT JOIN _host_load AS load ON load.host = gaps.host AND (gaps.from_ns + gaps.until_ns) // 2 >= load.ns
        ASOF LEFT JOIN unanswered ON unanswered.host = gaps.host AND gaps.until_ns + 10_000_000_000 >= unanswered.ns
        JOIN (SELECT peer_id, bool_or(step <> 'registration') AS has_steps FROM task_segments GROUP BY peer_id) USING (peer_id)
    )
SELECT peer_id, role, host, outcome, part, sum(seconds) AS seconds
FROM (FROM shared UNION ALL BY NAME FROM waits) JOIN _timed USING (peer_id) GROUP BY ALL;
