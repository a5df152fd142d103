"""How often a layer of the requested size fails, under the settings in force and the proposed ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, MIN_LAYER_BYTES, PIECE_CAUSES
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, message
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, LayerShape, layer_failure_rate, measured_retry_correlation
from dfly_analysis.recommendation.context import PIECE, TITLES, WRITE
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.units import parse_duration

TIMEOUTS = (PIECE, WRITE)  # both bound a piece from the source; the shorter one cuts
ROLE = "seedClient"
FITS = ("piece_from_source_seedClient", "piece_from_source")


def source_fit(fits: Mapping[str, Any]) -> Any:
    """Return the fit of pieces from the source, of seed clients where there is one; None without any."""
    return next((fits[name] for name in FITS if fits.get(name)), None)


@dataclass(frozen=True)
class NoPrediction:
    """Why nothing can be predicted; false in a condition."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False


@dataclass(frozen=True)
class UncoveredFailures:
    """Layers of a run that failed in a way that the durations and endings of pieces do not show, so that no fit covers it."""

    role: str
    failed: int
    total: int

    @property
    def text(self) -> Message:
        return message(
            "{failed:,} of {total:,} layer downloads on a {role} failed for reasons other than failed pieces; the durations of pieces do not show such failures, so the failure rate is not predicted",
            failed=self.failed, total=self.total, role=TITLES[self.role],
        )  # fmt: skip


def uncovered_failures(dataset: Dataset, role: str = ROLE) -> UncoveredFailures | None:
    """Return the failed layers of a role that no fit of pieces covers; None where there is none."""
    layers = (
        f"role = ? AND coalesce(size_bytes, {MIN_LAYER_BYTES}) >= {MIN_LAYER_BYTES} AND (outcome = 'ok' OR {FAILED})"
    )
    of_pieces = "EXISTS (FROM pieces WHERE outcome NOT IN ('ok', 'cancelled'))"  # else no fit knows of a failure
    uncovered = f"{FAILED} AND (coalesce(cause, 'unknown') NOT IN {PIECE_CAUSES} OR NOT {of_pieces})"
    query = f"SELECT count(*) FILTER ({uncovered}), count(*) FROM tasks WHERE {layers}"  # noqa: S608 - the package's own names
    failed, total = dataset.rows(query, [role])[0]
    return UncoveredFailures(role, failed, total) if failed else None


@dataclass(frozen=True)
class Prediction:
    """How often a layer from the source fails on a seed client, as rates from 0 to 1; None where not known."""

    fit: str
    size_bytes: int
    piece_bytes: int
    n_pieces: int
    passes: int
    slots: int
    siblings_cancelled: bool  # a failed piece cancels those in flight, which leaves them one attempt
    retry_failure_correlation: Interval
    correlation_measured: bool  # by this run itself
    largest_observed_bytes: float
    longest_observed_s: float | None  # time of a piece
    timeout_now_s: float | None
    timeout_then_s: float | None  # as `then`: None where nothing changes
    now: Interval | None = None  # None too where layers failed in a way that the fit does not cover
    then: Interval | None = None
    then_timeouts: Interval | None = None  # by timeouts only
    pieces_now: Interval | None = None  # by timeouts and errors of pieces, whatever else failed
    pieces_then: Interval | None = None
    withheld: Message | None = None  # why neither `now` nor `then` is known

    @property
    def layer(self) -> LayerShape:
        return LayerShape(self.size_bytes, self.piece_bytes, self.slots, self.passes, self.siblings_cancelled)

    def without_rates(self, why: Message) -> Self:
        """Return the prediction without a failure rate for any cause, and why."""
        return replace(self, now=None, then=None, withheld=why)

    def rate(self, fits: Mapping[str, Any], timeout_s: float, *, competing: bool = True) -> Interval:
        """Return the share of such layers that fail at another timeout in seconds, by timeouts alone unless competing risks count."""
        correlation = self.retry_failure_correlation
        return layer_failure_rate(fits[self.fit], self.layer, timeout_s, competing=competing, retry_failure_correlation=correlation)  # fmt: skip


def predict(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> Prediction | NoPrediction:
    """Predict how often a layer fails, of the size and under the timeouts that the advice names."""
    name = next((name for name in FITS if fits.get(name)), None)
    if name is None or advice.size_bytes <= 0:
        reason: str = message("no layer size is given, and the input shows none")
        if name is None:
            unknown = message("the input holds no durations of pieces from the registry")
            reason = getattr(fits.get(FITS[-1]), "reason", unknown)
        return NoPrediction(message("The failure rate cannot be predicted: {reason}.", reason=reason))
    slots, correlation = dataset.settings.pieces_in_flight(ROLE).number, measured_retry_correlation(fits)
    layer = LayerShape.of_client(advice.size_bytes, slots, dataset.settings.versions.get(ROLE))
    attempts, (now_s, then_s) = fits[name].attempts, _timeouts(dataset, advice)
    bare = Prediction(
        fit=name, size_bytes=advice.size_bytes, piece_bytes=int(layer.piece_bytes), n_pieces=layer.n_pieces,
        passes=layer.passes, slots=layer.slots, siblings_cancelled=layer.siblings_cancelled,
        retry_failure_correlation=correlation or DEFAULT_RETRY_CORRELATION, correlation_measured=correlation is not None,
        timeout_now_s=now_s, timeout_then_s=then_s,
        largest_observed_bytes=float(attempts.size_bytes[attempts.finished].max()),
        longest_observed_s=fits[name].extrapolates_beyond_s,
    )  # fmt: skip
    now, then = (bare.rate(fits, time) if time else None for time in (now_s, then_s))
    alone = bare.rate(fits, then_s, competing=False) if then_s else None
    uncovered = uncovered_failures(dataset)
    found = replace(bare, pieces_now=now, pieces_then=then, then_timeouts=alone)
    return found.without_rates(uncovered.text) if uncovered else replace(found, now=now, then=then)


def _timeouts(dataset: Dataset, advice: Advice) -> tuple[float | None, float | None]:
    """Return what cuts a piece from the source on a seed client today and with the advice, seconds; None where not known or equal."""
    now = {key: dataset.settings.get(key, ROLE).seconds for key in TIMEOUTS}
    then = now | {key: parse_duration(one.proposed) for key in TIMEOUTS if (one := advice.get(key, ROLE))}
    now_s, then_s = (min((x for x in bounds.values() if x is not None), default=None) for bounds in (now, then))
    return now_s, then_s if then_s != now_s else None
