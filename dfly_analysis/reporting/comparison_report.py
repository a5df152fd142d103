"""A comparison of two runs in views and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dfly_analysis.comparison import Comparison
from dfly_analysis.comparison.compare import TITLES
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval
from dfly_analysis.reporting.components import Heading, Listing, ShortVerdict, TableView
from dfly_analysis.reporting.json import SCHEMA_VERSION, plain_json
from dfly_analysis.reporting.labels import CAUSES, NOTHING, ROLES, SHORT_LAYERS, figure, interval_text
from dfly_analysis.reporting.writer import manifest_with, write_listed

_HEADLINES = {
    "helped": "It helped",
    "worse": "It is worse",
    "no difference": "It made no difference",
    "cannot tell": "It cannot be told whether it helped",
}
_TONES = {"helped": "good", "worse": "bad"}


@dataclass(frozen=True)
class ComparisonReport:
    """A comparison whose parts show themselves.

    Attributes
    ----------
    comparison : Comparison
    lang : str
    runs : sequence of Dataset
        The run before and the one after.
    parameters : mapping of str to value
        What was asked.
    """

    comparison: Comparison
    lang: str = "en"
    runs: Sequence[Dataset] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> ShortVerdict:
        """Whether it helped."""
        found = self.comparison
        tone = _TONES.get(found.verdict, "unknown")
        return ShortVerdict(_HEADLINES[found.verdict], tone, found.because, found.cautions, lang=self.lang)

    @property
    def effects(self) -> TableView:
        """Shares of failures before and after, the difference, and the times."""
        numbers = ("Before", "After", "Difference")
        headings = Heading.row("What", *numbers, numbers=numbers)
        rows = [
            (
                TITLES[one.id],
                f"{one.bad_before:,} / {one.n_before:,}: {interval_text(one.before, 'share')}",
                f"{one.bad_after:,} / {one.n_after:,}: {interval_text(one.after, 'share')}",
                _points(one.difference),
            )
            for one in self.comparison.effects
        ]
        times = self.comparison.times
        if times is not None:
            name = f"median time of a {figure(times.size_bytes, 'bytes')} piece"
            ratio = f"{times.ratio.value:.2f} ({times.ratio.low:.2f} to {times.ratio.high:.2f}) times"
            rows.append((name, figure(times.before_s, "s"), figure(times.after_s, "s"), ratio))
        empty = "Nothing can be counted in both runs."
        return TableView(
            headings, tuple(rows), notes=("All intervals are 95 % intervals.",), empty=empty, lang=self.lang
        )

    @property
    def settings_table(self) -> TableView:
        """The settings of both runs, those that differ first."""
        headings = Heading.row("Role", "Setting", "Before", "After", "Set by", "Differs", code=("Setting",))
        rows = tuple(
            (
                ROLES.get(pair.role, pair.role),
                pair.key,
                pair.before if pair.before is not None else NOTHING,
                pair.after if pair.after is not None else NOTHING,
                SHORT_LAYERS.get(pair.layer_after, pair.layer_after),
                "differs" if pair.changed else "",
            )
            for pair in self.comparison.settings
            if pair.before is not None or pair.after is not None
        )
        return TableView(headings, rows, empty="Nothing is known of the settings in force.", lang=self.lang)

    @property
    def causes_table(self) -> TableView:
        """Failed tasks of both runs by cause."""
        before, after = dict(self.comparison.causes_before), dict(self.comparison.causes_after)
        headings = Heading.row("Cause", "Before", "After", numbers=("Before", "After"))
        rows = tuple(
            (CAUSES.get(cause, cause), f"{before.get(cause, 0):,}", f"{after.get(cause, 0):,}")
            for cause in dict.fromkeys([*before, *after])
        )
        return TableView(headings, rows, empty="No task failed in either run.", lang=self.lang)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison in JSON's own types."""
        content = asdict(self.comparison)
        settings = [{**asdict(pair), "changed": pair.changed} for pair in self.comparison.settings]
        causes = {name: dict(content.pop(f"causes_{name}")) for name in ("before", "after")}
        return {"schema_version": SCHEMA_VERSION, **plain_json({**content, "settings": settings, "causes": causes})}

    def save(self, directory: str | os.PathLike[str]) -> Listing:
        """Write ``comparison.json`` and ``manifest.json``; raises StoreError where the folder cannot be written."""
        found, requested = self.comparison, self.parameters
        verdict = {"verdict": found.verdict, **{one.id: [one.bad_before, one.bad_after] for one in found.effects}}
        values = [requested.get(f"values_{which}") for which in ("before", "after")]
        manifest = manifest_with(self.runs, requested, values, verdict)
        return write_listed(directory, {"comparison.json": self.to_dict(), "manifest.json": manifest}, self.lang)


def _points(interval: Interval) -> str:
    value, low, high = (f"{100.0 * edge:+.3g}" for edge in (interval.value, interval.low, interval.high))
    return f"{value} % ({low} % to {high} %)"
