"""A comparison of two runs as views, and in JSON's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from dfly_analysis.comparison import Comparison
from dfly_analysis.comparison.compare import TITLES
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval
from dfly_analysis.reporting.components import Heading, TableView, View
from dfly_analysis.reporting.json import SCHEMA_VERSION, plain_json
from dfly_analysis.reporting.labels import CAUSES, NOTHING, ROLES, SHORT_LAYERS, figure, interval_text
from dfly_analysis.reporting.saved_outputs import Saved
from dfly_analysis.reporting.writer import manifest_with

_HEADLINES = {
    "helped": "It helped",
    "worse": "It is worse",
    "no difference": "It made no difference",
    "cannot tell": "It cannot be told whether it helped",
}
FILE = "comparison.json"
_TONES = {"helped": "good", "worse": "bad"}


@dataclass(frozen=True)
class ShortVerdict(View):
    """An answer in one line, why that is said, and what weakens it.

    Attributes
    ----------
    headline, tone : str
    because, cautions : tuple of str
    """

    template: ClassVar[str] = "comparison.html.j2"
    headline: str
    tone: str
    because: tuple[str, ...]
    cautions: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonReport(Saved):
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
        texts = ("What", "Before", "After", "Difference")
        headings = (Heading(texts[0]), *(Heading(text, "number") for text in texts[1:]))
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
        texts = ("Role", "Setting", "Before", "After", "Set by", "Differs")
        headings = tuple(Heading(text, "code" if text == "Setting" else "text") for text in texts)
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
        headings = (Heading("Cause"), Heading("Before", "number"), Heading("After", "number"))
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

    def contents(self) -> dict[str, dict[str, Any]]:
        """Return the files' contents: the answer and what it was made of."""
        found, requested = self.comparison, self.parameters
        verdict = {"verdict": found.verdict, **{one.id: [one.bad_before, one.bad_after] for one in found.effects}}
        values = [requested.get(f"values_{which}") for which in ("before", "after")]
        manifest = manifest_with(self.runs, requested, values, verdict)
        return {FILE: self.to_dict(), "manifest.json": manifest}


def _points(interval: Interval) -> str:
    value, low, high = (f"{100.0 * edge:+.3g}" for edge in (interval.value, interval.low, interval.high))
    return f"{value} % ({low} % to {high} %)"
