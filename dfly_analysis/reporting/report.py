"""The report: what was loaded, found, fitted and recommended, each part a view that shows itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from dfly_analysis.config.helm_values_overlay import Overlay
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import require_extra
from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import join, message
from dfly_analysis.recommendation.alerts import Alerts
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction, predict, source_fit
from dfly_analysis.recommendation.preheat_plan import PreheatPlan
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting import advice_views, plots, size_explorer, statements, time_views, views
from dfly_analysis.reporting import json as shapes
from dfly_analysis.reporting.components import Listing, View
from dfly_analysis.reporting.consistency import Contradiction, reconcile
from dfly_analysis.reporting.figures import Figure, FigureView, NotDrawn
from dfly_analysis.reporting.provenance import listing_of, manifest_with, provenance_of, write_listed
from dfly_analysis.reporting.statements import Statement
from dfly_analysis.reporting.summary import give_verdict
from dfly_analysis.reporting.tables import report_tables
from dfly_analysis.reporting.whatif_report import proposed_changes, replay_of, sensitivity_of, whatif_json
from dfly_analysis.simulation import WhatIf, simulate

if TYPE_CHECKING:
    import pandas as pd

V = TypeVar("V", bound=View)
NOTEBOOK = "tuning_report"
FigureName = Literal["timeline", "durations", "failure_rates", "fit_diagnostics", "task_failures", "waterfall"]
_COPIES = 40
"""Copies of the run that a report simulates: intervals need no third digit there."""


class Part(property, Generic[V]):
    """A property that makes a view, shown in the report's language."""

    def __init__(self, doc: str, make: Callable[[Report], V]) -> None:
        super().__init__(lambda report: replace(make(report), lang=report.lang))
        self.__doc__ = doc

    def __get__(self, report: Any, owner: type | None = None, /) -> V:  # type: ignore[override] # a property is untyped
        part: V = super().__get__(report, owner)
        return part


