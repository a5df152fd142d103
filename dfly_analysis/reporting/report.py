"""The report: what was loaded, found, fitted and advised, each part an object that shows itself. Frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.findings import Diagnosis
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting import views
from dfly_analysis.reporting.alerts_view import monitoring_of
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView, View
from dfly_analysis.reporting.experiments_view import next_runs_of
from dfly_analysis.reporting.figures import Drawing, Drawn, FigureView, NotDrawn, show
from dfly_analysis.reporting.json import (
    SCHEMA_VERSION,
    coverage_json,
    diagnose_json,
    fit_json,
    inputs_json,
    plain_json,
    recommend_json,
    settings_json,
)
from dfly_analysis.reporting.labels import parameter_text
from dfly_analysis.reporting.list_views import benchmarks_of, failed_tasks_of
from dfly_analysis.reporting.prediction import NoPrediction, Prediction, predict
from dfly_analysis.reporting.preheat_view import preheat_of
from dfly_analysis.reporting.size_explorer import explore, timeouts_of
from dfly_analysis.reporting.sizing_view import sizing_of
from dfly_analysis.reporting.summary import Verdict, give_verdict
from dfly_analysis.reporting.whatif_view import proposed_changes, replay_of, sensitivity_of, whatif_json
from dfly_analysis.simulation import WhatIf

if TYPE_CHECKING:
    from dfly_analysis.recommendation.alerts import Alerts

V = TypeVar("V", bound=View)
_COPIES = 40
"""Copies of the run that a report simulates: intervals need no third digit there."""


class WritesYaml(Protocol):
    """Helm values that can be written: `dfly_analysis.config.helm_values_overlay.Overlay`."""

    def to_yaml(self) -> str:
        """Return the values as YAML."""
        ...


@dataclass(frozen=True)
class _Undrawn:
    reason: str = "This report was made without figures."


_UNDRAWN = _Undrawn()


@dataclass(frozen=True)
class Report:
    """Everything one analysis says.

    Attributes
    ----------
    dataset : Dataset
    findings : Diagnosis
    fits : mapping of str to fit or NotFitted
    advice : Advice
    overlay : Overlay or None
        The advice as Helm values.
    figures : Figures or None
        Who draws, `dfly_analysis.reporting.plots.Figures`.
    parameters : mapping of str to value
        What was asked.
    alerts : Alerts or None
        Rules for Prometheus that stand on this analysis.
    """

    dataset: Dataset
    findings: Diagnosis
    fits: Mapping[str, Any]
    advice: Advice
    overlay: WritesYaml | None = None
    figures: Drawing | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    alerts: Alerts | None = None

    @cached_property
    def prediction(self) -> Prediction | NoPrediction:
        """How often a layer of the asked size fails, now and then."""
        return predict(self.dataset, self.fits, self.advice)

    @cached_property
    def whatif(self) -> WhatIf | NotFitted:
        """The run replayed under the settings in force, and under the proposed ones."""
        from dfly_analysis.simulation import simulate

        return simulate(
            self.dataset, self.fits, changes=proposed_changes(self.advice), size=self.advice.size_bytes or None, copies=_COPIES
        )  # fmt: skip

    @property
    def replay(self) -> TableView:
        """What was seen of the run beside what its own settings and the proposed ones predict."""
        return self._shown(replay_of(self.whatif))

    @property
    def sensitivity(self) -> TableView:
        """How the limit that a layer needs moves with target, size, bandwidth and pieces in flight."""
        return self._shown(sensitivity_of(self.dataset, self.fits, self.advice))

    @property
    def lang(self) -> str:
        """Language the report shows itself in."""
        return str(self.parameters.get("lang") or "en")

    def _shown(self, view: V) -> V:
        return replace(view, lang=self.lang)

    def _drawn(self, drawn: Drawn | NotDrawn) -> FigureView:
        return show(drawn, self.lang)

    @property
    def verdict(self) -> Verdict:
        """What happened, what to set, what that will do: one screen."""
        return self._shown(give_verdict(self.dataset, self.findings, self.advice, self.prediction))

    @property
    def causes(self) -> views.Causes:
        """Shares of the causes, with intervals."""
        return self._shown(views.causes_of(self.findings))

    @property
    def evidence(self) -> views.EvidenceView:
        """What was seen, with the lines that show it, and what was not."""
        return self._shown(views.evidence_of(self.findings))

    @property
    def timeline(self) -> FigureView:
        """Failures against time."""
        return self._drawn(self.figures.timeline() if self.figures else _UNDRAWN)

    @property
    def durations(self) -> FigureView:
        """Durations of pieces against their size."""
        return self._drawn(self.figures.durations(self.prediction or None) if self.figures else _UNDRAWN)

    @property
    def failure_rates(self) -> FigureView:
        """The failure rate against the timeout."""
        return self._drawn(self.figures.failure_rates(self.prediction or None) if self.figures else _UNDRAWN)

    @property
    def fit_diagnostics(self) -> FigureView:
        """The fitted law against the data, over all attempts and by host."""
        return self._drawn(self.figures.fit_diagnostics() if self.figures else _UNDRAWN)

    @property
    def task_failures(self) -> FigureView:
        """Failures of tasks against their size."""
        return self._drawn(self.figures.task_failures() if self.figures else _UNDRAWN)

    @property
    def advice_table(self) -> views.AdviceView:
        """Every proposal with its reason, and the topics without one."""
        proposed = self.overlay is not None and self.advice.recommendations
        values = self.overlay.to_yaml() if self.overlay and proposed else None
        return self._shown(views.AdviceView(self.advice, values))

    @property
    def sizing(self) -> MultiInputView:
        """What hosts, links and volumes need or give, and whether compression pays."""
        return self._shown(sizing_of(self.advice))

    @property
    def preheat_plan(self) -> MultiInputView:
        """Stages, layers in parallel, and pulls of the image that was seen, with and without a preheat."""
        return self._shown(preheat_of(self.dataset, self.fits))

    @property
    def next_runs(self) -> MultiInputView:
        """What to test next, and how many more runs are needed."""
        return self._shown(next_runs_of(self.dataset, self.fits, self.advice))

    @property
    def monitoring(self) -> MultiInputView:
        """The rules for Prometheus that stand on this analysis."""
        return self._shown(monitoring_of(self.alerts))

    @property
    def settings_table(self) -> TableView:
        """The settings in force, by layer."""
        return self._shown(views.settings_of(self.dataset))

    @property
    def jobs_table(self) -> TableView:
        """What the manager says of its jobs, beside what arrived."""
        return self._shown(views.jobs_of(self.dataset))

    @property
    def failed_tasks(self) -> TableView:
        """Each task that failed."""
        return self._shown(failed_tasks_of(self.dataset))

    @property
    def benchmarks(self) -> TableView:
        """Benchmark figures side by side."""
        return self._shown(benchmarks_of(self.dataset))

    @property
    def timeouts_by_size(self) -> TableView:
        """The timeout that layers of other sizes need."""
        return timeouts_of(self)

    def explore(self, *, interactive: bool = True) -> Any:
        """Return sliders over size, timeout and pieces in flight, or a table; see `dfly_analysis.reporting.size_explorer.explore`."""
        return explore(self, interactive=interactive)

    @property
    def data_quality(self) -> MultiInputView:
        """What was read, how much of it was understood, and what is missing."""
        return self._shown(views.data_quality_of(self.dataset))

    @property
    def method(self) -> MultiInputView:
        """Every fit with its parameters and how well it follows the data."""
        return self._shown(views.fits_of(self.fits))

    @property
    def parameters_table(self) -> TableView:
        """What was asked."""
        rows = tuple((name, parameter_text(value)) for name, value in self.parameters.items())
        headings = (Heading("Parameter", "code"), Heading("Value", "code"))
        return self._shown(TableView(headings, rows, empty="Nothing was asked for."))

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON's own types; what is not a finite number is None."""
        prediction = self.prediction
        predicted = vars(prediction) | {
            name: vars(value) for name, value in vars(prediction).items() if isinstance(value, Interval)
        }
        return {
            "schema_version": SCHEMA_VERSION,
            "parameters": plain_json(self.parameters),
            "inputs": inputs_json(self.dataset),
            "diagnose": diagnose_json(self.dataset, self.findings),
            "fit": fit_json(self.fits),
            "recommend": recommend_json(self.advice),
            "prediction": plain_json(predicted),
            "whatif": whatif_json(self.whatif),
            "settings": settings_json(self.dataset),
            "data_quality": {
                "coverage": coverage_json(self.dataset.coverage),
                "lacks": list(self.dataset.missing_inputs),
                "problems": list(self.dataset.problems),
            },
        }

    def save(self, directory: str | os.PathLike[str], *, html: bool = True) -> views.Listing:
        """Write the report's files; returns and raises what `dfly_analysis.reporting.saved_outputs.Saved.save` does.

        Parameters
        ----------
        directory : path
            Made where it is missing.
        html : bool
            Whether to write ``report.html`` too; a notebook's page is made from the notebook itself.
        """
        from dfly_analysis.reporting.writer import save_report

        return save_report(self, directory, html=html)
