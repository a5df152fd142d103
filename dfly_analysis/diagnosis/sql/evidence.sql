-- A few records of a query: the clients' first, spread over hosts, earliest first.
WITH chosen AS (SELECT *, component IS DISTINCT FROM 'client' AS is_echo FROM ($QUERY)),
    turns AS (SELECT *, row_number() OVER (PARTITION BY is_echo, host ORDER BY time, log_path, log_line) AS turn FROM chosen)
SELECT log_path, log_line, coalesce(text, message) FROM turns ORDER BY is_echo, turn, time, log_path, log_line LIMIT $MAX_LINES
