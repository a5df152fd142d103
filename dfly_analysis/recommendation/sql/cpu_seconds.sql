-- CPU seconds of the processes of a role, and the bytes that these processes fetched.
WITH own AS (FROM runs WHERE tool = 'prometheus' AND role = ? AND host IS NOT NULL),
    processes AS (SELECT host, started, n FROM own WHERE kind = 'gauge' AND metric = ? AND n IS NOT NULL)
SELECT (SELECT sum(n) FROM processes), sum(coalesce(bytes_from_source, 0) + coalesce(bytes_from_parent, 0))
FROM own WHERE kind = 'counter'
    AND EXISTS (FROM processes p WHERE p.host = own.host AND p.started IS NOT DISTINCT FROM own.started)
