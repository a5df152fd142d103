"""Renders docs/bench.md from docs/bench.json; areas that were not measured again keep their figures and date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.models_page import models_part
from tests.bench.reading import OUR_NAME
from tests.bench.tables import table as _table

PLOT = "bench-scaling.svg"
COLOURS = ("#0b6e99", "#6ab0c9", "#b3541e")

Record = dict[str, Any]


def page(figures: Record) -> str:
    """Write all areas as tables."""
    parts = ["# Benchmarks", "Whole processes, warm caches; median, fastest and slowest run."]
    if "commands" in figures:
        parts += _commands("Commands", figures["commands"])
    if "fleets" in figures:
        parts += _commands("Fleets and small files", figures["fleets"])
    if "reports" in figures:
        parts += _commands("Reports", figures["reports"])
    if "reading" in figures:
        parts += _reading(figures["reading"])
    if "scaling" in figures:
        parts += _scaling(figures["scaling"])
    if "models" in figures:
        parts += models_part(figures["models"], _measured([figures["models"]]))
    return "\n\n".join(parts) + "\n"


def _commands(title: str, area: Record) -> Iterator[str]:
    yield f"## {title}"
    yield f"{_measured([area])} Memory is the peak resident set of the process and its children."
    rows = [
        (row["name"], f"{row['median_s']:.2f} s", _spread(row), row["runs"], f"{row['peak_mb']} MB")
        if "median_s" in row
        else (row["name"], f"did not run: {row['failure']}", "", "", "")
        for row in area["rows"]
    ]
    yield _table(("what", "median", "fastest to slowest", "runs", "memory"), rows)


def _reading(groups: dict[str, Record]) -> Iterator[str]:
    yield "## Reading logs"
    yield (
        "A file to typed columns in Parquet: time, level, spans, place, message, task, peer, host, number and length of the piece, class of "
        "failure. `dfly-analysis load` writes its other tables too. The logs are generated in real formats (`tests/bench/big_log.py`), "
        "about 2 % warnings and errors, 0.1 % broken lines; the peers are the scripts in `tests/bench/peers`. GB/s refer to uncompressed bytes. "
        "The ratios of a table are from one run, in which the programs alternate."
    )
    for group in groups.values():
        yield f"### {group['title']}, {_size(group['raw_bytes'])}"
        packed = f" The file is {_size(group['file_bytes'])}." if group["file_bytes"] < group["raw_bytes"] * 0.9 else ""
        yield _measured([group]) + packed
        yield _reading_table(group)


def _reading_table(group: Record) -> str:
    median_s = {row["name"]: row["median_s"] for row in group["rows"] if "median_s" in row}
    bases = [name for name in ("polars_split", "polars_ndjson", "duckdb_json", "`wc -l`") if name in median_s]
    rows = []
    for row in group["rows"]:
        if "median_s" not in row:
            rows.append((row["name"], f"did not run: {row['failure']}", *[""] * (4 + len(bases))))
            continue
        ratios = (f"{median_s[base] / row['median_s']:.3g}" for base in bases)
        rate = f"{group['raw_bytes'] / 1e9 / row['median_s']:.3f}"
        rows.append(
            (row["name"], rate, *ratios, f"{row['median_s']:.2f} s", _spread(row), row["peak_mb"], row["rows"] or "")
        )
    heads = ("program", "GB/s", *(f"× {base}" for base in bases), "median", "fastest to slowest", "peak MB", "rows")
    return _table(heads, rows)


def _scaling(rows: list[Record]) -> Iterator[str]:
    yield "## Time and memory against size"
    yield f"{_measured(rows)} Client logs as above, to Parquet; 10 GB was measured once."
    yield f"![Time and peak memory against the size of the log]({PLOT})"
    made = [
        (_size(row["size_bytes"]), row["name"], f"{row['median_s']:.2f} s", f"{row['size_bytes'] / 1e9 / row['median_s']:.3f}", row["peak_mb"])
        if "median_s" in row
        else (_size(row["size_bytes"]), row["name"], f"did not run: {row['failure']}", "", "")
        for row in rows
    ]  # fmt: skip
    yield _table(("size", "program", "median", "GB/s", "peak MB"), made)


def draw(rows: list[Record], path: Path) -> None:
    """Plot time and memory against size."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 10})
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    done = [row for row in rows if "median_s" in row]
    names = sorted({row["name"] for row in done}, key=lambda name: name != OUR_NAME)
    for panel, (column, label) in zip(panels, (("median_s", "seconds"), ("peak_mb", "peak memory, MB")), strict=True):
        for name, colour in zip(names, COLOURS, strict=False):
            of_name = [row for row in done if row["name"] == name]
            sizes = [row["size_bytes"] / 1e6 for row in of_name]
            panel.plot(sizes, [row[column] for row in of_name], "o-", color=colour, label=name.strip("`"))
        panel.set(xlabel="size of the log, MB", xscale="log", ylabel=label)
        panel.grid(visible=True, which="major", alpha=0.3)
    panels[0].set_yscale("log")
    panels[1].set_ylim(bottom=0)
    if names:
        panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def _measured(records: Iterable[Record]) -> str:
    when = sorted({(record["date"], record["machine"]) for record in records})
    return "Measured " + "; ".join(f"on {date} with {machine}" for date, machine in when) + "."


def _spread(row: Record) -> str:
    return f"{row['fastest_s']:.2f} to {row['slowest_s']:.2f} s"


def _size(size_bytes: int) -> str:
    for unit, value in (("GiB", 1 << 30), ("GB", 10**9), ("MB", 10**6)):
        if size_bytes >= value and (size_bytes % value == 0 or unit == "MB"):
            return f"{size_bytes / value:.3g} {unit}"
    return f"{size_bytes / 1e6:.2g} MB"
