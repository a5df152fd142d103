"""Reads tables of dfbench: time against size, survivors only."""

from __future__ import annotations

import re
from typing import Any

_ROW = re.compile(
    r"^[|│]\s*(?P<label>(?P<level>Nano|Micro|Small|Medium|Large|XLarge|XXLarge)\([^)]*\))\s*[|│](?P<cells>.*)[|│]\s*$"
)
_HEADER = re.compile(r"FILE SIZE LEVEL", re.IGNORECASE)
# The file server behind dfbench holds files of these sizes, whatever the label says.
_REAL_BYTES = {
    "Nano": 1, "Micro": 10_240, "Small": 1 << 20, "Medium": 10 << 20, "Large": 1 << 30, "XLarge": 10 << 30, "XXLarge": 30 << 30,
}  # fmt: skip
_COST = re.compile(r"^\s*([\d.]+)\s*ms\s*$")


def recognises(head: str) -> bool:
    """Return whether a text begins like a table of dfbench."""
    return _HEADER.search(head) is not None and re.search(r"min cost", head, re.IGNORECASE) is not None


def read_bench(text: str, path: str) -> list[dict[str, Any]]:
    """Read dfbench's tables, ASCII or box-drawn, of all its versions.

    Parameters
    ----------
    text, path : str

    Returns
    -------
    list of dict
        Rows of `dfly_analysis.tables.RUNS`, kind ``aggregate``. The table hides failed repeats, so `failures` stays
        missing. Costs are dfbench's milliseconds turned to seconds.
    """
    rows, table = [], 0
    for number, line in enumerate(text.split("\n"), start=1):
        table += bool(_HEADER.search(line))
        match = _ROW.match(line.strip())
        if not match:
            continue
        cells = [cell.strip() for cell in re.split(r"[|│]", match["cells"])]
        costs = [float(found[1]) / 1000 for cell in cells[1:4] if (found := _COST.match(cell))]
        if cells and cells[0].isdigit() and len(costs) == 3:
            rows.append({
                "tool": "dfbench", "label": match["label"], "size_bytes": _REAL_BYTES[match["level"]], "n": int(cells[0]),
                "min_s": costs[0], "max_s": costs[1], "mean_s": costs[2], "kind": "aggregate", "log_path": path, "log_line": number,
                "settings": f"table {table}" if table > 1 else None,
            })  # fmt: skip
    return rows
