WITH bad AS (
        SELECT parent_host, count(DISTINCT (peer_id, piece_number, ns // 2_000_000_000)) AS bad, count(DISTINCT host) AS children FROM content_faults
        WHERE parent_host IS NOT NULL GROUP BY parent_host
    ),
    served AS (
        SELECT coalesce(parent.host, $HOST_OF_PARENT, piece.parent_id) AS parent_host, count(*) AS served
        FROM pieces AS piece LEFT JOIN (SELECT DISTINCT peer_id, host FROM tasks) AS parent ON parent.peer_id = piece.parent_id
        WHERE piece.origin = 'parent' AND piece.outcome = 'ok' AND piece.parent_id IS NOT NULL GROUP BY ALL
    )
SELECT parent_host, bad, children, coalesce(served, 0) FROM bad LEFT JOIN served USING (parent_host) ORDER BY bad DESC, parent_host
