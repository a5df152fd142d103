-- A sweep over the moments at which an attempt of a peer starts or ends, or its step changes. While attempts are in flight the time is
-- shared equally among them; otherwise it belongs to what the peer waited for. Moments are sorted once, and sums run over all of them:
-- each attempt ends within its task, so that the number in flight is 0 again where the next task begins.
CREATE OR REPLACE TEMP TABLE _timed AS
SELECT row_number() OVER () AS task, *
FROM (
    SELECT peer_id, any_value(role) AS role, any_value(host) AS host, any_value(outcome) AS outcome, any_value(n_pieces) AS n_pieces,
        min(epoch_ns(started)) AS start_ns, max(epoch_ns(ended)) AS end_ns
    FROM tasks WHERE peer_id IS NOT NULL GROUP BY peer_id HAVING max(epoch_ns(ended)) > min(epoch_ns(started))
);

CREATE OR REPLACE TEMP TABLE _timed_attempts AS
SELECT task, piece_number, is_ok, flight, greatest(from_ns, start_ns) AS from_ns, least(until_ns, end_ns) AS until_ns
FROM (
    SELECT peer_id, piece_number, outcome = 'ok' AS is_ok,
        CASE WHEN outcome <> 'ok' THEN 'retries' WHEN origin = 'parent' THEN 'parents' WHEN origin = 'local' THEN 'local' ELSE 'source' END AS flight,
        epoch_ns(started) AS from_ns, epoch_ns(ended) AS until_ns
    FROM pieces WHERE started IS NOT NULL AND ended IS NOT NULL
) JOIN _timed USING (peer_id)
WHERE least(until_ns, end_ns) > greatest(from_ns, start_ns);

-- Of the steps of one moment the last one is the one that the others led to.
CREATE OR REPLACE TEMP TABLE _moments AS
WITH changes AS (
        SELECT task, from_ns AS ns, CASE flight WHEN 'parents' THEN 'parent_wait' ELSE 'source_wait' END AS step, flight, 1::TINYINT AS delta FROM _timed_attempts
        UNION ALL SELECT task, until_ns, NULL, flight, -1::TINYINT FROM _timed_attempts
        UNION ALL SELECT task, epoch_ns(time), $STEP, NULL, 0::TINYINT FROM events JOIN _timed USING (peer_id)
        WHERE (event_id IN $STEPS OR $SECOND_ROUND) AND epoch_ns(time) BETWEEN start_ns AND end_ns - 1
        UNION ALL SELECT task, start_ns, 'registration', NULL, 0::TINYINT FROM _timed
        UNION ALL SELECT task, end_ns, 'ended', NULL, 0::TINYINT FROM _timed
    )
SELECT task, ns, step::ENUM ('registration', 'parent_wait', 'scheduling', 'second_round', 'source_wait', 'ended') AS step,
    CASE flight WHEN 'source' THEN delta ELSE 0::TINYINT END AS source, CASE flight WHEN 'parents' THEN delta ELSE 0::TINYINT END AS parents,
    CASE flight WHEN 'local' THEN delta ELSE 0::TINYINT END AS local, CASE flight WHEN 'retries' THEN delta ELSE 0::TINYINT END AS retries
FROM changes ORDER BY task, ns, step NULLS FIRST;

CREATE OR REPLACE TEMP TABLE _segments AS
WITH running AS (
    SELECT task, ns AS from_ns, lead(ns) OVER turns AS until_ns, last_value(step IGNORE NULLS) OVER turns AS step,
        (sum(source) OVER turns)::INTEGER AS source, (sum(parents) OVER turns)::INTEGER AS parents,
        (sum(local) OVER turns)::INTEGER AS local, (sum(retries) OVER turns)::INTEGER AS retries
    FROM _moments WINDOW turns AS (ROWS UNBOUNDED PRECEDING)
)
SELECT *, source + parents + local + retries AS in_flight FROM running WHERE until_ns > from_ns AND step <> 'ended';
CREATE OR REPLACE TEMP VIEW task_segments AS SELECT peer_id, segment.* FROM _segments AS segment JOIN _timed USING (task);

