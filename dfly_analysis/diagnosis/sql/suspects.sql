-- Records that may report a failure; the error text of a job is one too: often it is all that a user has. `is_bad`: by level or event.
SELECT component, host, time, task_id, url, peer_id, piece_number, log_path, log_line, message, text,
    coalesce(level IN ('WARN', 'ERROR', 'FATAL') OR event_id IN ('job_failed', 'peer_failed', 'job_processed'), FALSE) AS is_bad
FROM events WHERE message IS NOT NULL
UNION ALL SELECT 'manager', NULL, ended, NULL, NULL, NULL, NULL, log_path, log_line, error, NULL, TRUE FROM jobs
WHERE error IS NOT NULL
