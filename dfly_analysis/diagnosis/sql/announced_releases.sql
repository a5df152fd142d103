-- The client's releases that each host announced.
SELECT host, list_sort(list(DISTINCT 'v' || release)), run_of(host) AS run FROM (
    SELECT host, regexp_extract(message, 'git_version: "v?([0-9][^" ]*)"', 1) AS release FROM events WHERE event_id = 'host_announced'
) WHERE release <> '' AND host IS NOT NULL GROUP BY host ORDER BY host
