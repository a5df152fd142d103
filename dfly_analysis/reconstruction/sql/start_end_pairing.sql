-- Ordinary pieces: starts and ends alone, each end closing the oldest open start of its peer. Most records of a client's log are of
-- such pieces; the others, in `_unusual_pieces`, go to `piece_state_machine`. A piece of a task on a host is ordinary where its records
-- are starts and ends only, no peer starts it more than twice, and no round of a peer that cancels its pieces in flight begins or is
-- lost meanwhile. An end alone is a piece without a known start.
-- The records of a peer about a piece; those of peers whose starts are not logged are not ordinary (see `cancelled_pieces`).
CREATE OR REPLACE TEMP TABLE _piece_groups AS
WITH grouped AS (
        SELECT place, number, peer, count(*) AS records, count(*) FILTER (event = 'piece_started') AS starts,
            count(*) FILTER (event IN $ENDS) AS ends,
            min(seq) FILTER (event = 'piece_started') AS start_1, max(seq) FILTER (event = 'piece_started') AS start_2,
            min(seq) FILTER (event IN $ENDS) AS end_1, max(seq) FILTER (event IN $ENDS) AS end_2
        FROM _records WHERE $ACTING GROUP BY place, number, peer
    ),
    peers AS (
        SELECT peer, bool_or(starts > 0) AS logs_starts, min(place) = max(place) AS in_one_place FROM grouped GROUP BY peer
    )
SELECT grouped.*, logs_starts, logs_starts AND in_one_place AND records = starts + ends AND (
        (starts = 0 AND ends = 1)
        OR (starts = 1 AND ends <= 1 AND (ends = 0 OR start_1 < end_1))
        OR (starts = 2 AND ends <= 2 AND (ends = 0 OR start_1 < end_1) AND (ends < 2 OR start_2 < end_2))
    ) AS is_ordinary
FROM grouped JOIN peers USING (peer);

CREATE OR REPLACE TEMP TABLE _pair_candidates AS
SELECT place, number, peer, 1 AS turn, start_1 AS start_seq, end_1 AS end_seq FROM _piece_groups WHERE is_ordinary
UNION ALL
SELECT place, number, peer, 2, start_2, CASE WHEN ends = 2 THEN end_2 END FROM _piece_groups WHERE is_ordinary AND starts = 2;

CREATE OR REPLACE TEMP TABLE _round_marks AS
SELECT seq, _records.peer, time, event, stage, detail AS plan, cancelling,
    coalesce(event = '$PLANNED' AND regexp_matches(detail, '(^|,)\s*[0-9]{1,9}\s*(,|$$)'), false) AS is_plan
FROM _records JOIN _identities AS identity USING (id)
WHERE _records.writer = $CLIENT AND event IN $ROUND_EVENTS AND _records.peer IS NOT NULL;

-- With which record a peer's second round began, how many pieces its first plan counts, and, where its starts are not logged, from
-- when on reported pieces are of the second round.
CREATE OR REPLACE TEMP TABLE _peer_rounds AS
WITH plans AS (
        SELECT peer, count(*) AS plans, min(seq) AS first_plan, max(seq) AS last_plan FROM _round_marks WHERE is_plan GROUP BY peer
    ),
    second AS (
        SELECT mark.peer, min(mark.seq) AS second_from FROM _round_marks AS mark LEFT JOIN plans USING (peer)
        WHERE event = '$PLANNED' AND (stage = 2 OR (stage = 1 AND mark.seq > first_plan)) GROUP BY mark.peer
    ),
    texts AS (
        SELECT plans.peer, mark.plan FROM plans JOIN _round_marks AS mark ON mark.seq = first_plan
    ),
    counted AS (
        SELECT plan, list_max([CAST(trim(part) AS INTEGER) FOR part IN string_split(plan, ',') IF regexp_full_match(part, '\s*[0-9]{1,9}\s*')]) + 1
            AS pieces
        FROM (SELECT DISTINCT plan FROM texts)
    )
SELECT coalesce(plans.peer, second.peer) AS peer, second_from, counted.pieces,
    CASE WHEN plans.plans >= 2 AND last_mark.cancelling AND traits.peer IS NULL THEN last_mark.time END AS reports_again_from
FROM plans FULL JOIN second USING (peer) LEFT JOIN texts ON texts.peer = plans.peer LEFT JOIN counted USING (plan)
LEFT JOIN _round_marks AS last_mark ON last_mark.seq = plans.last_plan
LEFT JOIN (SELECT DISTINCT peer FROM _piece_groups WHERE logs_starts) AS traits ON traits.peer = plans.peer;

-- A round that ends cancels the pieces in flight: what was open then is not ordinary.
CREATE OR REPLACE TEMP TABLE _unusual_pieces AS
SELECT DISTINCT place, number FROM _piece_groups WHERE NOT is_ordinary
UNION
SELECT place, number
FROM (
    SELECT candidate.*, mark.seq AS mark_seq
    FROM (FROM _pair_candidates WHERE start_seq IS NOT NULL) AS candidate
    ASOF JOIN (FROM _round_marks WHERE cancelling) AS mark ON candidate.peer = mark.peer AND candidate.start_seq < mark.seq
)
WHERE mark_seq <= end_seq OR end_seq IS NULL;

-- `is_local`: the same process had requested the piece before, so this start waited for it or found it there.
CREATE OR REPLACE TEMP TABLE _pairs AS
WITH kept AS (FROM _pair_candidates ANTI JOIN _unusual_pieces USING (place, number)),
    several AS (SELECT place, number FROM kept WHERE start_seq IS NOT NULL GROUP BY place, number HAVING count(*) > 1),
    following AS (
        SELECT start_seq, lag(start_seq) OVER (PARTITION BY place, number ORDER BY start_seq) AS earlier_seq, place
        FROM kept SEMI JOIN several USING (place, number) WHERE start_seq IS NOT NULL
    ),
    hosts AS (SELECT DISTINCT place, host FROM _identities WHERE place IS NOT NULL),
    found AS (
        SELECT start_seq FROM following JOIN hosts USING (place)
        ASOF LEFT JOIN _process_starts AS restart ON restart.host = hosts.host AND following.start_seq > restart.seq
        WHERE earlier_seq IS NOT NULL AND (restart.seq IS NULL OR restart.seq < earlier_seq)
    )
SELECT kept.*, found.start_seq IS NOT NULL AS is_local FROM kept LEFT JOIN found USING (start_seq);
