"""The report: what was loaded, found, fitted and advised, each part an object that shows itself. Frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dfly_analysis.advice import Advice
from dfly_analysis.beside import Beside
from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Diagnosis
from dfly_analysis.fits import Interval, NotFitted
from dfly_analysis.report import sections
from dfly_analysis.report.by_size import explore, timeouts_of
from dfly_analysis.report.figures import Drawing, Drawn, FigureView, NotDrawn, show
from dfly_analysis.report.foretold import proposed_changes, replay_of, sensitivity_of, whatif_json
from dfly_analysis.report.json import (
    SCHEMA_VERSION,
    coverage_json,
    diagnose_json,
    fit_json,
    inputs_json,
    plain_json,
    recommend_json,
    settings_json,
)
from dfly_analysis.report.lists import benchmarks_of, failed_tasks_of
from dfly_analysis.report.monitoring import monitoring_of
from dfly_analysis.report.next_runs import next_runs_of
from dfly_analysis.report.prediction import NoPrediction, Prediction, predict
from dfly_analysis.report.preheating import preheat_of
from dfly_analysis.report.sizing import sizing_of
from dfly_analysis.report.verdict import Verdict, give_verdict
from dfly_analysis.report.view import Heading, Several, TableView, View
from dfly_analysis.report.words import asked_words
from dfly_analysis.simulate import WhatIf

if TYPE_CHECKING:
    from dfly_analysis.alerts import Alerts

V = TypeVar("V", bound=View)
_COPIES = 40
"""Copies of the run that a report simulates: intervals need no third digit there."""


class WritesYaml(Protocol):
    """Helm values that can be written: `dfly_analysis.overlay.Overlay`."""

    def to_yaml(self) -> str:
        """Return the values as YAML."""
        ...


@dataclass(frozen=True)
class Late:
    """What of a report takes long and is asked for late.

    Attributes
    ----------
    whatif : WhatIf or NotFitted
    sensitivity : TableView
    preheat_plan : Several
    fit : dict
        The fits in JSON's types.
    """

    whatif: WhatIf | NotFitted
    sensitivity: TableView
    preheat_plan: Several
    fit: dict[str, Any]

    @classmethod
    def of(cls, report: Report) -> Late:
        """Compute all of it."""
        return cls(
            report.whatif,
            sensitivity_of(report.dataset, report.fits, report.advice),
            preheat_of(report.dataset, report.fits),
            fit_json(report.fits),
        )


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
        Who draws, `dfly_analysis.plots.Figures`.
    parameters : mapping of str to value
        What was asked.
    alerts : Alerts or None
        Rules for Prometheus that stand on this analysis.
    late : Beside of Late or None
        Where it is computed beside this process.
    """

    dataset: Dataset
    findings: Diagnosis
    fits: Mapping[str, Any]
    advice: Advice
    overlay: WritesYaml | None = None
    figures: Drawing | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    alerts: Alerts | None = None
    late: Beside[Late] | None = None

    def begun(self) -> Report:
        """Return the report, what takes long begun beside this process where that is allowed."""
        late = Beside(lambda: Late.of(self), small=self.dataset.small)
        return replace(self, late=late) if late.begun else self

    @cached_property
    def _late(self) -> Late | None:
        return self.late.get() if self.late else None

    @cached_property
    def prediction(self) -> Prediction | NoPrediction:
        """How often a layer of the asked size fails, now and then."""
        return predict(self.dataset, self.fits, self.advice)

    @cached_property
    def whatif(self) -> WhatIf | NotFitted:
        """The run replayed under the settings in force, and under the proposed ones."""
        from dfly_analysis.simulate import simulate

        if self._late:
            return self._late.whatif
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
        if self._late:
            return self._shown(self._late.sensitivity)
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
    def causes(self) -> sections.Causes:
        """Shares of the causes, with intervals."""
        return self._shown(sections.causes_of(self.findings))

    @property
    def evidence(self) -> sections.EvidenceView:
        """What was seen, with the lines that show it, and what was not."""
        return self._shown(sections.evidence_of(self.findings))

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
    def law_checks(self) -> FigureView:
        """The fitted law against the data, over all attempts and by host."""
        return self._drawn(self.figures.law_checks() if self.figures else _UNDRAWN)

    @property
    def task_failures(self) -> FigureView:
        """Failures of tasks against their size."""
        return self._drawn(self.figures.task_failures() if self.figures else _UNDRAWN)

    @property
    def advice_table(self) -> sections.AdviceView:
        """Every proposal with its reason, and the topics without one."""
        proposed = self.overlay is not None and self.advice.recommendations
        values = self.overlay.to_yaml() if self.overlay and proposed else None
        return self._shown(sections.AdviceView(self.advice, values))

    @property
    def sizing(self) -> Several:
        """What hosts, links and volumes need or give, and whether compression pays."""
        return self._shown(sizing_of(self.advice))

    @property
    def preheat_plan(self) -> Several:
        """Stages, layers in parallel, and pulls of the image that was seen, with and without a preheat."""
        return self._shown(self._late.preheat_plan if self._late else preheat_of(self.dataset, self.fits))

    @property
    def next_runs(self) -> Several:
        """What to test next, and how many more runs are needed."""
        return self._shown(next_runs_of(self.dataset, self.fits, self.advice))

    @property
    def monitoring(self) -> Several:
        """The rules for Prometheus that stand on this analysis."""
        return self._shown(monitoring_of(self.alerts))

    @property
    def settings_table(self) -> TableView:
        """The settings in force, by layer."""
        return self._shown(sections.settings_of(self.dataset))

    @property
    def jobs_table(self) -> TableView:
        """What the manager says of its jobs, beside what arrived."""
        return self._shown(sections.jobs_of(self.dataset))

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
        """Return sliders over size, timeout and pieces in flight, or a table; see `dfly_analysis.report.by_size.explore`."""
        return explore(self, interactive=interactive)

    @property
    def data_quality(self) -> Several:
        """What was read, how much of it was understood, and what is missing."""
        return self._shown(sections.data_quality_of(self.dataset))

    @property
    def method(self) -> Several:
        """Every fit with its parameters and how well it follows the data."""
        return self._shown(sections.fits_of(self.fits))

    @property
    def parameters_table(self) -> TableView:
        """What was asked."""
        rows = tuple((name, asked_words(value)) for name, value in self.parameters.items())
        headings = (Heading("Parameter", "code"), Heading("Value", "code"))
        return self._shown(TableView(headings, rows, empty="Nothing was asked for."))

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON's own types; what is not a finite number is None."""
        prediction = self.prediction
        foretold = vars(prediction) | {
            name: vars(value) for name, value in vars(prediction).items() if isinstance(value, Interval)
        }
        return {
            "schema_version": SCHEMA_VERSION,
            "parameters": plain_json(self.parameters),
            "inputs": inputs_json(self.dataset),
            "diagnose": diagnose_json(self.dataset, self.findings),
            "fit": self._late.fit if self._late else fit_json(self.fits),
            "recommend": recommend_json(self.advice),
            "prediction": plain_json(foretold),
            "whatif": whatif_json(self.whatif),
            "settings": settings_json(self.dataset),
            "data_quality": {
                "coverage": coverage_json(self.dataset.coverage),
                "lacks": list(self.dataset.missing_inputs),
                "problems": list(self.dataset.problems),
            },
        }

    def save(self, directory: str | os.PathLike[str], *, html: bool = True) -> sections.Listing:
        """Write the report's files; returns and raises what `dfly_analysis.report.saved.Saved.save` does.

        Parameters
        ----------
        directory : path
            Made where it is missing.
        html : bool
            Whether to write ``report.html`` too; a notebook's page is made from the notebook itself.
        """
        from dfly_analysis.report.saving import save_report

        return save_report(self, directory, html=html)
