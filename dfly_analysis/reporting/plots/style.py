"""Style of all figures, and when they become SVG or PNG."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from dfly_analysis.reporting.figures import Figure

MAX_SVG_MARKS = 2000
MAX_TICKS = 7
WIDTH_PX = Figure.width_px
DURATION_TICKS_S = (
    *(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
    *(60, 180, 600, 1800, 3600, 3 * 3600, 8 * 3600, 86400, 3 * 86400, 10 * 86400),
)
SIZE_TICKS_BYTES = tuple(float(2**power) for power in range(51))
SHARE_TICKS = tuple(10.0**-power for power in range(10, -1, -1))
_DOTS_PER_INCH = 100
_TAG, _FINER, _INDENT = re.compile(rb"<[^<>]*>"), re.compile(rb"(\d\.\d\d)\d{2,}"), re.compile(rb"\n +(?=<)")
_PNG_SCALE = 1.6

# Okabe and Ito's palette, which readers with any common colour blindness can distinguish.
COLOURS = {
    "ok": "#0072B2", "timeout": "#D55E00", "reset": "#CC79A7", "storage": "#E69F00", "origin": "#F0E442",
    "cancelled": "#999999", "unknown": "#000000",
}  # fmt: skip
FIT, PROPOSED, INK, FAINT = "#009E73", "#009E73", "#1c2430", "#8a949f"
CAUSE_COLOURS = {
    "timeout_too_short": "#D55E00", "network_instability": "#CC79A7", "storage_io": "#E69F00", "disk_full": "#E69F00",
    "origin_registry": "#F0E442", "rate_limited": "#F0E442", "auth": "#56B4E9", "scheduler_unavailable": "#0072B2",
    "resource_limit": "#009E73", "client_bug": "#009E73", "cancelled": "#999999", "unknown": "#000000",
}  # fmt: skip
HATCHES = {"disk_full": "///", "rate_limited": "///", "client_bug": "///"}
_LOOK: dict[str, Any] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans", "Arial"],
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#e4e8ec", "grid.linewidth": 0.8, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "legend.frameon": False, "legend.fontsize": 9,
    "figure.facecolor": "white", "figure.constrained_layout.use": True, "svg.fonttype": "none",
    "svg.hashsalt": "dfly-analysis",
}  # fmt: skip


class Canvas(MatplotlibFigure):
    """A figure that keeps its labels as messages, for matplotlib makes plain text of them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.labels: list[str] = []

    def label(self, text: str) -> str:
        """Keep a label that holds values, and return it."""
        self.labels.append(text)
        return text


@contextmanager
def drawing(height_px: int) -> Iterator[Canvas]:
    """Open a canvas in the report's style; draw and finish it inside."""
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
    """Turn a canvas into a picture: lines where marks are few, dots where they are many.

    Calls the backends directly, because `Figure.savefig` draws everything twice, first for the layout.
    """
    out = io.BytesIO()
    if n_marks > MAX_SVG_MARKS:
        canvas.set_dpi(_DOTS_PER_INCH * _PNG_SCALE)
        FigureCanvasAgg(canvas).print_png(out, metadata={"Software": None})  # type: ignore[no-untyped-call]
        media_type, data = "image/png", out.getvalue()
    else:
        FigureCanvasSVG(canvas).print_svg(out, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
        media_type, data = "image/svg+xml", _slim(out.getvalue())
    return Figure(media_type, data, alt, caption, tuple(columns), tuple(tuple(row) for row in rows), tuple(canvas.labels), canvas=canvas)  # fmt: skip


def _slim(svg: bytes) -> bytes:
    """Return a picture without indents and with coordinates to a hundredth of a point, and the same text."""
    return _TAG.sub(lambda tag: _FINER.sub(rb"\1", tag[0]), _INDENT.sub(b"\n", svg))


def log_axis(axis: Any, ticks: Sequence[float], write: Callable[[float], str], low: float, high: float) -> None:
    """Label a logarithmic axis with those figures of a list that lie on it, at most seven, each printed by `write`."""
    inside = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(inside[:: -(-len(inside) // MAX_TICKS) or 1]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
