"""What a configuration holds that its author does not believe, and whether a layer of some size comes through; no logs needed."""

from __future__ import annotations

from dfly_analysis.configcheck.check import ConfigCheck, check_config, check_settings
from dfly_analysis.configcheck.demand import Demand, demand_of, demanded_bps
from dfly_analysis.configcheck.feasibility import Bound, Feasibility, assess
from dfly_analysis.configcheck.question import Question

__all__ = [
    "Bound", "ConfigCheck", "Demand", "Feasibility", "Question", "assess", "check_config", "check_settings", "demand_of",
    "demanded_bps",
]  # fmt: skip
