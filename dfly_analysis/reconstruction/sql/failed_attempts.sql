-- Those of `_machine_attempts` that did not finish, with how they ended.
-- The outcome of a failed attempt follows from its text, else from its duration: the end of a body is a timeout only at the timeout.
CREATE OR REPLACE TEMP TABLE _failed_attempts AS
WITH failed AS (
        SELECT machine.*, identity.timeout_s,
            outcome = 'failed' AND known_outcome = 'timeout' AND started IS NULL AND duration_s IS NULL AND identity.timeout_s IS NOT NULL
                AS is_filled
        FROM (FROM _machine_attempts WHERE outcome <> 'ok') AS machine JOIN _identities AS identity USING (id)
    )
SELECT id, peer, number, origin, parent_id, CASE WHEN is_filled THEN ended - trunc(timeout_s * 1e9)::BIGINT ELSE started END AS started, ended,
    CASE WHEN is_filled THEN timeout_s ELSE duration_s END AS duration_s,
    CASE WHEN outcome <> 'failed' THEN outcome
        WHEN known_outcome <> 'unknown' THEN known_outcome
        WHEN $AT_TIMEOUT THEN 'timeout'
        WHEN names_body AND duration_s < timeout_s THEN 'reset'
        ELSE 'unknown' END AS outcome,
    CASE WHEN outcome <> 'failed' THEN signature
        WHEN known_outcome <> 'unknown' THEN known_id
        WHEN names_body THEN 'error_decoding_response_body' ELSE signature END AS signature,
    round, successes_not_logged, last_id, line, order_in_peer, is_open
FROM failed;
