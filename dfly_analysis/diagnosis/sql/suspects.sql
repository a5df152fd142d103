-- Records that may report a failure (some are logged at info level); the error text of a job is one too: often it is all that a user has.
SELECT component, host, time, task_id, url, peer_id, piece_number, log_path, log_line, message, text FROM events
WHERE message IS NOT NULL AND (level IN ('WARN', 'ERROR', 'FATAL') OR event_id IN ('job_failed', 'peer_failed', 'job_processed'))
UNION ALL SELECT 'manager', NULL, ended, NULL, NULL, NULL, NULL, log_path, log_line, error, NULL FROM jobs
WHERE error IS NOT NULL
