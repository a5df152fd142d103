WITH client AS (
    SELECT signature, peer_id, piece_number, host, nanoseconds(time) AS ns,
        CASE WHEN peer_id IS NULL THEN 'free' WHEN piece_number IS NULL THEN 'task' ELSE 'piece' END AS kind
    FROM matches WHERE component = 'client'
), gaps AS (
    SELECT signature, kind, ns - lag(ns) OVER (
        PARTITION BY signature, kind, CASE WHEN kind = 'free' THEN host ELSE peer_id END,
            CASE WHEN kind = 'piece' THEN piece_number END ORDER BY ns
    ) AS gap FROM client WHERE kind <> 'task'
), bursts AS (
    SELECT signature, count(*) AS n FROM gaps WHERE gap IS NULL OR gap > ? GROUP BY signature
), of_tasks AS (
    SELECT signature, count(DISTINCT peer_id) AS n FROM client t WHERE kind = 'task' AND NOT EXISTS (
        SELECT 1 FROM client p WHERE p.kind = 'piece' AND p.signature = t.signature AND p.peer_id = t.peer_id
    ) GROUP BY signature
), repeated AS (
    SELECT signature, count(DISTINCT coalesce(task_id, url, message)) AS n FROM matches GROUP BY signature
    HAVING count(*) FILTER (component = 'client') = 0
), failed AS (SELECT peer_id, task_id, url FROM tasks WHERE outcome IN ('failed', 'died')
), numbered AS (SELECT row_number() OVER () AS place, * FROM failed
), concerned AS (
    SELECT DISTINCT signature, place FROM numbered JOIN matches USING (peer_id)
    UNION SELECT DISTINCT signature, place FROM numbered n JOIN matches s ON s.peer_id IS NULL AND s.task_id = n.task_id
    UNION SELECT DISTINCT signature, place FROM numbered n JOIN matches s ON s.peer_id IS NULL AND s.url = n.url
), of_failed AS (SELECT signature, count(*) AS n FROM concerned GROUP BY signature)
SELECT signature, count(*), coalesce(any_value(bursts.n), 0) + coalesce(any_value(of_tasks.n), 0) + coalesce(any_value(repeated.n), 0),
    coalesce(any_value(of_failed.n), 0), min(nanoseconds(time)), max(nanoseconds(time)),
    count(*) FILTER (is_echo_of), count(message)
FROM matches LEFT JOIN bursts USING (signature) LEFT JOIN of_tasks USING (signature)
LEFT JOIN repeated USING (signature) LEFT JOIN of_failed USING (signature)
GROUP BY signature
