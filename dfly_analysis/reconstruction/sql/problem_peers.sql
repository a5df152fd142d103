-- The attempts at pieces that are not ordinary, in batches of bounded size for the state machine.
CREATE OR REPLACE TEMP TABLE _problem_records AS
SELECT seq, peer, place FROM _records SEMI JOIN _unusual_pieces USING (place, number) WHERE $ACTING;

-- All records of a task on a host are in one batch; peers of several tasks or hosts, which only damaged logs have, are in the first.
CREATE OR REPLACE TEMP TABLE _problem_peers AS
WITH peers AS (
        SELECT peer, min(place) AS place, min(place) <> max(place) AS is_mixed, count(*) AS records FROM _problem_records GROUP BY peer
    ),
    mixed AS (SELECT DISTINCT problem.place FROM _problem_records AS problem JOIN peers USING (peer) WHERE is_mixed),
    traits AS (SELECT DISTINCT peer, logs_starts FROM _piece_groups)
SELECT peer, logs_starts, CASE WHEN is_mixed OR mixed.place IS NOT NULL THEN 0 ELSE 1 + hash(peers.place) % (SELECT count(*) // $RECORDS_AT_A_TIME + 1 FROM _problem_records) END::INTEGER AS batch
FROM peers JOIN traits USING (peer) LEFT JOIN mixed USING (place);

CREATE OR REPLACE TEMP TABLE _machine_records AS
SELECT seq, batch FROM _problem_records JOIN _problem_peers USING (peer)
UNION ALL SELECT seq, batch FROM _round_marks JOIN _problem_peers USING (peer);
