-- Attempts of a role, those that timed out, the longest timeout they reached, and all that timed out.
SELECT count(*) FILTER (role = $$1), count(*) FILTER (role = $$1 AND outcome = 'timeout'),
    max(timeout_s) FILTER (role = $$1 AND outcome = 'timeout'), count(*) FILTER (outcome = 'timeout')
FROM pieces
