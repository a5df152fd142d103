SELECT report.peer, report.number, began, cost_s
FROM _first_reports AS report SEMI JOIN (FROM _problem_peers WHERE batch = ? AND NOT logs_starts) AS peers USING (peer)
SEMI JOIN (
    SELECT peer, number FROM _records WHERE writer = $CLIENT AND event IN $ENDS
) AS ends ON ends.peer = report.peer AND ends.number = report.number
