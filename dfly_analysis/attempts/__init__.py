"""Rebuilds attempts from events: start and finish become pieces, pieces and outcomes become tasks, each with a cause."""

from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.made import Made
from dfly_analysis.attempts.observed import Observed, observe_limits
from dfly_analysis.attempts.parts import assign_parts, rebuild_parts, tasks_of_peers
from dfly_analysis.attempts.rebuild import observe_part, rebuild, rebuild_and_observe, rebuild_part
from dfly_analysis.attempts.records import needed_rows
from dfly_analysis.attempts.background import (
    Background,
    Death,
    Told,
    background_of,
    choose_everywhere,
    read_background,
)
from dfly_analysis.attempts.telling import Telling
from dfly_analysis.attempts.unseen import unseen_rows, unseen_tasks
from dfly_analysis.attempts.words import Words
from dfly_analysis.catalog.required_columns import COLUMNS, ERROR_LEVELS, EVERYWHERE

__all__ = [
    "COLUMNS",
    "ERROR_LEVELS",
    "EVERYWHERE",
    "Background",
    "Death",
    "Limits",
    "Made",
    "Observed",
    "Telling",
    "Told",
    "Words",
    "assign_parts",
    "background_of",
    "choose_everywhere",
    "needed_rows",
    "observe_limits",
    "observe_part",
    "read_background",
    "rebuild",
    "rebuild_and_observe",
    "rebuild_part",
    "rebuild_parts",
    "tasks_of_peers",
    "unseen_rows",
    "unseen_tasks",
]
