"""What a check is: its name, what it compares, what to do, and the three verdicts it can give."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from dfly_analysis.catalog.checks import CheckDescription, load_checks
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.evidence import iso
from dfly_analysis.findings import Evidence, Finding, Verdict
from dfly_analysis.messages import Message, join, message
from dfly_analysis.schema import Severity


class Check(CheckDescription):
    """A check that compares tables rather than matching the text of one line; a reason is a msgid with its values, or a message."""

    def absent(self, reason: str, /, **values: Any) -> Finding:
        """Return the verdict that it did not happen."""
        return self._verdict("absent", _as_message(reason, values))

    def unknown(self, reason: str, /, **values: Any) -> Finding:
        """Return the verdict that the input cannot tell, and what to collect."""
        text = _as_message(reason, values)
        collect = message("{reason}; collect {what}", reason=text, what=self.collect)
        return self._verdict("unknown", collect if self.collect else text)

    def _verdict(self, verdict: Verdict, reason: Message) -> Finding:
        return Finding(self.id, self.title, verdict, "info", knob=self.knob, reason=reason)

    def present(
        self,
        severity: Severity,
        *facts: str,
        count: int,
        tasks: int,
        times: Any = (),
        evidence: Iterable[Evidence] = (),
    ) -> Finding:
        """Return the verdict that it happened, by facts (empty ones are left out), with the first and last of `times`.

        Its severity is at most low if it failed no task, where failed tasks are what matters.
        """
        known = [time for time in times if time is not None and time == time]  # noqa: PLR0124 - NaT is not equal to itself
        effective_severity: Severity = severity if tasks or severity == "info" or not self.fails_tasks else "low"
        reason = message("{facts}.", facts=join(filter(None, facts), "; "))
        return Finding(
            self.id, self.title, "present", effective_severity, count, tasks, iso(min(known, default=None)), iso(max(known, default=None)),
            self.knob, reason, None, tuple(evidence), self.cause,
        )  # fmt: skip


def _as_message(reason: str, values: dict[str, Any]) -> Message:
    return reason if isinstance(reason, Message) else Message(reason, values)


def add_relation(dataset: Dataset, name: str, rows: Iterable[Sequence[Any]], **columns: type) -> None:
    """Add rows for the queries of a check, with columns of texts (str) or numbers (int, float)."""
    kinds: dict[type, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    dataset.engine.add_rows(name, named, pa.schema([(column, kinds[kind]) for column, kind in columns.items()]))


def load_check(check_id: str) -> Check:
    """Return the check of that id in the catalogue."""
    return Check(**asdict(load_checks()[check_id]))
