-- When pieces, and tasks without known pieces, began (or ended, if no start is logged), by run. By starts, since what a timeout ends
-- ends late, and the last period would contain little else.
WITH attempts AS ($SOURCE_ATTEMPTS),
    observed AS (
        SELECT started, ended, bad, peer_id, host FROM attempts
        UNION ALL
        SELECT started, ended, outcome <> 'ok', peer_id, host FROM tasks
        WHERE outcome IN ('ok', 'failed') AND ended IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.peer_id = tasks.peer_id)
    )
SELECT nanoseconds(coalesce(started, ended)) AS began, bad, coalesce(peer_id, '') AS peer_id, coalesce(run_of(host), '') AS run FROM observed
