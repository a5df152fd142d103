-- How the rate of a piece depends on the mean of the requests in flight while it lasted: the sum of (t - ns) * delta over the moments
-- until t is the area under the number in flight; the difference of two of one place does not depend on the places before.
-- Of many hosts some are taken, until they have enough attempts together.
CREATE OR REPLACE TEMP TABLE _source_attempts AS
WITH attempts AS (
        SELECT row_number() OVER () AS number, $PLACE AS place, epoch_ns(started) AS from_ns, epoch_ns(ended) AS until_ns,
            CASE WHEN outcome = 'ok' AND duration_s > 0 AND size_bytes > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces) THEN ln(size_bytes / duration_s) END AS rate
        FROM pieces WHERE (outcome <> 'ok' OR origin = 'source') AND ended > started AND $PLACE IS NOT NULL
    ),
    places AS (SELECT place, sum(count(*)) OVER (ORDER BY hash(place)) - count(*) AS others FROM attempts GROUP BY place)
FROM attempts SEMI JOIN (FROM places WHERE others < $SAMPLE) USING (place);

CREATE OR REPLACE TEMP TABLE _source_moments AS
FROM (
    SELECT place, from_ns - (SELECT min(from_ns) FROM _source_attempts) AS ns, number, 1 AS delta FROM _source_attempts
    UNION ALL SELECT place, until_ns - (SELECT min(from_ns) FROM _source_attempts), number, -1 FROM _source_attempts
) ORDER BY place, ns;
