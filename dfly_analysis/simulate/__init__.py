"""What would happen under other settings: the piece pipeline of a client release, driven by the fitted laws."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from dfly_analysis.fits import NotFitted
from dfly_analysis.simulate.knobs import KNOBS, Change, Knobs, parse_changes
from dfly_analysis.simulate.outlook import Outlook
from dfly_analysis.simulate.whatif import Agreement, WhatIf, simulate
from dfly_analysis.simulate.workload import Observed

__all__ = ["KNOBS", "Agreement", "Change", "Knobs", "Observed", "Outlook", "WhatIf", "parse_changes", "simulate"]


class _CalledLikeItsFunction(ModuleType):
    """Whoever imports this package first finds it, not the function, under ``dfly_analysis.simulate``; both can be called."""

    def __call__(self, *given: Any, **asked: Any) -> WhatIf | NotFitted:
        return simulate(*given, **asked)


sys.modules[__name__].__class__ = _CalledLikeItsFunction
