"""The report: what was loaded, found, fitted and recommended, each part a view that shows itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import join, message
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction, predict, source_fit
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting import advice_views, input_views, plots, size_explorer, views
from dfly_analysis.reporting.components import Heading, Listing, MultiInputView, TableView, View
from dfly_analysis.reporting.figures import Figure, FigureView, NotDrawn, show
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
from dfly_analysis.reporting.provenance import provenance_of
from dfly_analysis.reporting.summary import Verdict, give_verdict
from dfly_analysis.reporting.whatif_report import proposed_changes, replay_of, sensitivity_of, whatif_json
from dfly_analysis.reporting.writer import listing_of, manifest_with, write_listed
from dfly_analysis.simulation import WhatIf, simulate

if TYPE_CHECKING:
    from dfly_analysis.config.helm_values_overlay import Overlay
    from dfly_analysis.recommendation.alerts import Alerts

V = TypeVar("V", bound=View)
NOTEBOOK = "tuning_report"
FigureName = Literal["timeline", "durations", "failure_rates", "fit_diagnostics", "task_failures"]
_COPIES = 40
"""Copies of the run that a report simulates: intervals need no third digit there."""


@dataclass(frozen=True)
class Report:
    """The results of one analysis: data, findings, fits by name, advice, the advice as Helm values, and Prometheus rules."""

    dataset: Dataset
    findings: Diagnosis
    fits: Mapping[str, Any]
    advice: Advice
    overlay: Overlay | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    alerts: Alerts | None = None

    @cached_property
    def prediction(self) -> Prediction | NoPrediction:
        """How often a layer of the requested size fails, under the settings in force and the proposed ones."""
        return predict(self.dataset, self.fits, self.advice)

    @cached_property
    def whatif(self) -> WhatIf | NotFitted:
        """The run replayed under the settings in force, and under the proposed ones."""
        changes, size = proposed_changes(self.advice), self.advice.size_bytes or None
        return simulate(self.dataset, self.fits, changes=changes, size=size, copies=_COPIES)

    @property
    def lang(self) -> str:
        """Language the report shows itself in."""
        return str(self.parameters.get("lang") or "en")

    def _shown(self, view: V) -> V:
        return replace(view, lang=self.lang)

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
        """Findings with the lines that show them, and what was not seen."""
        return self._shown(views.evidence_of(self.findings))

    @property
    def timeline(self) -> FigureView:
        """Failures against time."""
        return show(self.draw("timeline"), self.lang)

    @property
    def durations(self) -> FigureView:
        """Durations of pieces against their size."""
        return show(self.draw("durations"), self.lang)

    @property
    def failure_rates(self) -> FigureView:
        """The failure rate against the timeout."""
        return show(self.draw("failure_rates"), self.lang)

    @property
    def fit_diagnostics(self) -> FigureView:
        """The fitted distribution against the data, over all attempts and by host."""
        return show(self.draw("fit_diagnostics"), self.lang)

    @property
    def task_failures(self) -> FigureView:
        """Failures of tasks against their size."""
        return show(self.draw("task_failures"), self.lang)

    def draw(self, name: FigureName) -> Figure | NotDrawn:
        """Draw a figure by its name, or say why there is none."""
        prediction = self.prediction if isinstance(self.prediction, Prediction) else None
        fit = source_fit(self.fits)
        match name:
            case "timeline":
                return plots.draw_timeline(self.dataset)
            case "durations":
                registry_time = self.fits.get("registry_time")
                drawn = plots.draw_durations(self.dataset, fit, prediction.piece_bytes if prediction else None)
                if not registry_time or isinstance(drawn, NotDrawn):
                    return drawn
                notes = [message("{note}.", note=note) for note in registry_time.notes]
                return replace(drawn, caption=join([drawn.caption, *notes]))
            case "failure_rates":
                return plots.draw_failure_rates(prediction, self.fits, self.advice.target_failure_rate)
            case "fit_diagnostics":
                return plots.draw_fit_diagnostics(fit)
            case "task_failures":
                return plots.draw_task_failures(self.fits.get("task_failure"))

    @property
    def advice_table(self) -> advice_views.AdviceView:
        """Every proposal with its reason, and the topics without one."""
        values = self.overlay.to_yaml() if self.overlay and self.advice.recommendations else None
        return self._shown(advice_views.AdviceView(self.advice, values))

    @property
    def sizing(self) -> MultiInputView:
        """What hosts, links and volumes need or give, and whether compression pays."""
        return self._shown(advice_views.sizing_of(self.advice))

    @property
    def preheat_plan(self) -> MultiInputView:
        """Stages, layers in parallel, and pulls of the image that was seen, with and without a preheat."""
        return self._shown(advice_views.preheat_of(self.dataset, self.fits))

    @property
    def replay(self) -> TableView:
        """What was observed in the run, and what its own settings and the proposed ones predict."""
        return self._shown(replay_of(self.whatif))

    @property
    def sensitivity(self) -> TableView:
        """How the timeout that a layer needs moves with target, size, bandwidth and pieces in flight."""
        return self._shown(sensitivity_of(self.dataset, self.fits, self.advice))

    @property
    def next_runs(self) -> MultiInputView:
        """What to test next, and how many more runs are needed."""
        return self._shown(advice_views.next_runs_of(self.dataset, self.fits, self.advice))

    @property
    def monitoring(self) -> MultiInputView:
        """The Prometheus rules that follow from this analysis."""
        return self._shown(advice_views.monitoring_of(self.alerts))

    @property
    def settings_table(self) -> TableView:
        """The settings in force, by layer."""
        return self._shown(input_views.settings_of(self.dataset))

    @property
    def jobs_table(self) -> TableView:
        """Job status against reality."""
        return self._shown(input_views.jobs_of(self.dataset))

    @property
    def failed_tasks(self) -> TableView:
        """Each task that failed."""
        return self._shown(input_views.failed_tasks_of(self.dataset))

    @property
    def benchmarks(self) -> TableView:
        """Benchmark figures side by side."""
        return self._shown(input_views.benchmarks_of(self.dataset))

    @property
    def data_quality(self) -> MultiInputView:
        """What was read, how much of it was understood, and what is missing."""
        return self._shown(input_views.data_quality_of(self.dataset))

    @property
    def method(self) -> MultiInputView:
        """Every fit with its parameters and goodness of fit."""
        return self._shown(views.fits_of(self.fits))

    @property
    def timeouts_by_size(self) -> TableView:
        """The timeout that layers of other sizes need."""
        return self._shown(size_explorer.timeouts_of(self.dataset, self.findings, self.fits, self.advice))

    def explore(self, *, interactive: bool = True) -> Any:
        """Return sliders over size, timeout and pieces in flight, where ipywidgets is installed, or a table of many."""

        def answer(sizes: list[str], timeouts: list[str], slots: list[int]) -> TableView:
            return self._shown(size_explorer.failure_rates_of(self.dataset, self.fits, self.advice, sizes, timeouts, slots))  # fmt: skip

        return size_explorer.explore(answer, interactive=interactive)

    @property
    def parameters_table(self) -> TableView:
        """The parameters of the analysis."""
        rows = tuple((name, parameter_text(value)) for name, value in self.parameters.items())
        headings = Heading.row("Parameter", "Value", code=(0, 1))
        return self._shown(TableView(headings, rows, empty=message("No parameter was given.")))

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON's own types; what is not a finite number is None."""
        prediction = {name: vars(value) if isinstance(value, Interval) else value for name, value in vars(self.prediction).items()}  # fmt: skip
        return {
            "schema_version": SCHEMA_VERSION,
            "parameters": plain_json(self.parameters),
            "inputs": inputs_json(self.dataset),
            "diagnose": diagnose_json(self.dataset, self.findings),
            "fit": fit_json(self.fits),
            "recommend": recommend_json(self.advice),
            "prediction": plain_json(prediction),
            "whatif": whatif_json(self.whatif),
            "settings": settings_json(self.dataset),
            "data_quality": {
                "coverage": coverage_json(self.dataset.coverage),
                "lacks": list(self.dataset.missing_inputs),
                "problems": list(self.dataset.problems),
            },
        }

    def manifest(self) -> dict[str, Any]:
        """Return what the report was made of, and the numbers that have to come out again."""
        verdict = {
            "tasks": self.verdict.n_tasks,
            "failed": self.verdict.n_failed,
            "primary_cause": self.findings.primary_cause,
            "causes": {share.cause: share.tasks for share in self.findings.causes if share.tasks},
            "settings": {f"{item.role} {item.key}": item.proposed for item in self.advice.recommendations},
        }
        return manifest_with([self.dataset], self.parameters, [self.parameters.get("values")], verdict)

    def save(self, directory: str | os.PathLike[str], *, html: bool = True) -> Listing:
        """Write the report's files.

        Parameters
        ----------
        directory : path
            Created where it is missing.
        html : bool
            Whether to write ``report.html`` too; a notebook's page is made from the notebook itself.

        Returns
        -------
        Listing
            The files that were written; shows itself.

        Raises
        ------
        StoreError
            Where the folder cannot be written.
        """
        manifest = self.manifest()
        files: dict[str, str | Mapping[str, Any]] = {"report.json": self.to_dict(), "manifest.json": manifest}
        if self.overlay is not None:
            files["overlay.values.yaml"] = self.overlay.to_yaml()
        if self.alerts is not None:
            files["alerts.rules.yaml"], files["alerts.tests.yaml"] = self.alerts.to_yaml(), self.alerts.tests_yaml()
            files["alerts.dashboard.json"] = self.alerts.dashboard()
        if html:  # imported here: a notebook saves without the page
            from dfly_analysis.reporting.notebook_renderer import fill_outputs, notebook_path
            from dfly_analysis.reporting.page import render_page

            notebook = fill_outputs(notebook_path(NOTEBOOK), self, listing_of(files, self.lang))
            files["report.html"] = render_page(notebook, lang=self.lang, run=provenance_of(manifest, NOTEBOOK))
        return write_listed(directory, files, self.lang)
