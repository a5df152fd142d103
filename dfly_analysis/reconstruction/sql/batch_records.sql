SELECT record.seq, id, event, record.peer, record.time, number, record.place, starts.seq AS life, origin, cancelling, stage, line, parent_id,
    detail, message, signature
FROM (FROM _machine_records WHERE batch = ?) AS chosen JOIN _records AS record USING (seq) JOIN _identities AS identity USING (id)
ASOF LEFT JOIN _process_starts AS starts ON starts.host = identity.host AND record.seq > starts.seq
ORDER BY record.seq
