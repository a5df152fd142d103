-- Layers of the largest preheat job, or of the image most was fetched of: the largest of them, in the order in which they began.
WITH blob AS (
        SELECT coalesce(job_id, nullif(regexp_extract(url, '$BLOB', 1), '')) AS image,
            nullif(regexp_extract(url, '$BLOB', 2), '') AS digest,
            arg_min(size_bytes, coalesce(nanoseconds(started), 0)) AS size_bytes, min(started) AS started
        FROM tasks WHERE url IS NOT NULL AND size_bytes >= $MIN_LAYER_BYTES
        GROUP BY ALL HAVING image IS NOT NULL AND digest IS NOT NULL
    ),
    largest AS (
        SELECT * FROM blob WHERE image = (SELECT image FROM blob GROUP BY 1 ORDER BY sum(size_bytes) DESC, 1 LIMIT 1)
        ORDER BY size_bytes DESC, started LIMIT $MAX_LAYERS
    )
SELECT digest, size_bytes FROM largest ORDER BY started NULLS LAST, digest