CREATE OR REPLACE TEMP TABLE _task_sums AS
SELECT task, sum(share_s * source) AS source, sum(share_s * parents) AS parents, sum(share_s * local) AS local, sum(share_s * retries) AS retries,
    bool_or(step <> 'registration') AS has_steps
FROM (SELECT *, (until_ns - from_ns) / 1e9 / nullif(in_flight, 0) AS share_s FROM _segments) GROUP BY task;

-- Each gap of a task with the other tasks of its host that have an attempt in flight in its middle: a task has one except in its gaps.
CREATE OR REPLACE TEMP TABLE _gaps AS
WITH gaps AS (SELECT task, host, from_ns, until_ns, step FROM _segments JOIN _timed USING (task) WHERE in_flight = 0),
    moments AS (
        SELECT host, start_ns AS ns, 1 AS delta, NULL AS task, NULL AS from_ns, NULL AS until_ns, NULL AS step FROM _timed
        UNION ALL SELECT host, end_ns, -1, NULL, NULL, NULL, NULL FROM _timed
        UNION ALL SELECT host, from_ns, -1, NULL, NULL, NULL, NULL FROM gaps
        UNION ALL SELECT host, until_ns, 1, NULL, NULL, NULL, NULL FROM gaps
        UNION ALL SELECT host, (from_ns + until_ns) // 2, 0, task, from_ns, until_ns, step FROM gaps
    )
SELECT task, from_ns, until_ns, step, CASE WHEN host IS NOT NULL THEN sum(delta) OVER (ORDER BY host, ns, task NULLS FIRST ROWS UNBOUNDED PRECEDING) END AS busy
FROM moments QUALIFY task IS NOT NULL;

CREATE OR REPLACE TEMP TABLE task_time AS
WITH known AS (
        SELECT task, count(DISTINCT piece_number) FILTER (is_ok) AS pieces, max(until_ns) AS last_ns FROM _timed_attempts GROUP BY task
    ),
    shared AS (UNPIVOT (SELECT task, source, parents, local, retries FROM _task_sums) ON source, parents, local, retries INTO NAME part VALUE seconds),
    -- Nine tenths of a task's pieces must be logged for a gap between them to be a wait.
    gaps AS (
        SELECT gap.task, host, step, outcome, gap.from_ns, gap.until_ns, busy, has_steps,
            coalesce(known.pieces < 0.9 * n_pieces AND outcome = 'ok', known.pieces IS NULL) AS is_partial,
            coalesce(gap.from_ns >= last_ns, false) AS is_after
        FROM _gaps AS gap JOIN _timed USING (task) JOIN _task_sums USING (task) LEFT JOIN known USING (task)
    ),
    unanswered AS (
        SELECT DISTINCT host, epoch_ns(time) AS ns FROM events WHERE event_id = 'scheduler_call_failed' AND component = 'client' AND host IS NOT NULL
    ),
    -- A call to the scheduler that gets no answer is logged when its timeout of 10 s has expired.
    waits AS (
        SELECT task, (gaps.until_ns - gaps.from_ns) / 1e9 AS seconds, CASE
            WHEN step = 'scheduling' THEN 'scheduling'
            WHEN step = 'registration' THEN CASE WHEN has_steps THEN 'registration' ELSE 'not_logged' END
            WHEN is_partial THEN CASE WHEN step = 'parent_wait' THEN 'parents' ELSE 'source' END
            WHEN step = 'second_round' THEN 'source'
            WHEN is_after AND outcome = 'ok' THEN 'writing'
            WHEN unanswered.ns >= gaps.from_ns AND gaps.until_ns - gaps.from_ns > 1_000_000_000 THEN 'scheduling'
            WHEN step = 'parent_wait' THEN 'parent_wait'
            WHEN busy > 0 THEN 'slots' ELSE 'idle' END AS part
        FROM gaps ASOF LEFT JOIN unanswered ON unanswered.host = gaps.host AND gaps.until_ns + 10_000_000_000 >= unanswered.ns
    )
SELECT peer_id, role, host, outcome, part, seconds
FROM (SELECT task, part, sum(seconds) AS seconds FROM (FROM shared WHERE seconds > 0 UNION ALL BY NAME FROM waits) GROUP BY task, part) JOIN _timed USING (task);

DROP TABLE _moments;
DROP TABLE _gaps;
DROP TABLE _task_sums;
