-- Jobs whose first layer was started, and the median time until then.
SELECT count(*), median(wait_s) FROM (
    SELECT (epoch_ns(min(tasks.started)) - epoch_ns(any_value(jobs.created))) / 1e9 AS wait_s FROM jobs JOIN tasks USING (job_id) GROUP BY job_id
) WHERE wait_s >= 0
