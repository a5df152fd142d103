-- Each combination of component, role, host, task, peer and file once; `_records` refers to it by number.
-- Peers are numbered in the order of their names; `place` numbers pairs of task and host.
CREATE OR REPLACE TEMP TABLE _identities AS
WITH found AS (SELECT DISTINCT component, role, host, task_id, peer_id, log_path FROM events WHERE $NEEDED),
    ordered AS (
        SELECT found.*, file_order, coalesce(newest_first, false) AS newest_first,
            row_number() OVER (ORDER BY file_order, log_path, component, role, host, task_id, peer_id, log_path) AS id
        FROM found LEFT JOIN files USING (log_path)
    )
SELECT id::INTEGER AS id, component, role, host, task_id, peer_id, log_path,
    CASE WHEN peer_id IS NOT NULL THEN dense_rank() OVER (ORDER BY peer_id NULLS LAST) END::INTEGER AS peer,
    CASE WHEN task_id IS NOT NULL THEN dense_rank() OVER (ORDER BY task_id, host) END::INTEGER AS place,
    dense_rank() OVER (ORDER BY file_order, log_path)::INTEGER AS file, newest_first,
    CASE component WHEN 'client' THEN 1 WHEN 'scheduler' THEN 2 ELSE 0 END::UTINYINT AS writer
FROM ordered;
