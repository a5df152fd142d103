"""What layers of other sizes would need and meet: timeouts by size, and failure rates to explore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dfly_analysis.recommendation import make_context
from dfly_analysis.reporting.components import Heading, TableView
from dfly_analysis.reporting.labels import NOTHING, figure, interval_text
from dfly_analysis.reporting.prediction import NoPrediction, Prediction, predict
from dfly_analysis.units import parse_duration, parse_size

if TYPE_CHECKING:
    from dfly_analysis.reporting.report import Report

SIZES = ("1GiB", "5GiB", "10GiB", "20GiB", "50GiB", "100GiB")
TIMEOUTS = ("10s", "30s", "60s", "120s", "300s", "600s")
CONCURRENCIES = (4, 8, 16, 48)
_PIECE = ("seedClient", "download.pieceTimeout")
_SIZE, _AT_A_TIME = Heading("Size of the layer", "number"), Heading("Pieces at a time", "number")
_DEMANDS = Heading("Demanded bandwidth", "number")


def predict_size(report: Report, size: str) -> Prediction | NoPrediction:
    """Foretell how often a layer of a size fails today; `Prediction.rate` says how often at another timeout."""
    return predict(report.dataset, report.fits, replace(report.advice, size_bytes=parse_size(size)))


def timeouts_of(report: Report, sizes: Sequence[str] = SIZES) -> TableView:
    """Show the timeout that each size of layer needs, and what the one in force means for it."""
    texts = ("Pieces", "Length of a piece", "Timeout needed", "Fails at the limit in force")
    headings = (_SIZE, *(Heading(text, "number") for text in texts))
    rows = []
    for size in sizes:
        predicted = predict_size(report, size)
        if isinstance(predicted, NoPrediction):
            return TableView(headings, (), empty=predicted.reason, lang=report.lang)
        target = report.advice.target_failure_rate
        case, _ = make_context(report.dataset, report.findings, report.fits, size=size, target_failure_rate=target)
        need = case.needs.get(_PIECE)
        needed = interval_text(need.needed, "s") if need is not None and need.needed else NOTHING
        now = interval_text(predicted.now, "share") if predicted.now else NOTHING
        lengths = f"{predicted.n_pieces:,}", figure(predicted.piece_bytes, "bytes")
        rows.append((figure(predicted.size_bytes, "bytes"), *lengths, needed, now))
    notes = (
        f"Needed: so that at most {figure(report.advice.target_failure_rate, 'share')} of such layers fail by timeouts, with an 80 % interval.",
    )
    return TableView(headings, tuple(rows), notes=notes, lang=report.lang)


def explore(report: Report, *, interactive: bool = True) -> Any:
    """Explore how size, timeout and pieces in flight set failure rate and demanded bandwidth.

    Parameters
    ----------
    report : Report
    interactive : bool
        Whether to show sliders, where ipywidgets is installed.

    Returns
    -------
    widget or TableView
        Sliders that show the answer to one setting, or a table of many.
    """
    if interactive and find_spec("ipywidgets") is not None:
        return _sliders(report)
    return answers(report, SIZES, TIMEOUTS, CONCURRENCIES[1:2])


def answers(
    report: Report, sizes: Sequence[str], timeouts: Sequence[str], at_a_time: Sequence[int] = CONCURRENCIES
) -> TableView:
    """Show failure rate and demanded bandwidth for each combination of size, timeout and pieces in flight."""
    headings = (
        _SIZE,
        Heading("Timeout of a piece", "number"),
        _AT_A_TIME,
        Heading("Layers that fail", "number"),
        _DEMANDS,
    )
    rows = []
    for size in sizes:
        predicted = predict_size(report, size)
        if isinstance(predicted, NoPrediction):
            return TableView(headings, (), empty=predicted.reason, lang=report.lang)
        for timeout in timeouts:
            seconds = parse_duration(timeout)
            rate = interval_text(predicted.rate(report.fits, seconds), "share")
            for many in at_a_time:
                demanded = figure(min(many, predicted.n_pieces) * predicted.piece_bytes / seconds, "B/s")
                rows.append((figure(predicted.size_bytes, "bytes"), figure(seconds, "s"), f"{many}", rate, demanded))
    notes = (
        "Rates follow from the times seen, at the pieces in flight of this run. The bandwidth is what that many pieces need to arrive within the timeout.",
    )
    return TableView(headings, tuple(rows), notes=notes, lang=report.lang)


def _sliders(report: Report) -> Any:
    from importlib import import_module

    widgets = import_module("ipywidgets")
    slider: Callable[..., Any] = widgets.SelectionSlider
    return widgets.interactive(
        lambda size, timeout, pieces_at_a_time: answers(report, [size], [timeout], [pieces_at_a_time]),
        size=slider(options=SIZES, value="20GiB", description="size"),
        timeout=slider(options=TIMEOUTS, value="60s", description="timeout"),
        pieces_at_a_time=slider(options=CONCURRENCIES, value=8, description="in flight"),
    )
