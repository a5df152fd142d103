"""Results of a diagnosis: findings with evidence, and causes with their proportions, as frozen values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dfly_analysis.schema import SEVERITIES, Severity

Verdict = Literal["present", "absent", "unknown"]
Strength = Literal["seen", "likely", "possible"]


def collapse_whitespace(text: str) -> str:
    """Return a text with a space for each character that cannot be printed, such as a line break."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@dataclass(frozen=True)
class Evidence:
    """One line of the input that shows a finding."""

    path: str
    """File; members of archives after ``!``."""
    line: int
    """Line number in that file, from 1."""
    text: str
    """The line, redacted, at most a few hundred characters."""


@dataclass(frozen=True)
class Finding:
    """The verdict on a signature or check in one dataset."""

    id: str
    """Stable name, e.g. ``error_decoding_response_body``."""
    title: str
    verdict: Verdict
    """``unknown`` if the input is not sufficient; `reason` says why."""
    severity: Severity
    """One of `dfly_analysis.schema.SEVERITIES`; `info` never asks for action."""
    count: int = 0
    """Failures, not lines: duplicates of one failure count once."""
    tasks: int = 0
    """Failed tasks concerned."""
    first: str | None = None
    last: str | None = None
    """ISO times of the first and last occurrence."""
    knob: str | None = None
    """The setting that governs it."""
    reason: str = ""
    """What was observed, with numbers, or what to collect."""
    echo_of: str | None = None
    """The finding that this one duplicates."""
    evidence: tuple[Evidence, ...] = ()
    cause: str | None = None
    """The cause that it shows, one of `dfly_analysis.schema.CAUSES`; None if it shows none, or only an effect."""


@dataclass(frozen=True)
class CauseProportion:
    """The proportion of failed tasks with one cause, and its 95 % Wilson interval."""

    cause: str
    """One of `dfly_analysis.schema.CAUSES`."""
    share: float
    """Between 0 and 1; the proportions of one diagnosis add up to 1."""
    low: float
    high: float
    tasks: int
    """Failed tasks with this cause."""
    confidence: str | None = None
    """``high``, ``medium`` or ``low``: of most of these tasks, of equally many the lower; None if unknown."""


@dataclass(frozen=True)
class Alternative:
    """A cause that the input does not rule out, and how it would show."""

    cause: str
    why: str


class Diagnosis(list[Finding]):
    """The findings of one dataset, a list, with their causes, largest share first.

    Without a failed task, or where a fragment's text does not tell, there is no primary cause; `strength` says how well the input
    supports the primary cause, or the alternatives (likeliest first) where there is none. What may also explain a primary cause that is
    not seen is in `alternatives`.
    """

    def __init__(
        self,
        findings: Iterable[Finding],
        causes: Iterable[CauseProportion] = (),
        primary_cause: str | None = None,
        *,
        strength: Strength | None = None,
        alternatives: Iterable[Alternative] = (),
        remedy: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(findings)
        self.causes: tuple[CauseProportion, ...] = tuple(causes)
        self.primary_cause, self.strength, self.alternatives = primary_cause, strength, tuple(alternatives)
        self.remedy, self.next_step = remedy, next_step

    def __repr__(self) -> str:
        present = ", ".join(one.id for one in self.present()) or "none"
        return f"<Diagnosis: primary cause {self.primary_cause or 'not known'}; present: {present}>"

    def get(self, finding_id: str) -> Finding | None:
        """Return the finding of that id, or None."""
        return next((finding for finding in self if finding.id == finding_id), None)

    def present(self) -> list[Finding]:
        """Return the findings that are present, most severe first."""
        found = [finding for finding in self if finding.verdict == "present"]
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), -one.tasks, -one.count, one.id))
