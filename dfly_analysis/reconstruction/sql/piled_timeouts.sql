-- The timeout that at least five failures of a role, four of five at one time, show well below the one believed to be in force.
-- Timers on real runs fire up to 44 ms late.
WITH failures AS (
        SELECT role, CASE WHEN sees_starts THEN duration_s END AS ran_s,
            CASE WHEN NOT (sees_starts AND duration_s IS NOT NULL) AND names_timeout THEN (ended - first_plan_time) / 1e9 END AS since_round_s
        FROM _machine_attempts JOIN _identities USING (id)
        WHERE outcome = 'failed' AND origin = $SOURCE
    ),
    middle AS (
        SELECT role, count(ran_s) AS ran, median(ran_s) AS middle_s, min(since_round_s) AS earliest_s FROM failures GROUP BY role
    ),
    counted AS (
        SELECT role, ran, middle_s, earliest_s,
            count(*) FILTER (abs(ran_s - middle_s) <= greatest(0.06, 0.01 * middle_s)) AS near,
            count(*) FILTER ($AT_TIMEOUT) AS agreeing
        FROM failures JOIN middle USING (role) GROUP BY ALL
    ),
    longest AS (
        SELECT role, max(duration_s) AS longest_s FROM _attempts JOIN _identities AS identity USING (id)
        WHERE is_ok AND origin = $SOURCE GROUP BY role
    ),
    piled AS (
        SELECT role, CASE WHEN ran >= 5
            THEN CASE WHEN near >= 0.8 * ran AND coalesce(longest_s, 0) <= middle_s + $LATE_S THEN middle_s END
            ELSE CASE WHEN earliest_s > 0 AND agreeing >= 2 THEN earliest_s END END AS timeout_s
        FROM counted LEFT JOIN longest USING (role)
    ),
    ids AS (
        SELECT DISTINCT id FROM _attempts WHERE is_ok
        UNION SELECT DISTINCT id FROM _machine_attempts WHERE NOT is_open
    ),
    believed AS (
        SELECT role, min(timeout_s) AS timeout_s FROM ids JOIN _identities USING (id) GROUP BY role
    )
SELECT role, piled.timeout_s FROM piled LEFT JOIN believed USING (role)
WHERE piled.timeout_s IS NOT NULL AND (believed.timeout_s IS NULL OR piled.timeout_s < 0.9 * believed.timeout_s);
