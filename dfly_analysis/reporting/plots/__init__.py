"""The figures of a report. Only this package uses matplotlib, which loads when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.reporting.plots.durations import draw_durations
    from dfly_analysis.reporting.plots.fit_diagnostics import draw_fit_diagnostics
    from dfly_analysis.reporting.plots.rates import draw_failure_rates, draw_task_failures
    from dfly_analysis.reporting.plots.timeline import draw_timeline

__all__ = ["draw_durations", "draw_failure_rates", "draw_fit_diagnostics", "draw_task_failures", "draw_timeline"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "durations": ["draw_durations"],
        "fit_diagnostics": ["draw_fit_diagnostics"],
        "rates": ["draw_failure_rates", "draw_task_failures"],
        "timeline": ["draw_timeline"],
    },
)
