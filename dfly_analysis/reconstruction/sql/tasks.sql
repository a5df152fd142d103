-- One row a peer, from its own records, the scheduler's, and the verdicts of preheats.
CREATE OR REPLACE TEMP TABLE _peers AS
WITH spans AS (SELECT id, min(seq) AS first, max(seq) AS last FROM _records WHERE peer IS NOT NULL GROUP BY id)
SELECT peer, min(first) AS appeared, min(first) FILTER (writer = $CLIENT) AS first_client, max(last) FILTER (writer = $CLIENT) AS last_client,
    arg_min(task_id, first) FILTER (task_id <> '') AS task_id, arg_min(host, first) FILTER (host <> '') AS host,
    arg_min(role, first) FILTER (role <> '') AS role
FROM spans JOIN _identities USING (id) GROUP BY peer;

CREATE OR REPLACE TEMP TABLE _task_marks AS
WITH chosen AS (
        FROM _records
        WHERE peer IS NOT NULL AND (
            event IS NULL OR is_error OR event NOT IN $PIECE_RECORDS OR url IS NOT NULL OR piece_bytes IS NOT NULL
            OR (size_bytes IS NOT NULL AND event <> '$REPORTED')
        )
    )
SELECT peer,
    min(seq) FILTER (writer = $CLIENT AND event IN $TASK_STARTS) AS client_start,
    min(seq) FILTER (writer = $SCHEDULER AND event IN $TASK_STARTS) AS scheduler_start,
    min(seq) FILTER (writer = $CLIENT AND event IN $CLIENT_TASK_ENDS) AS client_end,
    max(seq) FILTER (writer = $CLIENT AND event = 'task_failed') AS failure,
    max(seq) FILTER (writer = $SCHEDULER AND event IN $SCHEDULER_TASK_ENDS AND (first_client IS NULL OR seq < first_client))
        AS scheduler_end,
    arg_max(event, seq) FILTER (writer = $SCHEDULER AND event IN $SCHEDULER_TASK_ENDS) AS scheduler_outcome,
    arg_max(size_bytes, seq) FILTER (size_bytes IS NOT NULL AND event IS DISTINCT FROM '$REPORTED') AS size_bytes,
    arg_max(piece_bytes, seq) FILTER (piece_bytes IS NOT NULL) AS piece_bytes,
    arg_min(url, seq) FILTER (url <> '') AS url,
    count(*) FILTER ($OWN_ERROR) AS errors,
    arg_min(message, seq) FILTER ($OWN_ERROR AND message <> '') AS first_error,
    arg_max(coalesce(message, ''), seq) FILTER ($OWN_ERROR) AS last_error
FROM chosen JOIN _peers USING (peer) GROUP BY peer;

CREATE OR REPLACE TEMP TABLE _tasks AS
WITH marked AS (
        SELECT peer.*, mark.* EXCLUDE (peer),
            CASE WHEN first_client IS NULL THEN scheduler_start ELSE client_start END AS start_seq,
            coalesce(failure, scheduler_end, client_end) AS end_seq
        FROM _peers AS peer LEFT JOIN _task_marks AS mark USING (peer)
    ),
    placed AS (
        SELECT *, CASE WHEN first_client IS NULL THEN start_seq
            ELSE greatest(first_client, coalesce(start_seq, 0), coalesce(failure, 0)) END AS place_seq
        FROM marked
    ),
    points AS (
        SELECT seq, id, time, line FROM _records SEMI JOIN (
            SELECT start_seq AS seq FROM placed UNION ALL SELECT end_seq FROM placed
            UNION ALL SELECT last_client FROM placed UNION ALL SELECT place_seq FROM placed
        ) USING (seq)
    ),
    timed AS (
        SELECT placed.*, start_point.time AS started, end_point.time AS ended, last_point.time AS last_time, place_point.id AS place_id,
            place_point.line AS log_line
        FROM placed LEFT JOIN points AS start_point ON start_point.seq = start_seq LEFT JOIN points AS end_point ON end_point.seq = end_seq
        LEFT JOIN points AS last_point ON last_point.seq = last_client LEFT JOIN points AS place_point ON place_point.seq = place_seq
    ),
    terminated AS (SELECT host, max(time) AS time FROM _terminations GROUP BY host),
    restarted AS (SELECT host, max(time) AS time FROM _process_starts GROUP BY host),
    verdicts AS (
        SELECT timed.*, by_task.key IS NOT NULL OR by_url.key IS NOT NULL AS has_verdict,
            CASE WHEN by_task.key IS NOT NULL THEN by_task.failed ELSE by_url.failed END AS verdict_failed,
            CASE WHEN by_task.key IS NOT NULL THEN by_task.text ELSE by_url.text END AS verdict_text,
            coalesce(coalesce(last_time, $LAST) - $EARLY_NS <= terminated.time OR restarted.time > coalesce(last_time, $LAST), false) AS host_died
        FROM timed LEFT JOIN _verdicts AS by_task ON by_task.key = task_id LEFT JOIN _verdicts AS by_url ON by_url.key = url
        LEFT JOIN terminated USING (host) LEFT JOIN restarted USING (host)
    ),
    settled AS (
        SELECT *, CASE
            WHEN failure IS NOT NULL THEN 'failed'
            WHEN client_end IS NOT NULL THEN 'ok'
            WHEN first_client IS NULL AND scheduler_outcome = 'peer_finished' THEN 'ok'
            WHEN first_client IS NOT NULL AND start_seq IS NOT NULL AND host_died THEN 'died'
            WHEN verdict_failed AND role = 'seedClient' THEN 'failed'
            WHEN first_client IS NULL AND has_verdict AND role = 'seedClient' THEN 'ok'
            ELSE 'unknown' END AS outcome
        FROM verdicts
    )
SELECT * REPLACE (
        CASE WHEN outcome = 'failed' AND failure IS NULL THEN verdict_text WHEN errors > 0 THEN coalesce(first_error, '') END AS first_error,
        CASE WHEN outcome = 'failed' AND failure IS NULL THEN verdict_text WHEN errors > 0 THEN last_error END AS last_error
    ),
    outcome = 'failed' AND failure IS NULL AS is_failed_by_verdict
FROM settled;
