-- Failures and tasks of each blob, the largest size, first and last end of the failed ones.
SELECT $BLOB AS blob, count(*) FILTER (outcome <> 'ok') AS bad, count(*), max(size_bytes) FILTER (outcome <> 'ok'),
    min(nanoseconds(ended)) FILTER (outcome <> 'ok'), max(nanoseconds(ended)) FILTER (outcome <> 'ok')
FROM tasks WHERE outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL GROUP BY blob ORDER BY bad DESC, blob
