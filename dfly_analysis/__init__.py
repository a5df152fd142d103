"""Why a large Dragonfly preheat failed, what to set, and what that will do.

The public names load when they are first used, so that ``import dfly_analysis`` stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.late import late

if TYPE_CHECKING:
    from dfly_analysis.advice import Advice, NoAdvice, Recommendation
    from dfly_analysis.analysis import analyse, compare, what_if
    from dfly_analysis.configcheck import ConfigCheck, check_config
    from dfly_analysis.dataset import Dataset, load
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.errors import DflyError
    from dfly_analysis.findings import Diagnosis, Evidence, Finding
    from dfly_analysis.fits import Interval, NotFitted
    from dfly_analysis.models import fit_all, fit_duration
    from dfly_analysis.overlay import Overlay
    from dfly_analysis.report import Report
    from dfly_analysis.rules import recommend
    from dfly_analysis.settings import Setting, Settings
    from dfly_analysis.simulate import WhatIf, simulate

__version__ = "0.1.0"

_HOMES = {
    "Advice": "advice", "NoAdvice": "advice", "Recommendation": "advice", "analyse": "analysis", "compare": "analysis",
    "ConfigCheck": "configcheck", "check_config": "configcheck", "Dataset": "dataset", "diagnose": "diagnosis",
    "DflyError": "errors", "Diagnosis": "findings", "Evidence": "findings", "Finding": "findings", "Interval": "fits", "NotFitted": "fits",
    "load": "dataset", "fit_all": "models", "fit_duration": "models", "Overlay": "overlay", "Report": "report", "recommend": "rules",
    "Setting": "settings", "Settings": "settings", "WhatIf": "simulate", "simulate": "simulate", "what_if": "analysis",
}  # fmt: skip

__all__ = [
    "Advice",
    "ConfigCheck",
    "Dataset",
    "DflyError",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Interval",
    "NoAdvice",
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


__getattr__ = late(__name__, _HOMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
