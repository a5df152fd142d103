-- Records of pieces that did not match, with the parent that served them where it is known.
CREATE OR REPLACE TEMP TABLE content_faults AS
WITH lines AS (
        SELECT event.*, epoch_ns(time) AS ns FROM events AS event JOIN content_fault_texts USING (message)
        WHERE component = 'client' AND level IN ('WARN', 'ERROR', 'FATAL')
    ),
    starts AS (SELECT peer_id, piece_number, epoch_ns(started) AS from_ns, parent_id AS piece_parent FROM pieces WHERE origin = 'parent' AND parent_id IS NOT NULL),
    named AS (
        SELECT lines.*, coalesce(nullif(lines.parent_id, ''), piece_parent) AS parent FROM lines
        ASOF LEFT JOIN starts ON starts.peer_id = lines.peer_id AND starts.piece_number = lines.piece_number AND lines.ns >= starts.from_ns
    ),
    hosts AS (SELECT peer_id AS parent, any_value(host) AS parent_host FROM tasks WHERE host IS NOT NULL GROUP BY peer_id)
SELECT named.*, coalesce(parent_host, $HOST_OF_PARENT, parent) AS parent_host FROM named LEFT JOIN hosts USING (parent)
