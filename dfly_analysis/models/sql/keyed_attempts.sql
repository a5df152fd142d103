-- Attempts with their bins. Those that a fit leaves out share a bin. Lengths of whole pieces are few; a last piece may have any.
SELECT *, CASE WHEN duration_s > 0 AND isfinite(duration_s) THEN ln(duration_s) END AS log_duration,
    CASE WHEN size_bytes > 0 AND isfinite(size_bytes) THEN ln(size_bytes) END AS log_size,
    hash(origin, role, outcome, timeout_s, upper_s, successes_not_logged, duration_s > timeout_s, size_bytes % $PIECE_STEP_BYTES = 0,
        CASE WHEN size_bytes % $PIECE_STEP_BYTES = 0 THEN size_bytes ELSE floor(log_size / $SIZE_BIN_LOG) END,
        floor(log_duration / $BIN_LOG)) AS bin
FROM ($SOURCE)
