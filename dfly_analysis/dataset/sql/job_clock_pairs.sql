SELECT clock, max((first - epoch_ns(ended)) / 1e9), min((first - epoch_ns(created)) / 1e9), count(*) FROM (
    SELECT job_id, clock, min(epoch_ns(time)) AS first FROM events JOIN service_clocks USING (log_path)
    WHERE component = 'scheduler' AND job_id IS NOT NULL AND time IS NOT NULL GROUP BY job_id, clock
) JOIN job_times USING (job_id) GROUP BY clock ORDER BY clock
