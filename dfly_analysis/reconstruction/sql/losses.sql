-- Blobs that a preheat lost and that no task stands for. A task that fails at its first request never reaches the scheduler; without
-- its seed client's log only the preheat shows it.
CREATE OR REPLACE TEMP TABLE _losses AS
WITH keyed AS (SELECT coalesce(url, task_id) AS key, * FROM _verdict_records WHERE coalesce(url, task_id) IS NOT NULL),
    last AS (SELECT key, max(seq) AS seq, min(seq) AS first_seq FROM keyed GROUP BY key),
    seeds AS (SELECT task_id, url FROM _tasks WHERE role = 'seedClient' AND task_id IS NOT NULL AND (start_seq IS NOT NULL OR outcome <> 'unknown'))
SELECT first_seq, record.task_id, record.url, record.time, record.text, record.log_path, record.line
FROM last JOIN _verdict_records AS record USING (seq) JOIN _verdicts AS verdict USING (key)
WHERE verdict.failed AND NOT coalesce(record.task_id IN (SELECT task_id FROM seeds), false)
    AND NOT coalesce(record.url IN (SELECT url FROM seeds WHERE url IS NOT NULL), false);
