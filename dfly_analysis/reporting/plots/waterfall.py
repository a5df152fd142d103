"""Waterfall of the slowest layers: every attempt at a piece as a bar from its start to its end."""

from typing import Any

from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from dfly_analysis.dataset import Dataset
from dfly_analysis.messages import message
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.plots.style import COLOURS, FIT, INK, MAX_SVG_MARKS, drawing, finish, legend
from dfly_analysis.units import format_duration

MAX_LAYERS, MAX_PIECES = 3, 20_000
_HEIGHT_PX, _TOP_PX = 260, 60
_PEER = "coalesce(peer_id, task_id)"
_SLOWEST = f"""
WITH drawn AS (
        SELECT {_PEER} AS peer, any_value(host) AS host, any_value(task_id) AS task_id, min(epoch_ns(started)) AS start_ns, max(epoch_ns(ended)) AS end_ns
        FROM pieces WHERE started IS NOT NULL AND ended >= started AND peer IS NOT NULL AND piece_number IS NOT NULL GROUP BY peer
    ),
    whole AS (SELECT {_PEER} AS peer, any_value(url) AS url, min(epoch_ns(started)) AS start_ns, max(epoch_ns(ended)) AS end_ns FROM tasks WHERE peer IS NOT NULL GROUP BY peer)
SELECT peer, host, coalesce(url, task_id), (greatest(drawn.end_ns, whole.end_ns) - least(drawn.start_ns, whole.start_ns)) / 1e9 AS duration_s, least(drawn.start_ns, whole.start_ns)
FROM drawn LEFT JOIN whole USING (peer) ORDER BY duration_s DESC, peer LIMIT {MAX_LAYERS}
"""
"""Peers with pieces, each with its host, blob, duration and start: of its task where that is logged."""
_KINDS = {
    "source": (message("from the registry"), COLOURS["ok"]),
    "parent": (message("from a parent"), FIT),
    "local": (message("on the same host"), COLOURS["storage"]),
    "lost": (message("thrown away"), COLOURS["timeout"]),
}


def draw_waterfall(dataset: Dataset) -> Figure | NotDrawn:
    """Draw the attempts at pieces of the slowest tasks against the time since the task's start."""
    slowest = dataset.rows(_SLOWEST)
    if not slowest:
        return NotDrawn(message("No piece has a known start and end."))
    rows = []
    with drawing(_TOP_PX + _HEIGHT_PX * len(slowest)) as canvas:
        panels = canvas.subplots(len(slowest), 1, squeeze=False)[:, 0]
        for axes, (peer, host, blob, duration_s, start_ns) in zip(panels, slowest, strict=True):
            counts = _bars(dataset, axes, peer, start_ns)
            name = f"{host or '?'}  {str(blob).rsplit('/', 1)[-1][:26]}"
            axes.set_title(name)
            axes.set_ylabel(message("piece"))
            axes.set_xlim(0, duration_s)
            rows.append((name, format_duration(duration_s), *(f"{counts.get(kind, 0):,}" for kind in _KINDS)))
        panels[-1].set_xlabel(message("seconds since the start of the task"))
        legend(panels, [Line2D([], [], color=colour, linewidth=4, label=label) for label, colour in _KINDS.values()])
        return finish(
            canvas,
            alt=message("Attempts at pieces of the {n:,} slowest tasks as bars against time; the slowest took {duration}.", n=len(slowest), duration=format_duration(slowest[0][3])),
            caption=message("Each bar is an attempt at a piece, from its start to its end, in the order of the pieces. An empty stretch is a wait; a long bar alone is a piece that all others wait for."),
            columns=(message("Task"), message("Duration"), *(label for label, _ in _KINDS.values())),
            rows=rows,
        )  # fmt: skip


def _bars(dataset: Dataset, axes: Any, peer: str, start_ns: int) -> dict[str, int]:
    """Draw the attempts of a peer, and return how many there are of each kind."""
    attempts = dataset.rows(
        f"""
        SELECT piece_number, (epoch_ns(started) - ?) / 1e9, (epoch_ns(ended) - ?) / 1e9, CASE WHEN outcome = 'ok' THEN coalesce(origin, 'source') ELSE 'lost' END
        FROM pieces WHERE {_PEER} = ? AND started IS NOT NULL AND ended IS NOT NULL AND piece_number IS NOT NULL ORDER BY 1, 2 LIMIT {MAX_PIECES}
        """,
        (start_ns, start_ns, peer),
    )
    pieces = max((number for number, *_ in attempts), default=0) + 1
    width = max(
        0.5, min(6.0, 0.7 * _HEIGHT_PX * 0.72 / pieces)
    )  # points: bars of few pieces are thick, those of thousands touch
    counts = {}
    for kind, (label, colour) in _KINDS.items():
        own = [[(begin, number), (end, number)] for number, begin, end, one in attempts if one == kind]
        if own:
            counts[kind] = len(own)
            bars = axes.add_collection(LineCollection(own, colors=colour, linewidths=width, capstyle="butt"))
            if len(attempts) * MAX_LAYERS > MAX_SVG_MARKS:
                bars.set_rasterized(True)
            else:
                axes.figure.hover(bars, *(message("piece {number}, {kind}: {duration}", number=ends[0][1], kind=label, duration=format_duration(ends[1][0] - ends[0][0])) for ends in own))  # fmt: skip
    axes.set_ylim(pieces - 0.5, -0.5)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.tick_params(colors=INK)
    return counts
