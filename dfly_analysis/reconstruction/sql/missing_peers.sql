-- Clients v1.0.18 to v1.0.28 leave all ids off the lines of pieces.
-- The peer of the same host and task that started last before the record, else the earliest.
CREATE OR REPLACE TEMP TABLE _filled AS
WITH tied AS (
        SELECT _records.place, _records.peer, min(seq) AS seq FROM _records JOIN _identities AS identity USING (id)
        WHERE _records.writer = $CLIENT AND _records.peer IS NOT NULL AND _records.place IS NOT NULL AND host IS NOT NULL GROUP BY ALL
    ),
    started AS (
        SELECT tied.place, tied.peer, tied.seq, coalesce(time, $LAST) AS time FROM tied JOIN _records USING (seq)
        QUALIFY row_number() OVER (PARTITION BY tied.place, time ORDER BY tied.seq DESC) = 1
    ),
    earliest AS (SELECT place, arg_min(peer, seq) AS peer FROM tied GROUP BY place),
    unassigned AS (SELECT seq, id, place, coalesce(time, $LAST) AS time FROM _records WHERE peer IS NULL AND place IS NOT NULL AND writer = $CLIENT)
SELECT unassigned.seq, unassigned.id AS old_id, coalesce(started.peer, earliest.peer) AS peer
FROM unassigned JOIN earliest USING (place) ASOF LEFT JOIN started ON unassigned.place = started.place AND unassigned.time >= started.time;

CREATE OR REPLACE TEMP TABLE _new_identities AS
WITH names AS (SELECT DISTINCT peer, peer_id FROM _identities WHERE peer IS NOT NULL),
    filled AS (SELECT DISTINCT old_id, peer FROM _filled)
SELECT old_id, filled.peer, names.peer_id,
    ((SELECT max(id) FROM _identities) + row_number() OVER (ORDER BY old_id, filled.peer))::INTEGER AS id
FROM filled JOIN names USING (peer);

INSERT INTO _identities BY NAME
SELECT identity.* REPLACE (
    new.id AS id, new.peer AS peer, new.peer_id AS peer_id,
    CASE WHEN suffix(new.peer_id, '-seed') THEN 'seedClient' ELSE role END AS role
)
FROM _new_identities AS new JOIN _identities AS identity ON identity.id = new.old_id;

UPDATE _records SET id = new.id, peer = new.peer
FROM _filled JOIN _new_identities AS new USING (old_id, peer) WHERE _records.seq = _filled.seq;
