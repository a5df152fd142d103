"""A comparison of two runs in views and JSON."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dfly_analysis.comparison import Comparison
from dfly_analysis.comparison.compare import TITLES
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import message
from dfly_analysis.quantities import figure, interval_text
from dfly_analysis.reporting import plots
from dfly_analysis.reporting.components import Heading, Listing, ShortVerdict, TableView
from dfly_analysis.reporting.figures import FigureView
from dfly_analysis.reporting.json import versioned
from dfly_analysis.reporting.labels import CAUSES, LAYERS, ROLES, text_of
from dfly_analysis.reporting.provenance import manifest_with, write_listed

_HEADLINES = {
    "helped": message("The change helped"),
    "worse": message("The change made it worse"),
    "no difference": message("The change made no difference"),
    "cannot tell": message("Not enough data to judge the change"),
}
_TONES = {"helped": "good", "worse": "bad"}


@dataclass(frozen=True)
class ComparisonReport:
    """A comparison of two runs, before and after a change, whose parts show themselves."""

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
        """Failure rates before and after, the difference, and the durations."""
        headings = Heading.row("Quantity", "Before", "After", "Difference", numbers=(1, 2, 3))
        rows: list[tuple[str, ...]] = [
            (TITLES[one.id], _counted(one.bad_before, one.n_before, one.before), _counted(one.bad_after, one.n_after, one.after), _points(one.difference))
            for one in self.comparison.effects
        ]  # fmt: skip
        times = self.comparison.times
        if times is not None:
            name = message("median duration of a {size} piece", size=figure(times.size_bytes, "bytes"))
            ratio = message("{value:.2f}× ({low:.2f}× to {high:.2f}×)", value=times.ratio.value, low=times.ratio.low, high=times.ratio.high)  # fmt: skip
            rows.append((name, figure(times.before_s, "s"), figure(times.after_s, "s"), ratio))
        notes, empty = ((message("All intervals are 95 % intervals."),), message("Nothing can be compared in the two runs."))  # fmt: skip
        return TableView(headings, tuple(rows), notes=notes, empty=empty, lang=self.lang)

    @property
    def durations(self) -> FigureView:
        """The share of attempts at pieces that take longer than a time, of both runs."""
        return FigureView(plots.draw_before_after(*self.runs), lang=self.lang)

    @property
    def settings_table(self) -> TableView:
        """The settings of both runs, those that differ first."""
        headings = Heading.row("Component", "Setting", "Before", "After", "Set by", "Change", code=(1,))
        rows = tuple(
            (ROLES.get(pair.role, pair.role), pair.key, text_of(pair.before), text_of(pair.after), LAYERS.get(pair.layer_after, pair.layer_after), message("changed") if pair.changed else "")
            for pair in self.comparison.settings
            if pair.before is not None or pair.after is not None
        )  # fmt: skip
        return TableView(headings, rows, empty=message("No effective setting is known."), lang=self.lang)

    @property
    def causes_table(self) -> TableView:
        """Failed tasks of both runs by cause."""
        before, after = dict(self.comparison.causes_before), dict(self.comparison.causes_after)
        headings = Heading.row("Cause", "Before", "After", numbers=(1, 2))
        rows = tuple(
            (CAUSES.get(cause, cause), f"{before.get(cause, 0):,}", f"{after.get(cause, 0):,}")
            for cause in dict.fromkeys([*before, *after])
        )
        return TableView(headings, rows, empty=message("No task failed in either run."), lang=self.lang)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison in JSON's own types."""
        content = asdict(self.comparison)
        settings = [{**asdict(pair), "changed": pair.changed} for pair in self.comparison.settings]
        causes = {name: dict(content.pop(f"causes_{name}")) for name in ("before", "after")}
        return versioned({**content, "settings": settings, "causes": causes})

    def save(self, directory: str | os.PathLike[str]) -> Listing:
        """Write ``comparison.json`` and ``manifest.json``; raises StoreError where the folder cannot be written."""
        found, requested = self.comparison, self.parameters
        verdict = {"verdict": found.verdict, **{one.id: [one.bad_before, one.bad_after] for one in found.effects}}
        values = [requested.get(f"values_{which}") for which in ("before", "after")]
        manifest = manifest_with(self.runs, requested, values, verdict)
        return write_listed(directory, {"comparison.json": self.to_dict(), "manifest.json": manifest}, self.lang)


def _counted(failed: int, n: int, rate: Interval) -> str:
    return message("{failed:,} / {n:,}: {rate}", failed=failed, n=n, rate=interval_text(rate, "share"))


def _points(interval: Interval) -> str:
    value, low, high = (f"{100.0 * edge:+.3g}" for edge in (interval.value, interval.low, interval.high))
    return message("{value} % ({low} % to {high} %)", value=value, low=low, high=high)
