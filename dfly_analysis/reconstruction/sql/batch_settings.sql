SELECT peer, logs_starts, min(in_flight) FROM (FROM _problem_peers WHERE batch = ?) JOIN _identities USING (peer)
WHERE writer = $CLIENT GROUP BY ALL ORDER BY peer
