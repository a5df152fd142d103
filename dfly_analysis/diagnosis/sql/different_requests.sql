-- Requests of pulls that used another task id, each with that of the preheat.
SELECT own.message, preheat.message, count(*)
FROM preheated_pulls AS pull JOIN events AS own ON own.event_id = 'task_started' AND own.peer_id = pull.peer_id
JOIN events AS preheat ON preheat.event_id = 'task_started' AND preheat.peer_id = pull.preheat_peer
WHERE is_other GROUP BY ALL ORDER BY 3 DESC LIMIT 200
