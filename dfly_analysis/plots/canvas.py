"""What all figures share: the finished picture, its look, and when it is drawn in lines or in dots."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

MOST_SVG_MARKS = 2000
WIDTH_PX = 880
_DOTS_PER_INCH = 100
_PNG_SCALE = 1.6

# Okabe and Ito's palette, told apart with every common kind of colour blindness.
COLOURS = {
    "ok": "#0072B2",
    "timeout": "#D55E00",
    "reset": "#CC79A7",
    "storage": "#E69F00",
    "origin": "#F0E442",
    "cancelled": "#999999",
    "unknown": "#000000",
}
FIT, PROPOSED, INK, FAINT = "#009E73", "#009E73", "#1c2430", "#8a949f"
CAUSE_COLOURS = {
    "timeout_too_short": "#D55E00",
    "network_instability": "#CC79A7",
    "storage_io": "#E69F00",
    "disk_full": "#E69F00",
    "origin_registry": "#F0E442",
    "rate_limited": "#F0E442",
    "auth": "#56B4E9",
    "scheduler_unavailable": "#0072B2",
    "resource_limit": "#009E73",
    "client_bug": "#009E73",
    "cancelled": "#999999",
    "unknown": "#000000",
}
HATCHES = {"disk_full": "///", "rate_limited": "///", "client_bug": "///"}
_LOOK: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans", "Arial"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e8ec",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "dfly-analysis",
}


@dataclass(frozen=True)
class Figure:
    """A finished picture with its words and numbers.

    Attributes
    ----------
    media_type : str
        ``image/svg+xml``, or ``image/png`` beyond `MOST_SVG_MARKS` marks.
    data : bytes
    alt : str
        What it shows, in words with numbers.
    caption : str
        The sentence below it.
    columns : tuple of str
    rows : tuple of tuple of str
        Its numbers.
    width_px : int
        Width it is meant for.
    """

    media_type: str
    data: bytes
    alt: str
    caption: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    width_px: int = WIDTH_PX


@dataclass(frozen=True)
class NotDrawn:
    """No picture, and why.

    Attributes
    ----------
    reason : str
    """

    reason: str


@contextmanager
def drawing(height_px: int) -> Iterator[Canvas]:
    """Open a canvas in the house's look; draw and finish it inside."""
    with mpl.rc_context(cast("Any", _LOOK)):
        canvas = Canvas(figsize=(WIDTH_PX / _DOTS_PER_INCH, height_px / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(canvas)
        yield canvas


def finish(
    canvas: Canvas,
    n_marks: int,
    *,
    alt: str,
    caption: str,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
) -> Figure:
    """Turn a canvas into a picture: lines where marks are few, dots where they are many."""
    out = io.BytesIO()
    if n_marks > MOST_SVG_MARKS:
        canvas.savefig(out, format="png", dpi=_DOTS_PER_INCH * _PNG_SCALE, metadata={"Software": None})
        media_type, data = "image/png", out.getvalue()
    else:
        canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        media_type, data = "image/svg+xml", out.getvalue()
    return Figure(media_type, data, alt, caption, tuple(columns), tuple(tuple(row) for row in rows))


def readable_log_axis(axis: Any, write: Any, low: float, high: float, *, step: float = 10.0) -> None:
    """Label a logarithmic axis with figures people say, each printed by `write`, at powers of `step`."""
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    base = 1.0 if step == 10.0 else 2.0**20
    powers = range(
        int(np.floor(np.log(low / base) / np.log(step))), int(np.ceil(np.log(high / base) / np.log(step))) + 1
    )
    factors = (1.0, 2.0, 5.0) if step == 10.0 and len(powers) < 5 else (1.0,)
    ticks = [base * step**power * factor for power in powers for factor in factors]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
