"""What other settings would do: the simulation in words, rows, views and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, LayerShape, measured_retry_correlation, timeout_sensitivity
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting.components import Heading, Listing, ShortVerdict, TableView
from dfly_analysis.reporting.json import SCHEMA_VERSION, plain_json
from dfly_analysis.reporting.labels import ROLES, counted, figure, interval_text, plain
from dfly_analysis.reporting.prediction import source_fit
from dfly_analysis.reporting.writer import manifest_with, write_listed
from dfly_analysis.simulation import SIMULATED_KEYS, Change, WhatIf, parse_changes
from dfly_analysis.units import format_rate, format_size

ROLE = "seedClient"
Row = tuple[str, str, str, str]
UNCERTAINTY_LABELS = {
    "law": "the law of a piece's time",
    "link": "whether pieces share a link",
    "bandwidth": "what the link carries",
    "fate": "whether what failed fails again in the next pass",
    "other": "resets and errors",
    "chance": "the number of copies simulated",
}


_PREDICTED = ("Predicted, settings in force", "Predicted, changed settings")
_NO_LAYER = "The input shows no layer from the source that ended."
_MIN_WAIT_S = 1e-3


@dataclass(frozen=True)
class WhatIfReport:
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
        headings = Heading.row("What", *_PREDICTED, numbers=_PREDICTED)
        if isinstance(self.found, NotFitted):
            return TableView(headings, (), empty="There is no prediction.", lang=self.lang)
        rows = tuple((row[0], *row[2:]) for row in layer_rows(self.found))
        notes = ("Intervals hold what is not known of the source, and what the pieces seen cannot tell.",)
        return TableView(headings, rows, notes=notes, lang=self.lang)

    @property
    def run(self) -> TableView:
        """The run's own layers: observed, as their own settings predict, and under the changed ones."""
        headings = Heading.row("What", "Seen", *_PREDICTED, numbers=("Seen", *_PREDICTED))
        rows = () if isinstance(self.found, NotFitted) else tuple(run_rows(self.found))
        return TableView(headings, rows, empty=_NO_LAYER, lang=self.lang)

    @property
    def assumptions(self) -> TableView:
        """What the simulation takes for granted, and what it cannot know."""
        notes = () if isinstance(self.found, NotFitted) else self.found.notes
        rows = tuple((f"{note[0].upper()}{note[1:]}.",) for note in notes)
        return TableView((Heading("Assumed"),), rows, empty="Nothing but what was seen.", lang=self.lang)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in JSON's own types."""
        return whatif_json(self.found)

    def save(self, directory: str | os.PathLike[str]) -> Listing:
        """Write ``whatif.json`` and ``manifest.json``; raises StoreError where the folder cannot be written."""
        manifest = manifest_with([self.dataset], self.parameters, [self.parameters.get("values")], self._predicted())
        return write_listed(directory, {"whatif.json": self.to_dict(), "manifest.json": manifest}, self.lang)

    def _predicted(self) -> dict[str, Any]:
        """Return the numbers that have to come out again."""
        if isinstance(self.found, NotFitted):
            return {"not_fitted": self.found.reason}
        found = self.found
        rates = {"now": found.layer_now.failure_rate.value, "then": found.layer_then.failure_rate.value}
        return {"size_bytes": found.size_bytes, "n_pieces": found.n_pieces, "failure_rate": rates}


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


def whatif_json(found: WhatIf | NotFitted) -> dict[str, Any]:
    """Shape an answer.

    Returns
    -------
    dict
        ``schema_version``, ``role``, ``client``, ``layer``, ``changes``, ``now``, ``then``, ``observed``, ``agreement``, ``notes``,
        ``seed``; or ``not_fitted``. Only JSON's own types.
    """
    if isinstance(found, NotFitted):
        return {"schema_version": SCHEMA_VERSION, "not_fitted": plain_json(asdict(found))}
    content = {
        "schema_version": SCHEMA_VERSION,
        "role": found.role,
        "client": found.version,
        "layer": {
            "size_bytes": found.size_bytes,
            "piece_bytes": found.piece_bytes,
            "n_pieces": found.n_pieces,
            "at_once": found.layers_at_once,
        },
        "changes": [asdict(change) for change in found.changes],
        "asked": asdict(found.question),
        "now": {
            "settings": asdict(found.settings_now),
            "layer": asdict(found.layer_now),
            "run": asdict(found.run_now) if found.run_now else None,
        },
        "then": {
            "settings": asdict(found.settings_then),
            "layer": asdict(found.layer_then),
            "run": asdict(found.run_then) if found.run_then else None,
        },
        "observed": asdict(found.observed) if found.observed else None,
        "agreement": [asdict(one) | {"inside": one.inside} for one in found.agreement],
        "notes": list(found.notes),
        "seed": found.seed,
    }
    return {name: plain_json(value) for name, value in content.items()}


