WITH areas AS (
        SELECT number, delta, ns * sum(delta) OVER turns - sum(delta * ns) OVER turns AS area FROM _source_moments WINDOW turns AS (ROWS UNBOUNDED PRECEDING)
    ),
    areas_of_attempts AS (SELECT number, -sum(delta * area) AS area FROM areas GROUP BY number)
SELECT regr_slope(rate, ln(area / (until_ns - from_ns))) FROM areas_of_attempts JOIN _source_attempts USING (number) WHERE rate IS NOT NULL AND area > 0
