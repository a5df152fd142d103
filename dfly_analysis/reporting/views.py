"""What was found and fitted: causes, evidence and fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.reporting.components import Heading, Listing, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import CAUSES, FITS, REMEDIES, counted, figure, moment, range_text

MAX_EVIDENCE = 8
_UNIT_SCALES = frozenset({"B/s", "bytes"})
"""Units that stand beside the number and scale with it, as megabytes do."""
_CLIENTS_TIME = "These are the times of the clients: what their hosts add in reading and writing is in them, and the limit counts it too."


@dataclass(frozen=True)
class Causes(View):
    """The shares of the causes."""

    template: ClassVar[str] = "causes.html.j2"
    shares: tuple[CauseProportion, ...]
    n_failed: int
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {"causes": CAUSES, "remedies": REMEDIES}


def causes_of(findings: Diagnosis) -> Causes:
    """Show the shares of the causes."""
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
        """Say how often something was seen, in how many tasks, and from when to when."""
        text = f"{counted(finding.count, 'failure')} in {counted(finding.tasks, 'task')}"
        return f"{text}, {moment(finding.first)} to {moment(finding.last)}" if finding.first else text


def evidence_of(findings: Diagnosis) -> EvidenceView:
    """Show what was seen, what was not, and what cannot be told."""
    unknown, absent = (tuple(one for one in findings if one.verdict == name) for name in ("unknown", "absent"))
    return EvidenceView(tuple(sorted(findings.present(), key=lambda one: one.echo_of is not None)), unknown, absent)


def fits_of(fits: Mapping[str, Any]) -> MultiInputView:
    """Show every fit: distribution, parameters with intervals, goodness of fit, and what could not be fitted."""
    tables = [_fit_table(name, fit) for name, fit in fits.items() if not isinstance(fit, NotFitted)]
    missing = tuple(
        f"{name}: {fit.reason}. To have it, collect {fit.collect}."
        for name, fit in fits.items()
        if isinstance(fit, NotFitted)
    )
    return MultiInputView((*tables, *([Listing("Not fitted", missing)] if missing else [])))


def _fit_table(name: str, fit: Any) -> TableView:
    rows = []
    for param in fit.params:
        unit = param.unit if param.unit in _UNIT_SCALES else ""
        interval = range_text(param.low, param.high, unit)
        rows.append((param.name, figure(param.value, unit), interval, "" if unit else param.unit))
    distance, expected = fit.goodness.get("km_distance"), fit.goodness.get("km_distance_expected")
    notes = [f"Law: {fit.law}. {fit.n:,} observations, {fit.n_censored:,} of them without a known end."]
    if distance is not None and expected is not None:
        notes.append(
            f"Largest distance to the curve without a law: {figure(distance, 'share')}; chance alone reaches {figure(expected, 'share')}."
        )
    notes += [_CLIENTS_TIME] if name.startswith("piece_from_") else []
    notes += [f"{note[0].upper()}{note[1:]}." for note in getattr(fit, "notes", ())]
    headings = Heading.row("Parameter", "Estimate", "95 % interval", "Unit", numbers=("Estimate", "95 % interval"))
    caption = f"{FITS[name]} ({name})" if name in FITS else name
    return TableView(headings, tuple(rows), caption=caption, notes=tuple(notes), empty="No parameters: counts only.")
