"""What happens under other settings: the piece pipeline of a client release, driven by the fitted distributions."""

from dfly_analysis.simulation.results import Outlook
from dfly_analysis.simulation.setting_changes import KNOBS, Change, Knobs, parse_changes
from dfly_analysis.simulation.whatif import Agreement, WhatIf, simulate
from dfly_analysis.simulation.workload import Observed

__all__ = ["KNOBS", "Agreement", "Change", "Knobs", "Observed", "Outlook", "WhatIf", "parse_changes", "simulate"]
