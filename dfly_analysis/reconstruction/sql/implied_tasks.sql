CREATE OR REPLACE TEMP TABLE _implied_tasks AS
SELECT first_seq, task_id, url, 'seedClient' AS role, time AS ended, 'failed' AS outcome, coalesce(cause, 'unknown') AS cause,
    CASE WHEN coalesce(cause, 'unknown') = 'unknown' THEN 'low' ELSE 'medium' END AS confidence, text AS first_error, text AS last_error,
    1 AS n_errors, log_path, line AS log_line
FROM _losses LEFT JOIN _text_classes USING (text);
