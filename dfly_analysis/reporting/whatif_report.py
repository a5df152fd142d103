"""What other settings would do: the simulation in sentences, rows, views and JSON."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.messages import join, message
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, LayerShape, measured_retry_correlation, timeout_sensitivity
from dfly_analysis.quantities import NOTHING, figure, interval_text, plain
from dfly_analysis.recommendation.prediction import source_fit
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting.components import Heading, Listing, ShortVerdict, TableView
from dfly_analysis.reporting.json import versioned
from dfly_analysis.reporting.labels import CHANGES, ROLES, UNCERTAINTIES
from dfly_analysis.reporting.provenance import manifest_with, write_listed
from dfly_analysis.simulation import SIMULATED_KEYS, Change, WhatIf, parse_changes
from dfly_analysis.units import format_rate, format_size

ROLE = "seedClient"
Row = tuple[str, str, str, str]
_IN_FORCE, _CHANGED = message("Predicted, effective settings"), message("Predicted, changed settings")
_NO_LAYER = message("The input shows no layer from the registry from start to end.")


@dataclass(frozen=True)
class WhatIfReport:
    """What other settings would do in the run of a dataset; its parts show themselves."""

    found: WhatIf | NotFitted
    dataset: Dataset
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lang(self) -> str:
        """Language it shows itself in."""
        return str(self.parameters.get("lang") or "en")

    @property
    def verdict(self) -> ShortVerdict:
        """How often such a layer fails now and after the change, and the basis of that."""
        found = self.found
        if isinstance(found, NotFitted):
            because = (found.reason, *([message("collect {what}", what=found.collect)] if found.collect else []))
            return ShortVerdict(message("The effect of other settings cannot be predicted"), "unknown", because, (), lang=self.lang)  # fmt: skip
        now, then = found.layer_now.failure_rate, found.layer_then.failure_rate
        parts = [about(found), changes_text(found), message("failure rate of such a layer now: {rate}", rate=share(now))]  # fmt: skip
        if found.changed:
            parts.append(message("failure rate of such a layer after the change: {rate}", rate=share(then)))
        headline, tone = (_headline(now, then) if found.changed else (message("The run under its own settings"), "unknown"))  # fmt: skip
        outside = message("The model does not reproduce this run, so its prediction may be wrong too.")
        doubtful = not all(one.inside for one in found.agreement)
        warnings = tuple(text for text in (outside if doubtful else "", uncertainty_text(found)) if text)
        return ShortVerdict(headline, tone, (*parts, agreement_text(found)), warnings, lang=self.lang)

    @property
    def layer(self) -> TableView:
        """One such layer under the effective and the changed settings."""
        headings = Heading.row("Quantity", _IN_FORCE, _CHANGED, numbers=(1, 2))
        if isinstance(self.found, NotFitted):
            return TableView(headings, (), empty=message("There is no prediction."), lang=self.lang)
        notes = (message("The intervals include the uncertainty of the registry's behaviour and of the fitted model."),)
        return TableView(headings, tuple(layer_rows(self.found)), notes=notes, lang=self.lang)

    @property
    def run(self) -> TableView:
        """The run's own layers: observed, predicted under their own settings, and under the changed ones."""
        headings = Heading.row("Quantity", "Observed", _IN_FORCE, _CHANGED, numbers=(1, 2, 3))
        rows = () if isinstance(self.found, NotFitted) else tuple(run_rows(self.found))
        return TableView(headings, rows, empty=_NO_LAYER, lang=self.lang)

    @property
    def assumptions(self) -> TableView:
        """What the simulation assumes, and what it cannot know."""
        notes = () if isinstance(self.found, NotFitted) else self.found.notes
        rows = tuple((note,) for note in notes)
        return TableView((Heading(message("Assumption")),), rows, empty=message("The simulation needs no assumptions."), lang=self.lang)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in JSON's own types."""
        return whatif_json(self.found)

    def save(self, directory: str | os.PathLike[str]) -> Listing:
        """Write ``whatif.json`` and ``manifest.json``; raises StoreError where the folder cannot be written."""
        manifest = manifest_with([self.dataset], self.parameters, [self.parameters.get("values")], self._predicted())
        return write_listed(directory, {"whatif.json": self.to_dict(), "manifest.json": manifest}, self.lang)

    def _predicted(self) -> dict[str, Any]:
        """Return the numbers that have to come out again."""
        found = self.found
        if isinstance(found, NotFitted):
            return {"not_fitted": found.reason}
        rates = {"now": found.layer_now.failure_rate.value, "then": found.layer_then.failure_rate.value}
        return {"size_bytes": found.size_bytes, "n_pieces": found.n_pieces, "failure_rate": rates}


