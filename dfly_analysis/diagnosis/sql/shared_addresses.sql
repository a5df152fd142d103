-- Addresses that stand for several schedulers in one list, with their names.
WITH pairs AS (
        SELECT regexp_extract_all(message, '"([^"]+)": "?[0-9.]+(?::[0-9]+)?', 1) AS names,
            regexp_extract_all(message, '"[^"]+": "?([0-9.]+(?::[0-9]+)?)', 1) AS addresses
        FROM (SELECT DISTINCT message FROM scheduler_lines WHERE is_listed)
    ),
    flat AS (SELECT DISTINCT unnest(names) AS name, unnest(addresses) AS address FROM pairs)
SELECT address, list(name ORDER BY name) FROM flat GROUP BY address HAVING count(DISTINCT name) > 1 ORDER BY 1
