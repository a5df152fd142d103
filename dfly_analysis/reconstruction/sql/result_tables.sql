-- `pieces`, ordered by peer, piece and time, and `tasks`, ordered by the time of start.
CREATE OR REPLACE TABLE pieces AS
WITH several AS (
        FROM _pairs SELECT peer, number WHERE turn = 2 OR end_seq IS NULL UNION FROM _machine_attempts SELECT peer, number
    ),
    repeated AS (
        SELECT attempt_id, row_number() OVER (PARTITION BY peer, number ORDER BY coalesce(started, ended, 0), order_in_peer, attempt_id) AS attempt
        FROM _all_attempts SEMI JOIN several USING (peer, number) QUALIFY attempt > 1
    )
SELECT first.task_id, first.peer_id, first.host, first.role, number::BIGINT AS piece_number, coalesce(repeated.attempt, 1) AS attempt,
    CASE origin WHEN $SOURCE THEN 'source' WHEN $PARENT THEN 'parent' WHEN $LOCAL THEN 'local' END AS origin, parent_id, size_bytes,
    make_timestamp_ns(started)::TIMESTAMPTZ_NS AS started, make_timestamp_ns(ended)::TIMESTAMPTZ_NS AS ended, duration_s, outcome, signature,
    CASE WHEN origin = $SOURCE THEN first.timeout_s END AS timeout_s, outcome <> 'ok' AS censored, round::BIGINT AS retry_round, successes_not_logged,
    last.log_path, line AS log_line
FROM _all_attempts AS one JOIN _identities AS first ON first.id = one.id JOIN _identities AS last ON last.id = last_id
LEFT JOIN repeated USING (attempt_id)
ORDER BY one.peer, number, coalesce(repeated.attempt, 1);

CREATE OR REPLACE TABLE tasks AS
WITH errors AS (
        SELECT peer, count(*) AS errors FROM _failed_attempts WHERE outcome NOT IN ('ok', 'cancelled') AND NOT is_open GROUP BY peer
    ),
    fetched AS (
        SELECT peer, sum(size_bytes) FILTER (origin = $SOURCE) AS source, sum(size_bytes) FILTER (origin = $PARENT) AS parent
        FROM _all_attempts WHERE outcome = 'ok' AND origin <> $LOCAL GROUP BY peer
    ),
    listed AS (
        SELECT task.peer, task.task_id, names.peer_id, task.host, task.role, url, nullif(size.size_bytes, 0) AS size_bytes,
            nullif(size.piece_bytes, 0) AS piece_bytes, nullif(size.n_pieces, 0) AS n_pieces, started,
            CASE WHEN outcome IN ('ok', 'failed') THEN ended END AS ended, outcome, cause, confidence, first_error, last_error,
            CASE WHEN outcome = 'failed' THEN greatest(coalesce(errors.errors, 0), 1) ELSE coalesce(errors.errors, 0) END AS n_errors,
            coalesce(source, 0)::BIGINT AS bytes_from_source, coalesce(parent, 0)::BIGINT AS bytes_from_parent,
            place.log_path, task.log_line
        FROM _tasks AS task JOIN _task_sizes AS size USING (peer) JOIN (SELECT DISTINCT peer, peer_id FROM _identities) AS names USING (peer)
        LEFT JOIN _causes USING (peer) LEFT JOIN errors USING (peer) LEFT JOIN fetched USING (peer)
        LEFT JOIN _identities AS place ON place.id = place_id
        WHERE task.task_id IS NOT NULL AND (start_seq IS NOT NULL OR outcome <> 'unknown')
    ),
    all_tasks AS (
        SELECT 0 AS is_implied, coalesce(started, 0) AS began, peer, * EXCLUDE (peer) FROM listed
        UNION ALL BY NAME SELECT 1 AS is_implied, first_seq AS began, * EXCLUDE (first_seq) FROM _implied_tasks
    )
SELECT task_id, peer_id, host, role, url, size_bytes, piece_bytes, n_pieces, make_timestamp_ns(started)::TIMESTAMPTZ_NS AS started, make_timestamp_ns(ended)::TIMESTAMPTZ_NS AS ended,
    (ended - started) / 1e9 AS duration_s, outcome, cause, confidence, first_error, last_error, n_errors,
    bytes_from_source, bytes_from_parent,
    CASE WHEN bytes_from_source <> 0 AND bytes_from_parent <> 0 THEN 'both' WHEN bytes_from_source <> 0 THEN 'source'
        WHEN bytes_from_parent <> 0 THEN 'parent' END AS origin,
    NULL::VARCHAR AS job_id, log_path, log_line
FROM all_tasks ORDER BY is_implied, began, peer;
