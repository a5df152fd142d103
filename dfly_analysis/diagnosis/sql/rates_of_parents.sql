-- Pieces, their median rate and time: from the registry, from all parents, and from each.
WITH rates AS (
        SELECT origin, parent.host AS parent, size_bytes / piece.duration_s AS rate, piece.duration_s
        FROM (
            SELECT * FROM pieces WHERE outcome = 'ok' AND duration_s > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces)
        ) AS piece
        LEFT JOIN (SELECT DISTINCT peer_id, host FROM tasks) AS parent ON parent.peer_id = piece.parent_id WHERE origin IN ('source', 'parent')
    )
SELECT origin, parent, count(*), median(rate), sum(duration_s) FROM rates GROUP BY GROUPING SETS ((origin), (origin, parent))
