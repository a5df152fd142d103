"""What a check is: its name, what it compares, what to do, and the three verdicts it can give."""

from dataclasses import asdict
from typing import Any

from dfly_analysis.catalog.checks import CheckDescription, load_checks
from dfly_analysis.diagnosis.evidence import iso
from dfly_analysis.findings import Evidence, Finding
from dfly_analysis.messages import join, message
from dfly_analysis.schema import Severity


class Check(CheckDescription):
    """A check that compares tables rather than matching the text of one line."""

    def absent(self, reason: str) -> Finding:
        """Return the verdict that it did not happen."""
        return Finding(self.id, self.title, "absent", "info", knob=self.knob, reason=reason)

    def unknown(self, reason: str) -> Finding:
        """Return the verdict that the input cannot tell, and what to collect."""
        text = message("{reason}; collect {what}", reason=reason, what=self.collect) if self.collect else reason
        return Finding(self.id, self.title, "unknown", "info", knob=self.knob, reason=text)

    def present(
        self,
        severity: Severity,
        *facts: str,
        count: int,
        tasks: int,
        times: Any = (),
        evidence: tuple[Evidence, ...] = (),
    ) -> Finding:
        """Return the verdict that it happened, with the first and last of `times`; its severity is at most low if it failed no task, where failed tasks are what matters."""
        known = [time for time in times if time is not None and time == time]  # noqa: PLR0124 - NaT is not equal to itself
        effective_severity: Severity = severity if tasks or severity == "info" or not self.fails_tasks else "low"
        return Finding(
            self.id, self.title, "present", effective_severity, count, tasks, iso(min(known, default=None)), iso(max(known, default=None)),
            self.knob, message("{facts}.", facts=join(facts, "; ")), None, evidence, self.cause,
        )  # fmt: skip


def load_check(check_id: str) -> Check:
    """Return the check of that id in the catalogue."""
    return Check(**asdict(load_checks()[check_id]))
