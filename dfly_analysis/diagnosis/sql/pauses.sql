-- Times without a task between two periods of one run, of at least $PERIOD_S seconds.
SELECT began, until FROM (
    SELECT began, max(ended) OVER (PARTITION BY run ORDER BY began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until FROM (
        SELECT run_of(host) AS run, nanoseconds(coalesce(started, ended)) AS began, nanoseconds(coalesce(ended, started)) AS ended FROM tasks
    ) WHERE began IS NOT NULL
) WHERE began - until > $PERIOD_S * 1e9 ORDER BY began
