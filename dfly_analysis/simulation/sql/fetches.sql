-- Common table expressions: the first fetch of each layer by each host.
-- What a host was asked for again it had, in whole or in part: such a task is no fetch of the layer. Failures count whose
-- cause is a failure of pieces.
WITH first_fetches AS (
    SELECT coalesce(host, '?') AS host, started, ended, outcome, size_bytes, coalesce(nullif(piece_bytes, 0), 0) AS piece_bytes,
        outcome = 'ok' OR coalesce(cause IN $PIECE_CAUSES, false) AS modelled
    FROM tasks
    WHERE role = $$1 AND outcome IN ('ok', 'failed') AND started IS NOT NULL AND ended IS NOT NULL
        AND size_bytes >= $MIN_LAYER_BYTES AND coalesce(origin, '') != 'local' AND (role != 'seedClient' OR coalesce(origin, '') != 'parent')
    QUALIFY row_number() OVER (PARTITION BY task_id, tasks.host ORDER BY started, log_path, log_line) = 1
), fetches AS (
    SELECT *, (nanoseconds(started) - min(nanoseconds(started)) OVER ()) / 1e9 AS start_s,
        (nanoseconds(ended) - min(nanoseconds(started)) OVER ()) / 1e9 AS end_s
    FROM first_fetches WHERE modelled
)
