CREATE VIEW events AS
SELECT e.* REPLACE (
    CASE WHEN e.event_id = 'piece_reported' AND EXISTS (
        SELECT 1 FROM clocks_incomparable d WHERE d.log_path = e.log_path AND (d.host IS NULL OR d.host = e.host)
    ) THEN NULL WHEN s.shift_ns IS NULL THEN e.time
    ELSE make_timestamp_ns(epoch_ns(e.time) + s.shift_ns)::TIMESTAMPTZ_NS END AS time
)
FROM events_as_logged e LEFT JOIN clock_shifts s ON s.log_path = e.log_path AND s.component = e.component AND (s.host IS NULL OR s.host = e.host)
