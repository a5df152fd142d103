"""What happens under other settings: the piece pipeline of a client release, driven by the fitted distributions."""

from dfly_analysis.simulation.results import SimulationResult
from dfly_analysis.simulation.setting_changes import SIMULATED_KEYS, Change, SimulatedSettings, parse_changes
from dfly_analysis.simulation.whatif import Agreement, WhatIf, simulate
from dfly_analysis.simulation.workload import Observed

__all__ = ["SIMULATED_KEYS", "Agreement", "Change", "Observed", "SimulatedSettings", "SimulationResult", "WhatIf", "parse_changes", "simulate"]  # fmt: skip
