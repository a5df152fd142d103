"""Prints results: tables for people, JSON, YAML and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click

_MOST_COLUMN = 60


def print_result(data: Any, output_format: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print a result.

    Parameters
    ----------
    data : object
        What ``json`` and ``yaml`` print; JSON's own types only.
    output_format : str
        ``table``, ``json``, ``yaml`` or ``csv``.
    tables : mapping of str to sequence of mappings
        What ``table`` prints under headings, and ``csv`` prints: the first one.
    """
    if output_format == "json":
        click.echo(json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False))
    elif output_format == "yaml":
        import yaml

        click.echo(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120), nl=False)
    elif output_format == "csv":
        click.echo(as_csv(next(iter(tables.values()))), nl=False)
    else:
        click.echo("\n\n".join(as_table(title, rows) for title, rows in tables.items() if rows))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header; nothing for no rows."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def as_table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as an aligned table under a title; long cells of the last column wrap."""
    names = list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [min(_MOST_COLUMN, max(len(name), *(len(row[at]) for row in cells))) for at, name in enumerate(names)]
    total = shutil.get_terminal_size((120, 24)).columns
    widths[-1] = max(
        20,
        len(names[-1]),
        min(widths[-1] if widths[-1] < _MOST_COLUMN else 10_000, total - sum(widths[:-1]) - 2 * (len(names) - 1)),
    )
    lines = [
        title,
        "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip(),
        "  ".join("-" * width for width in widths),
    ]
    for row in cells:
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for depth in range(max(map(len, wrapped))):
            parts = [
                (column[depth] if depth < len(column) else "").ljust(width)
                for column, width in zip(wrapped, widths, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split())
