"""Rebuilds attempts from events: start and finish become pieces, pieces and outcomes become tasks, each with a cause."""

from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.rebuild import rebuild

__all__ = ["Limits", "rebuild"]
