"""The timeouts that bound pieces, and what the input does not hold."""

from functools import cache, partial

from dfly_analysis.config.bandwidth_demand import PIECE, WRITE
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.messages import Message, message, plural
from dfly_analysis.reconstruction import EffectiveTimeouts

_COMPLETE_SHARE = 0.98  # of the pieces expected; fewer are reported
_CLIENTS = ("client", "seedClient")
_NO_CLIENT = message(
    "No client log: failed pieces, their reasons and restarts are not visible; outcomes come from the scheduler alone."
)
_NO_SCHEDULER = message(
    "No scheduler log: lengths and costs of pieces are known only where the clients log them (info level up to v1.4.0)."
)
_NO_PIECES = message(
    "No finished piece from the source is visible: the distribution of a piece's time cannot be fitted; add the scheduler's core.log."
)


def effective_timeouts(settings: Settings) -> EffectiveTimeouts:
    """Return the timeouts and numbers that bound pieces, from the settings in force."""
    from dfly_analysis.catalog.piece_length_rules import piece_rules
    from dfly_analysis.reconstruction import EffectiveTimeouts

    def seconds(key: str, role: str, host: str) -> float | None:
        return settings.get(key, role, host).seconds if role in _CLIENTS else None

    def in_flight(role: str, host: str) -> int | None:
        number = settings.pieces_in_flight(role, host).number if role in _CLIENTS else None
        return int(number) if number else None

    cancelled = piece_rules(settings.versions.get("client") or settings.versions.get("seedClient")).siblings_cancelled
    piece, write = (cache(partial(seconds, key)) for key in (PIECE, WRITE))
    return EffectiveTimeouts(piece, cache(in_flight), lambda _role, _host: cancelled, write)


def missing_inputs(engine: Engine) -> tuple[Message, ...]:
    """Return what the input does not hold and what that costs, a sentence each, by the tables in the engine."""
    components = {name for (name,) in engine.rows("SELECT DISTINCT component FROM events WHERE component IS NOT NULL")}
    ((tasks, unknown),) = engine.rows("SELECT count(*), count(*) FILTER (outcome = 'unknown') FROM tasks")
    ((finished, expected, observed),) = engine.rows("""
        WITH complete AS (
            SELECT peer_id, n_pieces FROM tasks WHERE outcome = 'ok' AND origin = 'source' AND n_pieces IS NOT NULL
        ), finished AS (SELECT peer_id FROM pieces WHERE origin = 'source' AND outcome = 'ok')
        SELECT (SELECT count(*) FROM finished), (SELECT coalesce(sum(n_pieces), 0)::BIGINT FROM complete),
            (SELECT count(*) FROM finished WHERE peer_id IN (SELECT peer_id FROM complete))
    """)
    incomplete = message(
        "{missing:,} of {expected:,} pieces of tasks that succeeded from the source left no record (pieces of a direct pass are not reported); {finished:,} are visible.",
        missing=expected - observed, expected=expected, finished=finished,
    )  # fmt: skip
    no_end = plural(
        "{n} task has no end in these logs: it was still running, or the log is truncated.",
        "{n} tasks have no end in these logs: they were still running, or the log is truncated.",
        unknown,
    )
    sentences = {
        _NO_CLIENT: components and "client" not in components, _NO_SCHEDULER: components and "scheduler" not in components,
        _NO_PIECES: tasks and not finished, incomplete: expected and observed < _COMPLETE_SHARE * expected, no_end: unknown,
    }  # fmt: skip
    return tuple(sentence for sentence, applies in sentences.items() if applies)
