"""Rebuilds attempts from events, inside the engine: start and end become pieces, pieces and outcomes become tasks, each with a cause."""

from dfly_analysis.reconstruction.effective_timeouts import EffectiveTimeouts
from dfly_analysis.reconstruction.reconstruct import Termination, Terminations, reconstruct

__all__ = ["EffectiveTimeouts", "Termination", "Terminations", "reconstruct"]
