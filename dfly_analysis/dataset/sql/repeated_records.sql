CREATE TABLE repeated_records AS
WITH named AS (
    SELECT *, coalesce(message, concat_ws(' ', event_id, peer_id, piece_number)) AS record FROM events
), own AS (
    SELECT log_path AS copy, log_line, time, record, host_id,
        row_number() OVER (PARTITION BY log_path, time, record, host_id ORDER BY log_line) AS turn
    FROM named WHERE log_path IN (SELECT copy FROM copies)
), original AS (
    SELECT copy, time, record, host_id, row_number() OVER (PARTITION BY copy, time, record, host_id) AS turn
    FROM named JOIN copies ON log_path = original
)
SELECT copy, log_line FROM own WHERE EXISTS (
    SELECT 1 FROM original WHERE original.copy = own.copy AND original.time IS NOT DISTINCT FROM own.time
    AND original.record = own.record AND original.host_id IS NOT DISTINCT FROM own.host_id
    AND original.turn = own.turn
);

ALTER VIEW events RENAME TO events_with_copies;

CREATE VIEW events AS SELECT * FROM events_with_copies e WHERE NOT EXISTS (
    SELECT 1 FROM repeated_records r WHERE r.copy = e.log_path AND r.log_line = e.log_line
);
