SELECT report.peer, list(number) FILTER (NOT again), list(ended) FILTER (NOT again), list(number) FILTER (again), list(ended) FILTER (again)
FROM (
    SELECT peer, number, coalesce(time, 0) AS ended, coalesce(began >= reports_again_from AND time > reports_again_from, false) AS again
    FROM _first_reports SEMI JOIN (FROM _problem_peers WHERE batch = ? AND NOT logs_starts) USING (peer)
    LEFT JOIN _peer_rounds USING (peer)
) AS report GROUP BY report.peer
