-- The first report of each piece of a peer to the scheduler.
CREATE OR REPLACE TEMP TABLE _repeated_reports AS
SELECT peer, number, min(seq) AS first_seq FROM _records
WHERE event = '$REPORTED' AND number IS NOT NULL AND peer IS NOT NULL GROUP BY peer, number HAVING count(*) > 1;

CREATE OR REPLACE TEMP TABLE _first_reports AS
WITH reports AS (
        SELECT seq, id, peer, number, origin, parent_id, size_bytes, time, line, cost, $USUAL_COST_S AS usual_cost_s FROM _records
        WHERE event = '$REPORTED' AND number IS NOT NULL AND peer IS NOT NULL
    )
SELECT report.* EXCLUDE (cost, usual_cost_s), coalesce(usual_cost_s, seconds) AS cost_s,
    time - trunc(coalesce(usual_cost_s, seconds, 0) * 1e9)::BIGINT AS began
FROM reports AS report LEFT JOIN _odd_costs AS odd ON odd.cost = report.cost AND usual_cost_s IS NULL
ANTI JOIN _repeated_reports AS repeated
    ON repeated.peer = report.peer AND repeated.number = report.number AND repeated.first_seq < report.seq;
