"""What several checks ask of pieces: attempts at the source whose end is known, failed and finished ones."""

from __future__ import annotations

SOURCE_ATTEMPTS = """
    SELECT role, host, peer_id, started, ended, outcome <> 'ok' AS bad FROM pieces
    WHERE origin = 'source' AND host IS NOT NULL AND ended IS NOT NULL AND NOT successes_not_logged AND outcome <> 'cancelled'
"""
"""Query for attempts at the source that ended. Where nobody logs the successes, proportions say nothing and the rows are left
out, as are pieces cancelled because another piece failed."""
