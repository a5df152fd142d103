-- Seconds of some parts of the tasks' time, of all parts, the tasks, and the variance of the ratio of both sums.
WITH own AS (
        SELECT peer_id, coalesce(sum(seconds) FILTER (part IN $PARTS), 0) AS x, sum(seconds) AS d FROM task_time WHERE $WHERE GROUP BY peer_id
    ),
    ratio AS (SELECT sum(x) / sum(d) AS r FROM own)
SELECT sum(x), sum(d), count(*), sum((x - r * d) ** 2) * count(*) / nullif(count(*) - 1, 0) FROM own, ratio