def about(found: WhatIf) -> str:
    """Say what was simulated: who, which layer, what was changed."""
    many = f", {found.layers_at_once} on a link at a time" if found.layers_at_once > 1 else ""
    layer = f"a layer of {format_size(found.size_bytes)} ({found.n_pieces} pieces of {format_size(found.piece_bytes)}){many}"
    return f"{ROLES[found.role].capitalize()} {found.version or 'of unknown release'}, {layer}"


def changes_text(found: WhatIf) -> str:
    """Say what was changed, or that nothing was."""
    requested = found.question
    parts = [f"{one.role} {one.key}={one.text}" for one in found.changes]
    parts += [f"a link of {format_rate(requested.bandwidth_bps)}"] if requested.bandwidth_bps else []
    parts += [f"a source {requested.source_speed:g} times as fast"] if requested.source_speed != 1.0 else []
    return "; ".join(parts) or "nothing is changed"


def layer_rows(found: WhatIf) -> list[Row]:
    """Return what is predicted of a layer: what, in force, changed; the first cell of each row is empty where it has no place."""
    now, then = found.layer_now, found.layer_then
    return [
        ("a layer fails", "", share(now.failure_rate), share(then.failure_rate)),
        ("an attempt at a piece fails", "", share(now.attempt_failure_rate), share(then.attempt_failure_rate)),
        ("a timeout cuts an attempt", "", share(now.cut_rate), share(then.cut_rate)),
        ("a layer ends after", "", _seconds(now.layer_time_s), _seconds(then.layer_time_s)),
    ]


def run_rows(found: WhatIf) -> list[Row]:
    """Return what was seen of the run, what its own settings predict, and what the changed ones do."""
    now, then, observed = found.run_now, found.run_then, found.observed
    if now is None or then is None or observed is None:
        return []
    return [
        ("layers that fail", f"{observed.failed} of {observed.n_layers}", _count(now.failed), _count(then.failed)),
        ("share that fails", share(observed.failure_rate), share(now.failure_rate), share(then.failure_rate)),
        ("attempts that fail", share(observed.attempt_failure_rate), share(now.attempt_failure_rate), share(then.attempt_failure_rate)),
        ("middle time of a layer", figure(observed.layer_time_s, "s"), _seconds(now.layer_time_s), _seconds(then.layer_time_s)),
        ("first start to last end", figure(observed.makespan_s, "s"), _seconds(now.makespan_s), _seconds(then.makespan_s)),
    ]  # fmt: skip


def agreement_text(found: WhatIf) -> str:
    """Say how well the replay of the settings in force agrees with what was seen."""
    if not found.agreement:
        return "Nothing was seen that the prediction could be compared with."
    inside = sum(one.inside for one in found.agreement)
    outside = "; ".join(
        f"{one.figure}: {counted(int(one.observed), 'layer')} where {_count(one.predicted)} was predicted"
        if one.unit == "1"
        else f"{one.figure}: {figure(one.observed, one.unit)} where {_seconds(one.predicted)} was predicted"
        for one in found.agreement
        if not one.inside
    )
    parts = f"Replayed under the settings in force, {inside} of {len(found.agreement)} figures of the run lie inside what is predicted"
    return f"{parts}; outside: {outside}." if outside else f"{parts}."


def uncertainty_text(found: WhatIf) -> str:
    """Say what the interval of the changed failure rate is made of."""
    if found.layer_then.doubt.get("chance", 1.0) > 0.5:
        return ""  # the interval is narrow, or one-sided
    ranked = sorted(found.layer_then.doubt.items(), key=lambda pair: -pair[1])
    parts = [f"{UNCERTAINTY_LABELS[name]} {figure(part, 'share')}" for name, part in ranked if part >= 0.01]
    return f"The interval of a layer's failure rate is wide because of: {', '.join(parts)}." if parts else ""


