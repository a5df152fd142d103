"""Figures, drawn when asked for. Only this package uses matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.plots.durations import draw_durations
from dfly_analysis.reporting.plots.fit_diagnostics import draw_fit_diagnostics
from dfly_analysis.reporting.plots.rates import draw_failure_rates, draw_task_failures
from dfly_analysis.reporting.plots.timeline import draw_timeline
from dfly_analysis.reporting.prediction import Prediction

REGISTRY = "registry_time"
FITS = ("piece_from_source_seedClient", "piece_from_source")


@dataclass(frozen=True)
class Figures:
    """The figures of one analysis.

    Attributes
    ----------
    dataset : Dataset
    fits : mapping of str to fit or NotFitted
    advice : Advice
    """

    dataset: Dataset
    fits: Mapping[str, Any]
    advice: Advice

    def timeline(self) -> Figure | NotDrawn:
        """Draw failures against time, by kind and by host."""
        return draw_timeline(self.dataset)

    def durations(self, predicted: Prediction | None) -> Figure | NotDrawn:
        """Draw durations of pieces from the source against size, with the fitted law; say what the registry's own time is, where that is told."""
        fit = next((self.fits[name] for name in FITS if self.fits.get(name)), None)
        drawn = draw_durations(self.dataset, fit, predicted.piece_bytes if predicted else None)
        registry_fit = self.fits.get(REGISTRY)
        if not registry_fit or isinstance(drawn, NotDrawn):
            return drawn
        return replace(drawn, caption=" ".join([drawn.caption, *(f"{note}." for note in registry_fit.notes)]))

    def fit_diagnostics(self) -> Figure | NotDrawn:
        """Draw how well the law fits, over all attempts and by host."""
        return draw_fit_diagnostics(next((self.fits[name] for name in FITS if self.fits.get(name)), None))

    def failure_rates(self, predicted: Prediction | None) -> Figure | NotDrawn:
        """Draw the failure rate of a layer against the timeout of a piece."""
        if not predicted:
            return NotDrawn("No law of times could be fitted, or no layer size is known, so no rate can be foretold.")
        return draw_failure_rates(predicted, self.fits, self.advice.target_failure_rate)

    def task_failures(self) -> Figure | NotDrawn:
        """Draw the failures of tasks against their size."""
        return draw_task_failures(self.fits.get("task_failure"))


__all__ = [
    "Figure",
    "Figures",
    "NotDrawn",
    "draw_durations",
    "draw_failure_rates",
    "draw_fit_diagnostics",
    "draw_task_failures",
    "draw_timeline",
]
