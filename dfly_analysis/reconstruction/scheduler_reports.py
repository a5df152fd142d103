"""Pieces as reported to the scheduler, joined with the clients' own records: `_first_reports` and `_attempts`."""

import duckdb

from dfly_analysis.reconstruction.event_records import LOCAL, REPORTED, USUAL_COST_S, create_odd_costs

OPEN_ORDER, REPORT_ORDER, INFERRED_ORDER = 1 << 42, 1 << 40, 1 << 41
"""Attempts of a peer at a piece that began in the same moment: by their ends, then reported, then inferred, then open ones."""
_REPEATED = f"""
CREATE OR REPLACE TEMP TABLE _repeated_reports AS
SELECT peer, number, min(seq) AS first_seq FROM _records
WHERE event = '{REPORTED}' AND number IS NOT NULL AND peer IS NOT NULL GROUP BY peer, number HAVING count(*) > 1
"""
_FIRST_REPORTS = f"""
CREATE OR REPLACE TEMP TABLE _first_reports AS
WITH reports AS (
        SELECT seq, id, peer, number, origin, parent_id, size_bytes, time, line, cost, {USUAL_COST_S} AS usual_cost_s FROM _records
        WHERE event = '{REPORTED}' AND number IS NOT NULL AND peer IS NOT NULL
    )
SELECT report.* EXCLUDE (cost, usual_cost_s), coalesce(usual_cost_s, seconds) AS cost_s,
    time - trunc(coalesce(usual_cost_s, seconds, 0) * 1e9)::BIGINT AS began
FROM reports AS report LEFT JOIN _odd_costs AS odd ON odd.cost = report.cost AND usual_cost_s IS NULL
ANTI JOIN _repeated_reports AS repeated
    ON repeated.peer = report.peer AND repeated.number = report.number AND repeated.first_seq < report.seq
"""
_ATTEMPTS = f"""
CREATE OR REPLACE TEMP TABLE _attempts AS
WITH own AS (
        SELECT first.id, pair.peer, pair.number, CASE WHEN is_local THEN {LOCAL} ELSE first.origin END::UTINYINT AS origin, first.parent_id,
            CASE WHEN start_seq IS NOT NULL THEN first.time END AS started, CASE WHEN end_seq IS NOT NULL THEN last.time END AS ended,
            CASE WHEN start_seq IS NOT NULL AND end_seq IS NOT NULL THEN (last.time - first.time) / 1e9 END AS duration_s,
            end_seq IS NOT NULL AS is_ok, CASE WHEN first.seq > second_from THEN 2 ELSE 1 END::UTINYINT AS round,
            false AS successes_not_logged, last.id AS last_id, last.line,
            CASE WHEN end_seq IS NULL THEN {OPEN_ORDER} + turn ELSE turn END::BIGINT AS order_in_peer,
            turn = 1 AND end_seq IS NOT NULL AS is_first_ok
        FROM _pairs AS pair
        JOIN _records AS first ON first.seq = coalesce(start_seq, end_seq) JOIN _records AS last ON last.seq = coalesce(end_seq, start_seq)
        LEFT JOIN _peer_rounds AS rounds ON rounds.peer = pair.peer
        UNION ALL
        SELECT id, peer, number, origin, parent_id, started, ended, duration_s, true, round, successes_not_logged, last_id, line,
            order_in_peer, is_first_ok
        FROM _machine_attempts WHERE outcome = 'ok'
    )
SELECT own.id, own.peer, own.number, own.origin, coalesce(nullif(own.parent_id, ''), report.parent_id, own.parent_id) AS parent_id,
    report.size_bytes,
    CASE WHEN own.duration_s IS NULL AND report.cost_s IS NOT NULL THEN report.began ELSE own.started END AS started, own.ended,
    coalesce(own.duration_s, report.cost_s) AS duration_s, is_ok, round, successes_not_logged, last_id, own.line, order_in_peer
FROM own LEFT JOIN _first_reports AS report ON is_first_ok AND report.peer = own.peer AND report.number = own.number
UNION ALL
SELECT id, report.peer, report.number, origin, parent_id, size_bytes, began, time, cost_s, true,
    CASE WHEN began >= reports_again_from AND time > reports_again_from THEN 2 ELSE 1 END, false, id, line, {REPORT_ORDER}
FROM (FROM _first_reports AS report ANTI JOIN (FROM own WHERE is_first_ok) AS known USING (peer, number)) AS report
LEFT JOIN _peer_rounds AS rounds ON rounds.peer = report.peer
"""
"""Pieces that came through, and starts without an end. A piece that only the scheduler saw began its cost before the report."""


def create_first_reports(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_first_reports`, the first report of each piece of a peer."""
    create_odd_costs(connection)
    connection.execute(_REPEATED)
    connection.execute(_FIRST_REPORTS)


def create_attempts(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_attempts` from `_pairs`, the finished ones of `_machine_attempts`, and `_first_reports`."""
    connection.execute(_ATTEMPTS)
