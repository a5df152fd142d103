"""Tables of the page of figures."""

from __future__ import annotations

from collections.abc import Iterable


def table(heads: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Write a table as Markdown."""
    lines = (" | ".join(str(cell) for cell in cells) for cells in (heads, ["---"] * len(heads), *rows))
    return "\n".join(f"| {line} |" for line in lines)
