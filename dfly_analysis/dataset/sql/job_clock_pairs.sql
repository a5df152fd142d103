SELECT clock, max((first - epoch_ns(ended)) / 1e9), min((first - epoch_ns(created)) / 1e9), count(*) FROM (
    SELECT coalesce(job_id, nullif(regexp_extract(message, 'group_[0-9a-f-]+'), '')) AS job_id, clock, min(epoch_ns(time)) AS first
    FROM events JOIN service_clocks USING (log_path)
    WHERE component = 'scheduler' AND (job_id IS NOT NULL OR event_id = 'job_received') AND time IS NOT NULL GROUP BY ALL
) JOIN job_times USING (job_id) GROUP BY clock ORDER BY clock