def _headline(now: Interval, then: Interval) -> tuple[str, str]:
    """Return whether the change helps, and the tone; nothing is claimed where the intervals overlap."""
    if then.high < now.low:
        return message("Fewer layers would fail"), "good"
    if then.low > now.high:
        return message("More layers would fail"), "bad"
    return message("The difference is within the uncertainty of the model"), "unknown"


def whatif_json(found: WhatIf | NotFitted) -> dict[str, Any]:
    """Return an answer in JSON's own types; only ``not_fitted`` where nothing can be predicted."""
    if isinstance(found, NotFitted):
        return versioned({"not_fitted": found})
    layer = {name: getattr(found, name) for name in ("size_bytes", "piece_bytes", "n_pieces")}
    now, then = (
        {name: getattr(found, f"{name}_{when}") for name in ("settings", "layer", "run")} for when in ("now", "then")
    )
    agreement = [asdict(one) | {"inside": one.inside} for one in found.agreement]
    return versioned({
        "role": found.role, "client": found.version, "layer": {**layer, "at_once": found.layers_at_once}, "changes": found.changes,
        "asked": found.question, "now": now, "then": then, "observed": found.observed, "agreement": agreement,
        "notes": found.notes, "seed": found.seed,
    })  # fmt: skip


def about(found: WhatIf) -> str:
    """Return what is simulated: component, release, layer, concurrency."""
    values = {
        "role": ROLES[found.role], "version": found.version or message("of unknown release"),
        "layer": format_size(found.size_bytes), "n": found.n_pieces, "piece": format_size(found.piece_bytes),
    }  # fmt: skip
    if found.layers_at_once > 1:
        return message("{role} {version}, a layer of {layer} ({n:,} pieces of {piece}), {layers} concurrent layers on a link", **values, layers=found.layers_at_once)  # fmt: skip
    return message("{role} {version}, a layer of {layer} ({n:,} pieces of {piece})", **values)


def changes_text(found: WhatIf) -> str:
    """Return what was changed, or that nothing was."""
    requested = found.question
    parts = [f"{one.role} {one.key}={one.text}" for one in found.changes]
    if requested.bandwidth_bps:
        parts.append(message("a link of {rate}", rate=format_rate(requested.bandwidth_bps)))
    if requested.source_speed != 1.0:
        parts.append(message("a registry {factor:g} times as fast", factor=requested.source_speed))
    return join(parts, "; ") if parts else message("nothing is changed")


_OF_ATTEMPTS = (message("failure rate of an attempt at a piece"), "attempt_failure_rate", "share")
_OF_LAYERS = (message("failure rate of a layer"), "failure_rate", "share")
_LAYER = (
    _OF_LAYERS,
    _OF_ATTEMPTS,
    (message("timeout rate of an attempt"), "cut_rate", "share"),
    (message("duration of a layer"), "layer_time_s", "s"),
)
_RUN = (
    _OF_ATTEMPTS,
    (message("median duration of a layer"), "layer_time_s", "s"),
    (message("duration of the run"), "makespan_s", "s"),
)
"""Quantities that are predicted, each with its field and unit."""


def layer_rows(found: WhatIf) -> list[tuple[str, str, str]]:
    """Return what is predicted of a layer: quantity, under the effective settings, under the changed ones."""
    now, then = found.layer_now, found.layer_then
    return [
        (title, interval_text(getattr(now, name), unit), interval_text(getattr(then, name), unit))
        for title, name, unit in _LAYER
    ]


def run_rows(found: WhatIf) -> list[Row]:
    """Return what was observed of the run, what its own settings predict, and what the changed ones predict."""
    now, then, observed = found.run_now, found.run_then, found.observed
    if now is None or then is None or observed is None:
        return []
    failed = message("{failed} of {n}", failed=observed.failed, n=observed.n_layers)
    # Where layers failed in another way than by a piece, the simulation does not cover how many fail.
    covered = not observed.left_out
    rows: list[Row] = [(message("failed layers"), failed, _count(now.failed), _count(then.failed))] if covered else []
    for title, name, unit in (*((_OF_LAYERS,) if covered else ()), *_RUN):
        value = getattr(observed, name)
        seen = interval_text(value, unit) if isinstance(value, Interval) else figure(value, unit)
        rows.append((title, seen, interval_text(getattr(now, name), unit), interval_text(getattr(then, name), unit)))
    return rows


def agreement_text(found: WhatIf) -> str:
    """Return how well the replay under the effective settings agrees with the observations."""
    if not found.agreement:
        return message("The input holds no observations to compare the prediction with.")
    inside, n = sum(one.inside for one in found.agreement), len(found.agreement)
    outside = [
        message(
            "{figure}: observed {observed}, predicted {predicted}", figure=one.figure, observed=figure(one.observed, one.unit),
            predicted=_count(one.predicted) if one.unit == "1" else _seconds(one.predicted),
        )
        for one in found.agreement
        if not one.inside
    ]  # fmt: skip
    if not outside:
        return message("Replayed under its effective settings, all {n} figures of the run are within their prediction intervals.", n=n)  # fmt: skip
    return message(
        "Replayed under its effective settings, {inside} of {n} figures of the run are within their prediction intervals; outside: {outside}.",
        inside=inside, n=n, outside=join(outside, "; "),
    )  # fmt: skip


