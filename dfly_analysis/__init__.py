"""Why a large Dragonfly preheat failed, what to set, and what that will do.

The public names load when they are first used, so that ``import dfly_analysis`` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.api import analyse, compare, what_if
    from dfly_analysis.config import ConfigCheck, Overlay, Setting, Settings, check_config
    from dfly_analysis.dataset import Dataset, load
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.errors import DflyError
    from dfly_analysis.estimates import Interval, NotFitted
    from dfly_analysis.findings import Diagnosis, Evidence, Finding
    from dfly_analysis.models import fit_all, fit_duration
    from dfly_analysis.recommendation import recommend
    from dfly_analysis.recommendation.recommendations import Advice, NoRecommendation, Recommendation
    from dfly_analysis.reporting import Report
    from dfly_analysis.simulation import WhatIf, simulate

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "ConfigCheck",
    "Dataset",
    "DflyError",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Interval",
    "NoRecommendation",
    "NotFitted",
    "Overlay",
    "Recommendation",
    "Report",
    "Setting",
    "Settings",
    "WhatIf",
    "__version__",
    "analyse",
    "check_config",
    "compare",
    "diagnose",
    "fit_all",
    "fit_duration",
    "load",
    "recommend",
    "simulate",
    "what_if",
]

__getattr__, _, _ = attach(
    __name__,
    submod_attrs={
        "recommendation.recommendations": ["Advice", "NoRecommendation", "Recommendation"],
        "api": ["analyse", "compare", "what_if"],
        "diagnosis": ["diagnose"],
        "errors": ["DflyError"],
        "findings": ["Diagnosis", "Evidence", "Finding"],
        "estimates": ["Interval", "NotFitted"],
        "dataset": ["Dataset", "load"],
        "models": ["fit_all", "fit_duration"],
        "config.helm_values_overlay": ["Overlay"],
        "reporting": ["Report"],
        "recommendation": ["recommend"],
        "config": ["ConfigCheck", "Setting", "Settings", "check_config"],
        "simulation": ["WhatIf", "simulate"],
    },
)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
