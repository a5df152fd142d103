CREATE OR REPLACE TEMP TABLE _process_starts AS
SELECT host, time, min(seq) AS seq FROM _records JOIN _identities USING (id)
WHERE event = 'process_started' AND host IS NOT NULL AND time IS NOT NULL GROUP BY host, time;

CREATE OR REPLACE TEMP TABLE _verdict_records AS
SELECT seq, time, nullif(task_id, '') AS task_id, nullif(url, '') AS url, event IN $FAILED_VERDICTS AS failed,
    coalesce(detail, message, '') AS text, log_path, line
FROM _records JOIN _identities USING (id) WHERE event IN $VERDICTS;

-- By task id and by URL; the last record decides.
CREATE OR REPLACE TEMP TABLE _verdicts AS
WITH named AS (FROM _verdict_records SELECT task_id AS key, seq UNION ALL FROM _verdict_records SELECT url, seq),
    last AS (SELECT key, max(seq) AS seq FROM named WHERE key IS NOT NULL GROUP BY key)
SELECT key, failed, text FROM last JOIN _verdict_records USING (seq);