def uncertainty_text(found: WhatIf) -> str:
    """Return what makes the interval of the changed failure rate wide; empty where it is narrow or one-sided."""
    if found.layer_then.variance_shares.get("chance", 1.0) > 0.5:
        return ""
    ranked = sorted(found.layer_then.variance_shares.items(), key=lambda pair: -pair[1])
    parts = [message("{source} {share}", source=UNCERTAINTIES[name], share=figure(part, "share")) for name, part in ranked if part >= 0.01]  # fmt: skip
    return message("Sources of uncertainty in the failure rate of a layer: {parts}.", parts=join(parts, ", ")) if parts else ""  # fmt: skip


def replay_of(found: WhatIf | NotFitted) -> TableView:
    """Show the run replayed: observed, predicted under its own settings, and under the proposed ones."""
    if isinstance(found, NotFitted):
        empty = message("The run cannot be replayed: {reason}. To replay it, collect {collect}.", reason=found.reason, collect=found.collect)  # fmt: skip
        return TableView((Heading(message("Quantity")),), (), empty=empty)
    columns = [message("Quantity"), message("Observed"), _IN_FORCE, message("Predicted, proposed settings")]
    width = 4 if found.changed else 3
    rows = tuple(row[:width] for row in run_rows(found))
    notes: list[str] = [about(found)]
    if found.changed:
        notes.append(message("Proposed: {changes}.", changes=changes_text(found)))
    notes += [agreement_text(found), *found.notes]
    return TableView(Heading.row(*columns[:width], numbers=(1, 2, 3)), rows, notes=tuple(notes), empty=_NO_LAYER)


def proposed_changes(advice: Advice, role: str = ROLE) -> tuple[Change, ...]:
    """Return what of some advice a simulation can try."""
    own = [one for one in advice.recommendations if one.role == role and one.key in SIMULATED_KEYS]
    return parse_changes([f"{one.key}={one.proposed}" for one in own], role=role)


def sensitivity_of(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> TableView:
    """Show how the required timeout depends on target, size, bandwidth and concurrency, and the time lost on stalled pieces."""
    headings = Heading.row("Changed", "Layer size", "Concurrent pieces", "Target failure rate", "Safe value (95 %)", "Best estimate", "Time lost on stalled pieces, per layer", numbers=range(1, 7))  # fmt: skip
    duration_fit = source_fit(fits)
    slots, size = dataset.settings.pieces_in_flight(ROLE).number, advice.size_bytes
    if not duration_fit or not slots or size <= 0:
        empty = message("The required timeout cannot be computed: the distribution of piece durations, the concurrency or the layer size is not known.")  # fmt: skip
        return TableView(headings, (), empty=empty)
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
            CHANGES.get(row.changed, row.changed) if row.speed == 1.0 else message("bandwidth × {factor:g}", factor=row.speed),
            figure(row.size_bytes, "bytes"), plain(row.slots), figure(row.target_failure_rate, "share"), *_timeouts(row, duration_fit),
        )
        for row in table.itertuples()
    )  # fmt: skip
    notes = [message("The safe value is the shortest timeout at which the upper bound of the 95 % interval of the failure rate by timeouts meets the target.")]  # fmt: skip
    if capacity is None or not capacity.shared:
        notes.append(message("Concurrent pieces are assumed not to slow each other down, because the data show no shared link."))  # fmt: skip
    return TableView(headings, rows, notes=tuple(notes))


def _timeouts(row: Any, fit: Any) -> tuple[str, str, str]:
    """Return the safe timeout, the estimate, and at most how long is waited for stalled pieces, as far as each is known."""
    seen_s, unknown = fit.seen_s(row.piece_bytes), message("not known yet")
    needed = Interval(row.estimate_s, row.estimate_s, row.timeout_s).up_to(
        None if seen_s is None else seen_s / row.speed
    )
    estimate = figure(row.estimate_s, "s") if row.estimate_s == needed.value else unknown
    if not needed.is_known:
        return unknown, estimate, NOTHING
    return figure(row.timeout_s, "s"), estimate, message("at most {value}", value=figure(row.waited_high_s, "s"))


def _seconds(interval: Interval) -> str:
    return interval_text(interval, "s")


def share(interval: Interval) -> str:
    """Return a share with its interval."""
    return interval_text(interval, "share")


def _count(interval: Interval) -> str:
    return message("{value:.2g} ({low} to {high})", value=interval.value, low=plain(interval.low), high=plain(interval.high))  # fmt: skip
