-- In the order they were written; in an export that lists the newest record first, the later line was written earlier.
CREATE OR REPLACE TEMP TABLE _records AS
SELECT (row_number() OVER ())::INTEGER AS seq, * EXCLUDE (file, newest_first, read_order)
FROM (
    SELECT * FROM (
        SELECT identity.id, identity.peer, identity.place, identity.file, identity.newest_first, identity.writer, epoch_ns(time) AS time,
            CASE WHEN event_id = 'piece_report_closed' AND contains(left(message, 40), 'Failed') THEN NULL
                ELSE try_cast(event_id AS ENUM$EVENTS) END AS event,
            CASE WHEN piece_number BETWEEN 0 AND $LAST_PIECE THEN piece_number END::INTEGER AS number,
            log_line AS line,
            (CASE origin WHEN 'source' THEN $SOURCE WHEN 'BACK_TO_SOURCE' THEN $SOURCE WHEN 'local' THEN $LOCAL WHEN 'LOCAL_PEER' THEN $LOCAL
                ELSE CASE WHEN origin IS NOT NULL OR contains(span, 'parent') THEN $PARENT ELSE $SOURCE END END)::UTINYINT AS origin,
            parent_id, size_bytes, piece_bytes, cost,
            event_id = 'piece_report_closed' AS is_report_closed, read_order,
            level IN $ERROR_LEVELS AS is_error,
            CASE stage WHEN 'downloading from scheduler' THEN 2 WHEN 'removing the finished piece' THEN 1 ELSE 0 END::UTINYINT AS stage,
            CASE WHEN level IN $ERROR_LEVELS OR event_id IN $WITH_MESSAGE THEN message END AS message,
            CASE WHEN event_id = '$PLANNED' THEN pieces ELSE error END AS detail,
            CASE WHEN event_id IN $FAILURES THEN signature END AS signature, url
        FROM ($READ_EVENTS WHERE $NEEDED) AS event
        JOIN _identities AS identity
            ON event.component IS NOT DISTINCT FROM identity.component AND event.role IS NOT DISTINCT FROM identity.role
            AND event.host IS NOT DISTINCT FROM identity.host AND event.task_id IS NOT DISTINCT FROM identity.task_id
            AND event.peer_id IS NOT DISTINCT FROM identity.peer_id AND event.log_path IS NOT DISTINCT FROM identity.log_path
    )
    ORDER BY time, file, CASE WHEN newest_first THEN -line ELSE line END, read_order, event, number, id
);
