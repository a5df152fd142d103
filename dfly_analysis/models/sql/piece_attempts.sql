-- Attempts at pieces; failures alone count where Prometheus shows the successes of their host.
SELECT origin, role, size_bytes::DOUBLE AS size_bytes, duration_s, outcome, timeout_s, NULL::DOUBLE AS upper_s,
    1.0::DOUBLE AS weight, $TASK, host, started,
    successes_not_logged AND NOT EXISTS (
        FROM runs WHERE runs.host = pieces.host AND metric = '$METRIC' AND label LIKE '%BACK_TO_SOURCE%'
    ) AS successes_not_logged
FROM pieces
