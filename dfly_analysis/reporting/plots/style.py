"""Style of all figures: colours, axes, legends, and the values that marks show on hover."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from dfly_analysis.reporting.figures import Figure
from dfly_analysis.reporting.plots.svg import THEME, write_svg

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

# Okabe and Ito's palette, which readers with any common colour blindness can distinguish.
COLOURS = {
    "ok": "#0072B2", "timeout": "#D55E00", "reset": "#CC79A7", "storage": "#E69F00", "origin": "#F0E442",
    "cancelled": "#999999", "unknown": "#000000",
}  # fmt: skip
FIT, INK, FAINT, GRID, AREA, PAPER = (THEME[name][0] for name in ("fit", "ink", "edge", "grid", "area", "paper"))
PROPOSED = FIT
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
    "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.8, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "legend.frameon": False, "legend.fontsize": 9,
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "figure.constrained_layout.use": True, "svg.fonttype": "none",
    "svg.hashsalt": "dfly-analysis",
}  # fmt: skip


class Canvas(MatplotlibFigure):
    """A figure that keeps its labels as messages, for matplotlib makes plain text of them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.labels: list[str] = []
        self.hover_texts: dict[str, list[str]] = {}

    def hover(self, artist: Any, *texts: str) -> None:
        """Give the marks of an artist their values, shown on hover."""
        artist.set_gid(f"hover-{len(self.hover_texts)}")
        self.hover_texts[artist.get_gid()] = [self.label(text) for text in texts]

    def label(self, text: str) -> str:
        """Keep a label that holds values, and return it."""
        self.labels.append(text)
        return text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/svg+xml": write_svg(self, self.hover_texts).decode(), "text/plain": repr(self)}


@contextmanager
def drawing(height_px: int) -> Iterator[Canvas]:
    """Open a canvas in the report's style; draw and finish it inside."""
    with mpl.rc_context(cast("Any", _LOOK)):
        canvas = Canvas(figsize=(WIDTH_PX / _DOTS_PER_INCH, height_px / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(canvas)
        yield canvas


def finish(
    canvas: Canvas, *, alt: str, caption: str, columns: Sequence[str] = (), rows: Sequence[Sequence[str]] = ()
) -> Figure:
    """Turn a canvas into a picture."""
    data = write_svg(canvas, canvas.hover_texts)
    return Figure(data, alt, caption, tuple(columns), tuple(tuple(row) for row in rows), tuple(canvas.labels), canvas=canvas)  # fmt: skip


def legend(axes: Any, handles: Sequence[Any] | None = None) -> None:
    """Put the legend of axes, or of all of several, below the figure, where it hides no data; of equal labels it shows one."""
    listed = [axes] if hasattr(axes, "figure") else [*axes]
    found = handles or [handle for one in listed for handle in one.get_legend_handles_labels()[0]]
    by_label = {str(handle.get_label()): handle for handle in found}
    if by_label:
        columns = min(len(by_label), 4)
        listed[0].figure.legend(by_label.values(), by_label, loc="outside lower left", ncols=columns, handletextpad=0.5, columnspacing=1.4)  # fmt: skip


def whole_numbers(axes: Any) -> None:
    """Let the y axis begin at zero and show whole numbers only."""
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)


def value_columns(axes: Any, edges: Sequence[float], texts: Sequence[str]) -> None:
    """Give the columns between edges of the x axis their values, shown on hover."""
    for low, high, text in zip(edges, edges[1:], texts, strict=False):
        axes.figure.hover(axes.axvspan(low, high, alpha=0, linewidth=0, zorder=9), text)


def log_axis(axis: Any, ticks: Sequence[float], write: Callable[[float], str], low: float, high: float) -> None:
    """Label a logarithmic axis with those figures of a list that lie on it, at most seven, each printed by `write`."""
    inside = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(inside[:: -(-len(inside) // MAX_TICKS) or 1]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
