"""What layers of other sizes need: timeouts by size, and failure rates to explore."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import message, translate
from dfly_analysis.quantities import NOTHING, figure, interval_text
from dfly_analysis.recommendation import make_context
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction, predict
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView
from dfly_analysis.reporting.figures import FigureView
from dfly_analysis.reporting.plots import draw_failure_rates
from dfly_analysis.units import parse_duration, parse_size

SIZES = ("1GiB", "5GiB", "10GiB", "20GiB", "50GiB", "100GiB")
TIMEOUTS = ("10s", "30s", "60s", "120s", "300s", "600s")
CONCURRENCIES = (4, 8, 16, 48)
_PIECE = ("seedClient", "download.pieceTimeout")


def timeouts_of(dataset: Dataset, findings: Diagnosis, fits: Mapping[str, Any], advice: Advice) -> TableView:
    """Show the timeout that each size of layer needs, and how many fail under the one in force."""
    headings = Heading.row("Layer size", "Pieces", "Piece length", "Required timeout", "Failure rate at the current timeout", numbers=range(5))  # fmt: skip
    target = advice.target_failure_rate
    rows = []
    for size in SIZES:
        predicted = predict(dataset, fits, replace(advice, size_bytes=parse_size(size)))
        if isinstance(predicted, NoPrediction):
            return TableView(headings, (), empty=predicted.reason)
        context, _ = make_context(dataset, findings, fits, size=size, target_failure_rate=target)
        need = context.needs.get(_PIECE)
        needed = interval_text(need.needed, "s") if need is not None and need.needed else NOTHING
        failing = interval_text(predicted.now, "share") if predicted.now else NOTHING
        layer, piece = figure(predicted.size_bytes, "bytes"), figure(predicted.piece_bytes, "bytes")
        rows.append((layer, f"{predicted.n_pieces:,}", piece, needed, failing))
    notes = (message("With the required timeout, at most {target} of the layers time out.", target=figure(target, "share")),)  # fmt: skip
    return TableView(headings, tuple(rows), notes=notes)


def failure_rates_of(
    dataset: Dataset, fits: Mapping[str, Any], advice: Advice, tried: tuple[Sequence[str], Sequence[str], Sequence[int]]
) -> TableView:
    """Show failure rate and demanded bandwidth for each combination of size, timeout and pieces in flight."""
    headings = Heading.row("Layer size", "Piece timeout", "Concurrent pieces", "Failure rate of a layer", "Required bandwidth", numbers=range(5))  # fmt: skip
    rows = []
    sizes, timeouts, concurrencies = tried
    for size in sizes:
        predicted = predict(dataset, fits, replace(advice, size_bytes=parse_size(size)))
        if isinstance(predicted, NoPrediction):
            return TableView(headings, (), empty=predicted.reason)
        for timeout in timeouts:
            seconds = parse_duration(timeout)
            rate = interval_text(predicted.rate(fits, seconds), "share")
            for many in concurrencies:
                demanded = figure(min(many, predicted.n_pieces) * predicted.piece_bytes / seconds, "B/s")
                rows.append((figure(predicted.size_bytes, "bytes"), figure(seconds, "s"), f"{many}", rate, demanded))
    notes = (message("Failure rates are based on the durations observed at the concurrency of this run. The required bandwidth lets that many pieces arrive within the timeout."),)  # fmt: skip
    return TableView(headings, tuple(rows), notes=notes)


def explore(
    dataset: Dataset, fits: Mapping[str, Any], advice: Advice, *, interactive: bool, lang: str
) -> MultiInputView | Any:
    """Return sliders that show picture and numbers for one size, timeout and number of concurrent pieces, or else a table of many."""

    def answer(sizes: Sequence[str], timeouts: Sequence[str], many: Sequence[int]) -> MultiInputView:
        table = failure_rates_of(dataset, fits, advice, (sizes, timeouts, many))
        if len(sizes) > 1 or not table.rows:
            return MultiInputView((table,), lang=lang)
        predicted = predict(dataset, fits, replace(advice, size_bytes=parse_size(sizes[0])))
        assert isinstance(predicted, Prediction)
        chosen = parse_duration(timeouts[0])
        drawn = draw_failure_rates(predicted, fits, advice.target_failure_rate, chosen)
        return MultiInputView((table, FigureView(drawn)), lang=lang)

    if not interactive or find_spec("ipywidgets") is None:
        return answer(SIZES, TIMEOUTS, CONCURRENCIES[1:2])
    widgets = import_module("ipywidgets")
    choices = ((message("Layer size"), SIZES, "20GiB"), (message("Piece timeout"), TIMEOUTS, "60s"), (message("Concurrent pieces"), CONCURRENCIES, 8))  # fmt: skip
    sliders = [
        widgets.SelectionSlider(options=options, value=value, description=translate(label, lang), continuous_update=False, style={"description_width": "11em"}, layout={"width": "32em"})
        for label, options, value in choices
    ]  # fmt: skip
    shown = widgets.HTML()

    def update(_: Any = None) -> None:
        shown.value = answer(*([slider.value] for slider in sliders))._repr_html_()

    for slider in sliders:
        slider.observe(update, "value")
    update()
    return widgets.VBox([*sliders, shown])
