"""Reads what benchmarks print: dfbench of all versions, vegeta, and this package's own CSV. One file a tool in `tools`."""

from typing import Any

from dfly_analysis.readers.benchmarks.parsing import OnProblem, ParseErrors
from dfly_analysis.readers.benchmarks.tools import csv_rows, dfbench, vegeta

__all__ = ["read_bench", "recognises"]

_TOOLS = (csv_rows, dfbench, vegeta)
_HEAD_CHARACTERS = 65536
_MAX_COUNT = 2**63


def recognises(head: str) -> bool:
    """Return whether a text begins like the output of a benchmark that is known here."""
    return any(tool.recognises(head) for tool in _TOOLS)


def read_bench(text: str, address: str, *, on_problem: OnProblem | None = None) -> list[dict[str, Any]]:
    """Return rows of `dfly_analysis.schema.RUNS`, in the order of their lines, from what tools printed, with any prose; ``on_problem`` gets a `SourceError` for each line that looks like a figure and is none (at most 21)."""
    rejected = ParseErrors(address, on_problem)
    head = text[:_HEAD_CHARACTERS]
    rows = []
    for row in (row for tool in _TOOLS if tool.recognises(head) for row in tool.read(text, rejected)):
        if any(isinstance(value, int) and abs(value) >= _MAX_COUNT for value in row.values()):
            rejected(row["log_line"], "holds a number larger than any table does", "look at its sizes and counts")
        else:
            rows.append({**row, "log_path": address})
    rejected.finish()
    return sorted(rows, key=lambda row: int(row["log_line"]))
