"""What other settings would do, as views that show themselves, and in JSON's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.reporting.comparison_report import ShortVerdict
from dfly_analysis.reporting.components import Heading, TableView
from dfly_analysis.reporting.saved_outputs import Saved
from dfly_analysis.reporting.whatif_view import (
    about,
    agreement_text,
    changes_text,
    layer_rows,
    run_rows,
    share,
    uncertainty_text,
    whatif_json,
)
from dfly_analysis.reporting.writer import manifest_with
from dfly_analysis.simulation import WhatIf

FILE = "whatif.json"


@dataclass(frozen=True)
class WhatIfReport(Saved):
    """What other settings would do; its parts show themselves.

    Attributes
    ----------
    found : WhatIf or NotFitted
    dataset : Dataset
        What was read.
    parameters : mapping of str to value
        What was asked.
    """

    found: WhatIf | NotFitted
    dataset: Dataset
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lang(self) -> str:
        """Language it shows itself in."""
        return str(self.parameters.get("lang") or "en")

    @property
    def verdict(self) -> ShortVerdict:
        """How often such a layer fails now and then, and what that stands on."""
        found = self.found
        if isinstance(found, NotFitted):
            because = (found.reason, f"collect {found.collect}") if found.collect else (found.reason,)
            return ShortVerdict(
                "It cannot be told what other settings would do", "unknown", because, (), lang=self.lang
            )
        now, then = found.layer_now.failure_rate, found.layer_then.failure_rate
        parts = [about(found), changes_text(found), f"failure rate of such a layer now: {share(now)}"]
        parts += [f"failure rate of such a layer then: {share(then)}"] if found.changed else []
        headline, tone = _headline(now, then) if found.changed else ("The run under its own settings", "unknown")
        warnings = tuple(text for text in (*_outside(found), uncertainty_text(found)) if text)
        return ShortVerdict(headline, tone, (*parts, agreement_text(found)), warnings, lang=self.lang)

    @property
    def layer(self) -> TableView:
        """One such layer under the settings in force and under the changed ones."""
        headings = (Heading("What"), *(Heading(text, "number") for text in _PREDICTED))
        if isinstance(self.found, NotFitted):
            return TableView(headings, (), empty="There is no prediction.", lang=self.lang)
        rows = tuple((row[0], *row[2:]) for row in layer_rows(self.found))
        return TableView(headings, rows, notes=_SHARES, lang=self.lang)

    @property
    def run(self) -> TableView:
        """The run's own layers: as seen, as their own settings predict, and under the changed ones."""
        headings = (Heading("What"), *(Heading(text, "number") for text in ("Seen", *_PREDICTED)))
        empty = "The input shows no layer from the source that ended."
        rows = () if isinstance(self.found, NotFitted) else tuple(run_rows(self.found))
        return TableView(headings, rows, empty=empty, lang=self.lang)

    @property
    def assumptions(self) -> TableView:
        """What the simulation takes for granted, and what it cannot know."""
        notes = () if isinstance(self.found, NotFitted) else self.found.notes
        rows = tuple((f"{note[0].upper()}{note[1:]}.",) for note in notes)
        return TableView((Heading("Assumed"),), rows, empty="Nothing but what was seen.", lang=self.lang)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in JSON's own types."""
        return whatif_json(self.found)

    def contents(self) -> dict[str, dict[str, Any]]:
        """Return the files' contents: the answer and what it was made of."""
        manifest = manifest_with([self.dataset], self.parameters, [self.parameters.get("values")], self._foretold())
        return {FILE: self.to_dict(), "manifest.json": manifest}

    def _foretold(self) -> dict[str, Any]:
        """Return the numbers that have to come out again."""
        if isinstance(self.found, NotFitted):
            return {"not_fitted": self.found.reason}
        found = self.found
        rates = {"now": found.layer_now.failure_rate.value, "then": found.layer_then.failure_rate.value}
        return {"size_bytes": found.size_bytes, "n_pieces": found.n_pieces, "failure_rate": rates}


_PREDICTED = ("Predicted, settings in force", "Predicted, changed settings")
_SHARES = ("Intervals hold what is not known of the source, and what the pieces seen cannot tell.",)


def _headline(now: Interval, then: Interval) -> tuple[str, str]:
    """Say whether the change helps; only where the intervals do not meet is anything claimed."""
    if then.high < now.low:
        return "Fewer layers would fail", "good"
    if then.low > now.high:
        return "More layers would fail", "bad"
    return "The difference is within what is not known", "unknown"


def _outside(found: WhatIf) -> tuple[str, ...]:
    if found.agreement and not all(one.inside for one in found.agreement):
        return ("the replay does not agree with what was seen, so the prediction may be wrong too",)
    return ()
