"""What was found and fitted: causes, evidence and fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.messages import message, plural
from dfly_analysis.reporting.components import Heading, Listing, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import FITS, figure, moment, range_text

MAX_EVIDENCE = 8
_UNIT_SCALES = frozenset({"B/s", "bytes"})
"""Units that follow the number and scale with it, as megabytes do."""


@dataclass(frozen=True)
class Causes(View):
    """The proportions of the causes."""

    template: ClassVar[str] = "causes.html.j2"
    shares: tuple[CauseProportion, ...]
    n_failed: int


def causes_of(findings: Diagnosis) -> Causes:
    """Show the proportions of the causes."""
    shares = tuple(share for share in findings.causes if share.tasks)
    return Causes(shares, sum(share.tasks for share in shares))


@dataclass(frozen=True)
class EvidenceView(View):
    """Findings that are present (most severe first, duplicates last), unknown and absent, with at most `most` lines each."""

    template: ClassVar[str] = "evidence.html.j2"
    present: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    absent: tuple[Finding, ...]
    most: int = MAX_EVIDENCE

    @staticmethod
    def extent(finding: Finding) -> str:
        """Return how often a finding occurs, in how many tasks, and from when to when."""
        failures = plural("{n} failure", "{n} failures", finding.count)
        tasks = plural("{n} task", "{n} tasks", finding.tasks)
        if not finding.first:
            return message("{failures} in {tasks}", failures=failures, tasks=tasks)
        first, last = moment(finding.first), moment(finding.last)
        return message("{failures} in {tasks}, {first} to {last}", failures=failures, tasks=tasks, first=first, last=last)  # fmt: skip


def evidence_of(findings: Diagnosis) -> EvidenceView:
    """Show which findings are present, absent and unknown."""
    unknown, absent = (tuple(one for one in findings if one.verdict == name) for name in ("unknown", "absent"))
    return EvidenceView(tuple(sorted(findings.present(), key=lambda one: one.echo_of is not None)), unknown, absent)


def fits_of(fits: Mapping[str, Any]) -> MultiInputView:
    """Show every fit with its distribution, parameters and goodness of fit, and what could not be fitted."""
    tables = [_fit_table(name, fit) for name, fit in fits.items() if fit]
    missing = tuple(
        message("{name}: {reason}. To get this fit, collect {collect}.", name=FITS.get(name, name), reason=fit.reason, collect=fit.collect)
        for name, fit in fits.items()
        if isinstance(fit, NotFitted)
    )  # fmt: skip
    return MultiInputView((*tables, *([Listing(message("Not fitted"), missing)] if missing else [])))


def _fit_table(name: str, fit: Any) -> TableView:
    rows = []
    for param in fit.params:
        unit = param.unit if param.unit in _UNIT_SCALES else ""
        interval = range_text(param.low, param.high, unit)
        rows.append((param.name, figure(param.value, unit), interval, "" if unit else param.unit))
    distance, expected = fit.goodness.get("km_distance"), fit.goodness.get("km_distance_expected")
    notes = [message("Distribution: {distribution}. {n:,} observations, {n_censored:,} of them right-censored.", distribution=fit.model, n=fit.n, n_censored=fit.n_censored)]  # fmt: skip
    if distance is not None and expected is not None:
        notes.append(message("Largest distance to the Kaplan-Meier curve: {distance}; up to {expected} is expected by chance.", distance=figure(distance, "share"), expected=figure(expected, "share")))  # fmt: skip
    if name.startswith("piece_from_"):
        notes.append(message("These are the clients' times. They include reading and writing on the host, which the timeout also covers."))  # fmt: skip
    notes += getattr(fit, "notes", ())
    headings = Heading.row("Parameter", "Estimate", "95 % interval", "Unit", numbers=(1, 2))
    caption = message("{title} ({name})", title=FITS[name], name=name) if name in FITS else name
    empty = message("This fit has no parameters, only counts.")
    return TableView(headings, tuple(rows), caption=caption, notes=tuple(notes), empty=empty)