@dataclass(frozen=True, repr=False)
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
        """How often a layer of the requested size fails, under the settings in force and the proposed ones; as far as the run agrees."""
        found = predict(self.dataset, self.fits, self.advice)
        denied = self._contradictions(self._of_prediction(found))
        return found.without_rates(denied[0].known) if denied and isinstance(found, Prediction) else found

    @cached_property
    def plan(self) -> PreheatPlan | str:
        """How the observed image is best preheated, as far as the run agrees; or why there is no plan."""
        found = advice_views.plan_of(self.dataset, self.fits)
        denied = self._contradictions(tuple(statements.statements_of_plan(found)))
        known = [one.known for one in denied if one.statement.startswith("plan.")]
        return found.without_failures(known[0]) if known and not isinstance(found, str) else found

    @cached_property
    def _diagnosis_statements(self) -> tuple[Statement, ...]:
        return tuple(statements.statements_of_diagnosis(self.dataset, self.findings))

    def _of_prediction(self, found: Prediction | NoPrediction) -> tuple[Statement, ...]:
        n = getattr(self.fits.get(getattr(found, "fit", "")), "n", 0)
        return tuple(statements.statements_of_prediction(found, n))

    def _contradictions(self, some: tuple[Statement, ...]) -> list[Contradiction]:
        """Return the contradictions of some statements with the diagnosis."""
        found = reconcile((*self._diagnosis_statements, *some))[1]
        names = {one.id for one in some}
        return [one for one in found if one.statement in names]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Everything the report states, each with what it rests on; a statement that contradicts another is replaced by what is known."""
        return self._reconciled[0]

    @cached_property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """The statements that were replaced, and why."""
        return self._reconciled[1]

    @cached_property
    def _reconciled(self) -> tuple[tuple[Statement, ...], tuple[Contradiction, ...]]:
        return reconcile((
            *self._diagnosis_statements, *statements.statements_of_settings(self.dataset), *statements.statements_of_fits(self.fits),
            *self._of_prediction(self.prediction), *statements.statements_of_advice(self.advice, self._diagnosis_statements[0].support[0]),
            *statements.statements_of_plan(self.plan), *statements.statements_of_replay(self.whatif),
        ))  # fmt: skip

    @cached_property
    def whatif(self) -> WhatIf | NotFitted:
        """The run replayed under the settings in force, and under the proposed ones."""
        changes, size = proposed_changes(self.advice), self.advice.size_bytes or None
        return simulate(self.dataset, self.fits, changes=changes, size=size, copies=_COPIES)

    def __repr__(self) -> str:
        return f"<Report: {self.verdict.headline}>"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return self.verdict._repr_mimebundle_(**options)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of the report as DataFrames, with units in the names of the columns; copies of the dataset's."""
        return report_tables(self.dataset, self.findings, self.fits, self.advice)

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The figures of the report by their names, as matplotlib draws them; those that have no data are left out."""
        drawn = {name: self.draw(name) for name in get_args(FigureName)}
        return {name: one.canvas for name, one in drawn.items() if isinstance(one, Figure)}

    @property
    def proposed_values(self) -> str | None:
        """Helm values that set what is proposed, as YAML; None where nothing is."""
        return self.overlay.to_yaml() if self.overlay and self.advice.recommendations else None

    @property
    def lang(self) -> str:
        """Language the report shows itself in."""
        return str(self.parameters.get("lang") or "en")

    verdict = Part(
        "What happened, what to set, what that will do: one screen.",
        lambda of: give_verdict(of.dataset, of.findings, of.advice, of.prediction, of.proposed_values),
    )
    causes = Part("Shares of the causes, with intervals.", lambda of: views.causes_of(of.findings))
    evidence = Part(
        "Findings with the lines that show them, and what was not seen.",
        lambda of: views.evidence_of(of.dataset, of.findings),
    )
    timeline = Part("Failures against time.", lambda of: FigureView(of.draw("timeline")))
    time_table = Part("Where the time of the slowest tasks went.", lambda of: time_views.time_of(of.dataset))
    waterfall = Part(
        "The pieces of the slowest tasks as bars against time.", lambda of: FigureView(of.draw("waterfall"))
    )
    durations = Part("Durations of pieces against their size.", lambda of: FigureView(of.draw("durations")))
    failure_rates = Part("The failure rate against the timeout.", lambda of: FigureView(of.draw("failure_rates")))
    fit_diagnostics = Part(
        "The fitted distribution against the data, over all attempts and by host.",
        lambda of: FigureView(of.draw("fit_diagnostics")),
    )
    task_failures = Part("Failures of tasks against their size.", lambda of: FigureView(of.draw("task_failures")))
    advice_table = Part(
        "Every proposal with its reason, and the topics without one.",
        lambda of: advice_views.AdviceView(of.advice, of.proposed_values),
    )
    sizing = Part(
        "What hosts, links and volumes need or give, and whether compression pays.",
        lambda of: advice_views.sizing_of(of.advice),
    )
    preheat_plan = Part(
        "Stages, layers in parallel, and pulls of the image that was seen, with and without a preheat.",
        lambda of: advice_views.preheat_of(of.plan),
    )
    replay = Part(
        "What was observed in the run, and what its own settings and the proposed ones predict.",
        lambda of: replay_of(of.whatif),
    )
    sensitivity = Part(
        "How the timeout that a layer needs moves with target, size, bandwidth and pieces in flight.",
        lambda of: sensitivity_of(of.dataset, of.fits, of.advice),
    )
    next_runs = Part(
        "What to test next, and how many more runs are needed.",
        lambda of: advice_views.next_runs_of(of.dataset, of.fits, of.advice),
    )
    monitoring = Part(
        "The Prometheus rules that follow from this analysis.", lambda of: advice_views.monitoring_of(of.alerts)
    )
    settings_table = Part("The settings in force, by layer.", lambda of: views.settings_of(of.dataset))
    jobs_table = Part("Job status against reality.", lambda of: views.jobs_of(of.dataset))
    failed_tasks = Part("Each task that failed.", lambda of: views.failed_tasks_of(of.dataset))
    benchmarks = Part("Benchmark figures side by side.", lambda of: views.benchmarks_of(of.dataset))
    data_quality = Part(
        "What was read, how much of it was understood, and what is missing.",
        lambda of: views.data_quality_of(of.dataset),
    )
    method = Part("Every fit with its parameters and goodness of fit.", lambda of: views.fits_of(of.fits))
    timeouts_by_size = Part(
        "The timeout that layers of other sizes need.",
        lambda of: size_explorer.timeouts_of(of.dataset, of.findings, of.fits, of.advice),
    )
    parameters_table = Part("The parameters of the analysis.", lambda of: views.parameters_of(of.parameters))

    def draw(self, name: FigureName) -> Figure | NotDrawn:
        """Draw a figure by its name, or say why there is none."""
        prediction = self.prediction if isinstance(self.prediction, Prediction) else None
        fit = source_fit(self.fits)
        match name:
            case "timeline" | "waterfall":
                return (plots.draw_timeline if name == "timeline" else plots.draw_waterfall)(self.dataset)
            case "durations":
                registry_time = self.fits.get("registry_time")
                drawn = plots.draw_durations(self.dataset, fit)
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

    def explore(self, *, interactive: bool = True) -> Any:
        """Return sliders over size, timeout and concurrent pieces, where ipywidgets is installed, or a table of many."""
        return size_explorer.explore(self.dataset, self.fits, self.advice, interactive=interactive, lang=self.lang)

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON's own types; what is not a finite number is None."""
        verdict = self.verdict
        of = self.dataset
        quality = {"notices": of.notices, "lacks": of.missing_inputs, "problems": of.problems}
        return shapes.versioned(
            {
                "parameters": self.parameters,
                "verdict": {"headline": str(verdict.headline), "tasks": verdict.n_tasks, "failed": verdict.n_failed},
                "inputs": shapes.inputs_json(of),
                "diagnose": shapes.diagnose_json(of, self.findings),
                "fit": shapes.fit_json(self.fits),
                "recommend": shapes.recommend_json(self.advice),
                "prediction": vars(self.prediction),
                "whatif": whatif_json(self.whatif),
                "statements": self.statements,
                "contradictions": self.contradictions,
                "settings": shapes.settings_json(of),
                "data_quality": {"coverage": shapes.coverage_json(of.coverage), **quality},
            }
        )

    def manifest(self) -> dict[str, Any]:
        """Return what the report was made of, and the numbers that have to come out again."""
        shown = self.verdict
        settings = {f"{item.role} {item.key}": item.proposed for item in self.advice.recommendations}
        causes = {share.cause: share.tasks for share in self.findings.causes if share.tasks}
        counts = {"tasks": shown.n_tasks, "failed": shown.n_failed, "primary_cause": self.findings.primary_cause}
        verdict = {**counts, "causes": causes, "settings": settings}
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
            require_extra("report")
            from dfly_analysis.reporting.notebook_renderer import fill_outputs, notebook_path
            from dfly_analysis.reporting.page import render_page

            notebook = fill_outputs(notebook_path(NOTEBOOK), self, listing_of(files, self.lang))
            files["report.html"] = render_page(notebook, lang=self.lang, run=provenance_of(manifest, NOTEBOOK))
        return write_listed(directory, files, self.lang)