def replay_of(found: WhatIf | NotFitted) -> TableView:
    """Show the run replayed: what was seen beside what its own settings predict, and beside the proposed ones."""
    if isinstance(found, NotFitted):
        empty = f"The run cannot be replayed: {found.reason}. To have it, collect {found.collect}."
        return TableView((Heading("What"),), (), empty=empty)
    changed = found.changed
    headings = [Heading("What"), Heading("Seen", "number"), Heading("Predicted, settings in force", "number")]
    headings += [Heading("Predicted, proposed settings", "number")] if changed else []
    rows = tuple(row if changed else row[:3] for row in run_rows(found))
    notes = [f"{about(found)}; proposed: {changes_text(found)}." if changed else f"{about(found)}."]
    notes += [agreement_text(found), *(f"{note[0].upper()}{note[1:]}." for note in found.notes)]
    return TableView(tuple(headings), rows, notes=tuple(notes), empty=_NO_LAYER)


def proposed_changes(advice: Advice, role: str = ROLE) -> tuple[Change, ...]:
    """Return what of some advice a simulation can try."""
    own = [one for one in advice.recommendations if one.role == role and one.key in SIMULATED_KEYS]
    return parse_changes([f"{one.key}={one.proposed}" for one in own], role=role)


def sensitivity_of(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> TableView:
    """Show how the limit a layer needs moves with target, size, bandwidth and pieces in flight, and what waiting costs."""
    headings = (
        Heading("Changed"), Heading("Layer", "number"), Heading("Pieces in flight", "number"), Heading("May fail", "number"),
        Heading("Surely enough", "number"), Heading("By the estimate", "number"), Heading("Waited for the dead, a layer", "number"),
    )  # fmt: skip
    duration_fit = source_fit(fits)
    slots, size = dataset.settings.get("download.concurrentPieceCount", ROLE).number, advice.size_bytes
    if not duration_fit or not slots or size <= 0:
        lacks = (
            "no law of a piece's time was fitted"
            if not duration_fit
            else "the number of pieces in flight or the layer is not known"
        )
        return TableView(headings, (), empty=f"No limit can be worked out: {lacks}.")
    version, count = dataset.settings.versions.get(ROLE), max(1, int(slots))
    layer = LayerShape.of_client(size, count, version)
    capacity = fits.get("source_capacity") or None
    table: Any = timeout_sensitivity(
        duration_fit, layer, advice.target_failure_rate, capacity=capacity, client_version=version, targets=(1e-2, 1e-4),
        sizes_bytes=(size / 4, size * 4), slots=(max(1, count // 2), 2 * count),
        retry_failure_correlation=measured_retry_correlation(fits) or DEFAULT_RETRY_CORRELATION,
    )  # fmt: skip
    rows = tuple(
        (
            row.changed if row.speed == 1.0 else f"bandwidth, {row.speed:g} times", figure(row.size_bytes, "bytes"), plain(row.slots),
            figure(row.target_failure_rate, "share"), figure(row.timeout_s, "s"), figure(row.estimate_s, "s"), _waited(row),
        )
        for row in table.itertuples()
    )  # fmt: skip
    notes: tuple[str, ...] = ("“Surely enough” is the smallest limit at which the upper end of the failure rate's 95 % interval meets the target, timeouts alone.",)  # fmt: skip
    if capacity is None or not capacity.shared:
        notes += ("More pieces in flight are taken not to slow each other: no shared link is seen.",)
    return TableView(headings, rows, notes=notes)


def _waited(row: Any) -> str:
    """Say how long is waited for pieces that never come; less than a millisecond is next to nothing."""
    parts = interval_text(Interval(row.waited_s, row.waited_low_s, row.waited_high_s), "s")
    return f"< 1\N{NO-BREAK SPACE}ms ({parts.partition('(')[2]}" if 0.0 < row.waited_s < _MIN_WAIT_S else parts


def _seconds(interval: Interval) -> str:
    return interval_text(interval, "s")


def share(interval: Interval) -> str:
    """Say a share with its interval; one that never came up is 0."""
    if interval.value == 0.0:
        return f"0 % (at most {figure(interval.high, 'share')})"
    return interval_text(interval, "share")


def _count(interval: Interval) -> str:
    return f"{interval.value:.2g} ({plain(interval.low)} to {plain(interval.high)})"
