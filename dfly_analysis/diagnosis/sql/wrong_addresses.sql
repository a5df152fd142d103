-- Addresses where nothing listens, for long and without a reply in between, by host.
CREATE OR REPLACE TEMP TABLE dead_addresses AS
WITH tried AS (
        SELECT address, host, count(*) AS n, min(ns) AS first, max(ns) AS last FROM scheduler_addresses WHERE is_dead GROUP BY address, host
    ),
    answered AS (
        SELECT host, epoch_ns(time) AS ns FROM events WHERE component = 'client' AND event_id IN ('source_round_started', 'parent_round_started')
    )
SELECT address, host, n FROM tried WHERE n >= $MIN_FAILURES AND last - first >= $MIN_S * 1e9
    AND NOT EXISTS (SELECT 1 FROM answered WHERE answered.host = tried.host AND ns BETWEEN first AND last);
-- Uses of these, and of addresses that a client used well after it had been told others.
CREATE OR REPLACE TEMP TABLE wrong_addresses AS
WITH told AS (SELECT host, ns, list(DISTINCT address) AS told FROM scheduler_addresses WHERE is_listed GROUP BY host, ns),
    since AS (SELECT host, address, max(ns) AS last_told FROM scheduler_addresses WHERE is_listed GROUP BY host, address)
SELECT used.*, 'stale' AS reason
FROM (FROM scheduler_addresses WHERE (is_used OR is_failed) AND NOT is_listed AND regexp_matches(address, '^[0-9.]+$$')) AS used
ASOF JOIN told ON told.host = used.host AND used.ns >= told.ns + $SETTLING_NS
LEFT JOIN since ON since.host = used.host AND since.address = used.address
WHERE NOT list_contains(told.told, used.address) AND (last_told IS NULL OR used.ns > last_told + $SETTLING_NS)
UNION ALL SELECT *, 'dead' FROM scheduler_addresses WHERE is_dead AND address IN (SELECT address FROM dead_addresses)
