-- Bytes of an attempt at a piece, where no record has them, follow from those of its blob.
CREATE OR REPLACE TEMP TABLE _all_attempts AS
WITH listed AS (
        SELECT id, peer, number, origin, parent_id, size_bytes, started, ended, duration_s, CASE WHEN is_ok THEN 'ok' ELSE 'unknown' END AS outcome,
            NULL::VARCHAR AS signature, round, successes_not_logged, last_id, line, order_in_peer
        FROM _attempts
        UNION ALL
        SELECT id, peer, number, origin, parent_id, NULL, started, ended, duration_s, outcome, signature, round, successes_not_logged, last_id, line, order_in_peer
        FROM _failed_attempts
    )
SELECT attempt.* REPLACE (CASE WHEN attempt.size_bytes > 0 THEN attempt.size_bytes WHEN size.piece_bytes > 0 THEN
    CASE WHEN size.size_bytes = 0 OR attempt.number < greatest(size.n_pieces, 1) - 1
            THEN CASE WHEN size.size_bytes = 0 OR size.size_bytes >= size.piece_bytes THEN size.piece_bytes ELSE size.size_bytes END
        WHEN size.size_bytes = attempt.number * size.piece_bytes THEN size.piece_bytes
        ELSE size.size_bytes - attempt.number * size.piece_bytes END
    END AS size_bytes), row_number() OVER () AS attempt_id
FROM listed AS attempt JOIN _task_sizes AS size ON size.peer = attempt.peer;
