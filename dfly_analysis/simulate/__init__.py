"""What would happen under other settings: the piece pipeline of a client release, driven by the fitted laws."""

from dfly_analysis.simulate.knobs import KNOBS, Change, Knobs, parse_changes
from dfly_analysis.simulate.outlook import Outlook
from dfly_analysis.simulate.whatif import Agreement, WhatIf, simulate
from dfly_analysis.simulate.workload import Observed

__all__ = ["KNOBS", "Agreement", "Change", "Knobs", "Observed", "Outlook", "WhatIf", "parse_changes", "simulate"]
