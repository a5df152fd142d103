-- Bytes of each peer's blob and of its pieces, 0 where unknown.
-- Where a client's log does not have the size of a blob, the lengths of its pieces do: the longest is the piece length, and all
-- together are the blob. What some peers of a task know of it holds for the others.
CREATE OR REPLACE TEMP TABLE _task_sizes AS
WITH longest AS (
        SELECT task_id, max(size_bytes) AS bytes FROM _attempts JOIN _identities USING (id) WHERE size_bytes > 0 GROUP BY task_id
    ),
    without_size AS (SELECT peer FROM _tasks WHERE size_bytes IS NULL AND outcome = 'ok'),
    last_pieces AS (
        SELECT peer, number, arg_max(size_bytes, order_in_peer) AS bytes FROM _attempts SEMI JOIN without_size USING (peer)
        WHERE is_ok AND size_bytes > 0 GROUP BY peer, number
    ),
    added AS (SELECT peer, sum(bytes)::BIGINT AS bytes FROM last_pieces GROUP BY peer HAVING count(*) = max(number) + 1),
    own AS (
        SELECT task.peer, task.task_id, appeared, coalesce(task.size_bytes, added.bytes) AS size_bytes,
            CASE WHEN piece_bytes > 0 THEN piece_bytes ELSE longest.bytes END AS piece_bytes, rounds.pieces AS n_pieces
        FROM _tasks AS task LEFT JOIN longest USING (task_id) LEFT JOIN added USING (peer) LEFT JOIN _peer_rounds AS rounds USING (peer)
    ),
    known AS (
        SELECT task_id, arg_max(size_bytes, appeared) FILTER (size_bytes > 0) AS size_bytes,
            arg_max(piece_bytes, appeared) FILTER (piece_bytes > 0) AS piece_bytes,
            arg_max(n_pieces, appeared) FILTER (n_pieces > 0) AS n_pieces
        FROM own WHERE task_id IS NOT NULL GROUP BY task_id
    ),
    shared AS (
        SELECT peer, CASE WHEN own.size_bytes > 0 THEN own.size_bytes ELSE coalesce(known.size_bytes, 0) END AS size_bytes,
            CASE WHEN own.piece_bytes > 0 THEN own.piece_bytes ELSE coalesce(known.piece_bytes, 0) END AS piece_bytes,
            CASE WHEN own.n_pieces > 0 THEN own.n_pieces ELSE coalesce(known.n_pieces, 0) END AS n_pieces
        FROM own LEFT JOIN known USING (task_id)
    )
SELECT peer, size_bytes, piece_bytes,
    CASE WHEN size_bytes > 0 AND piece_bytes > 0 THEN (size_bytes + piece_bytes - 1) // piece_bytes ELSE n_pieces END AS n_pieces
FROM shared;
