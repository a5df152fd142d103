"""The results of a diagnosis: verdicts with evidence, causes with shares. Frozen values, no logic that reads logs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dfly_analysis.schema import SEVERITIES, Severity

Verdict = Literal["present", "absent", "unknown"]


def collapse_whitespace(text: str) -> str:
    """Return a text in which what cannot be printed, a line's end among it, is a space: a user's key may hold anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@dataclass(frozen=True)
class Evidence:
    """One line of the input: the file (archive members after ``!``), the line's number from 1, and its redacted text."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Finding:
    """A signature's or check's verdict on one dataset.

    Attributes
    ----------
    id : str
        Stable name, e.g. ``error_decoding_response_body``.
    title : str
        One short line for people.
    verdict : {"present", "absent", "unknown"}
        ``unknown`` where the input does not show it; `reason` explains.
    severity : str
        One of `dfly_analysis.schema.SEVERITIES`; `info` never asks for action.
    count : int
        Failures, not lines: duplicates of one failure count once.
    tasks : int
        Failed tasks it concerns.
    first, last : str or None
        ISO times of the first and last sighting.
    knob : str or None
        The setting that governs it.
    reason : str
        What was seen, in a sentence with numbers, or what to collect.
    echo_of : str or None
        Set where this is the repetition of another finding.
    evidence : tuple of Evidence
    """

    id: str
    title: str
    verdict: Verdict
    severity: Severity
    count: int = 0
    tasks: int = 0
    first: str | None = None
    last: str | None = None
    knob: str | None = None
    reason: str = ""
    echo_of: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class CauseProportion:
    """The share (0 to 1) of failed tasks that one cause explains, with a 95 % Wilson interval; shares of a diagnosis add up to 1.

    The confidence (``high``, ``medium`` or ``low``) is that of most of these tasks, the lower one in a tie; None where not known.
    """

    cause: str
    share: float
    low: float
    high: float
    tasks: int
    confidence: str | None = None


class Diagnosis(list[Finding]):
    """The findings of one dataset, a list, with their causes, largest share first; no primary cause where no task failed."""

    def __init__(
        self, findings: Iterable[Finding], causes: Iterable[CauseProportion] = (), primary_cause: str | None = None
    ) -> None:
        super().__init__(findings)
        self.causes: tuple[CauseProportion, ...] = tuple(causes)
        self.primary_cause = primary_cause

    def get(self, finding_id: str) -> Finding | None:
        """Return the finding of that id, or None."""
        return next((finding for finding in self if finding.id == finding_id), None)

    def present(self) -> list[Finding]:
        """Return the findings that are present, most severe first."""
        observed = [finding for finding in self if finding.verdict == "present"]
        return sorted(
            observed,
            key=lambda finding: (SEVERITIES.index(finding.severity), -finding.tasks, -finding.count, finding.id),
        )
