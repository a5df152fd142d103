-- From `_pairs`, the finished ones of `_machine_attempts`, and `_first_reports`.
-- Pieces that came through, and starts without an end. A piece that only the scheduler saw began its cost before the report.
CREATE OR REPLACE TEMP TABLE _attempts AS
WITH own AS (
        SELECT first.id, pair.peer, pair.number, CASE WHEN is_local THEN $LOCAL ELSE first.origin END::UTINYINT AS origin, first.parent_id,
            CASE WHEN start_seq IS NOT NULL THEN first.time END AS started, CASE WHEN end_seq IS NOT NULL THEN last.time END AS ended,
            CASE WHEN start_seq IS NOT NULL AND end_seq IS NOT NULL THEN (last.time - first.time) / 1e9 END AS duration_s,
            end_seq IS NOT NULL AS is_ok, CASE WHEN first.seq > second_from THEN 2 ELSE 1 END::UTINYINT AS round,
            false AS successes_not_logged, last.id AS last_id, last.line,
            CASE WHEN end_seq IS NULL THEN $OPEN_ORDER + turn ELSE turn END::BIGINT AS order_in_peer,
            turn = 1 AND end_seq IS NOT NULL AS is_first_ok
        FROM _pairs AS pair
        JOIN _records AS first ON first.seq = coalesce(start_seq, end_seq) JOIN _records AS last ON last.seq = coalesce(end_seq, start_seq)
        LEFT JOIN _peer_rounds AS rounds ON rounds.peer = pair.peer
        UNION ALL
        SELECT id, peer, number, origin, parent_id, started, ended, duration_s, true, round, successes_not_logged, last_id, line,
            order_in_peer, is_first_ok
        FROM _machine_attempts WHERE outcome = 'ok'
    )
SELECT own.id, own.peer, own.number, own.origin, coalesce(nullif(own.parent_id, ''), report.parent_id, own.parent_id) AS parent_id,
    report.size_bytes,
    CASE WHEN own.duration_s IS NULL AND report.cost_s IS NOT NULL THEN report.began ELSE own.started END AS started, own.ended,
    coalesce(own.duration_s, report.cost_s) AS duration_s, is_ok, round, successes_not_logged, last_id, own.line, order_in_peer
FROM own LEFT JOIN _first_reports AS report ON is_first_ok AND report.peer = own.peer AND report.number = own.number
UNION ALL
SELECT id, report.peer, report.number, origin, parent_id, size_bytes, began, time, cost_s, true,
    CASE WHEN began >= reports_again_from AND time > reports_again_from THEN 2 ELSE 1 END, false, id, line, $REPORT_ORDER
FROM (FROM _first_reports AS report ANTI JOIN (FROM own WHERE is_first_ok) AS known USING (peer, number)) AS report
LEFT JOIN _peer_rounds AS rounds ON rounds.peer = report.peer;
