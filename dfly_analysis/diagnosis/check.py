"""What a check is: its name, what it looks at, what to do, and the three verdicts it can give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dfly_analysis.diagnosis.evidence import iso
from dfly_analysis.findings import Evidence, Finding
from dfly_analysis.schema import Severity


@dataclass(frozen=True)
class Check:
    """A check that looks at frames rather than at one line's words.

    Attributes
    ----------
    id, title : str
        Name of its finding, and one short line for people.
    method : str
        What it compares, one sentence.
    remedy, collect : str
        What to do where it is present; what to collect where it cannot tell.
    knob : str or None
        The setting that governs it.
    """

    id: str
    title: str
    method: str
    remedy: str
    collect: str = ""
    knob: str | None = None

    def absent(self, reason: str) -> Finding:
        """Return the verdict that it was looked for and not seen."""
        return Finding(self.id, self.title, "absent", "info", knob=self.knob, reason=reason)

    def unknown(self, reason: str) -> Finding:
        """Return the verdict that the input cannot tell, and what to collect."""
        text = f"{reason}; {self.collect}" if self.collect else reason
        return Finding(self.id, self.title, "unknown", "info", knob=self.knob, reason=text)

    def present(
        self,
        severity: Severity,
        reason: str,
        *,
        count: int,
        tasks: int,
        times: Any = (),
        evidence: Sequence[Evidence] = (),
    ) -> Finding:
        """Return the verdict that it was seen.

        Parameters
        ----------
        severity : str
            As grave as it is where it failed tasks; `low` is the most where it failed none.
        reason : str
            A sentence with its numbers.
        count, tasks : int
            Sightings, and failed tasks it concerns.
        times : iterable of int or datetime
            Of which the first and the last are reported; nanoseconds since 1970, or moments with their zone.
        evidence : sequence of Evidence
        """
        known = [time for time in times if time is not None and time == time]  # noqa: PLR0124 - a missing time is not itself
        effective_severity: Severity = severity if tasks or severity == "info" else "low"
        return Finding(
            self.id, self.title, "present", effective_severity, count, tasks, iso(min(known)) if known else None, iso(max(known)) if known else None,
            self.knob, reason, None, tuple(evidence),
        )  # fmt: skip
