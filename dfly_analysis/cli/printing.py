"""Prints results: tables for people, JSON, YAML and CSV for programs."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import click

from dfly_analysis.report.json import SCHEMA_VERSION, plain_json

Row = Mapping[str, Any]
_GAP = "  "
_NARROWEST = 60  # a narrower terminal is printed to as if it were this wide
_LEAST_COLUMN = 12


def print_result(data: Any, output_format: str, tables: Mapping[str, Sequence[Row]], text: str | None = None) -> None:
    """Print a result.

    Parameters
    ----------
    data : object
        What ``json`` and ``yaml`` print; JSON's own types only.
    output_format : str
        ``table``, ``json``, ``yaml`` or ``csv``.
    tables : mapping of str to sequence of mappings
        What ``table`` prints under headings, and ``csv`` prints: the first one.
    text : str, optional
        What ``table`` prints in place of the tables.
    """
    if output_format == "json":
        click.echo(json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False))
    elif output_format == "yaml":
        import yaml

        click.echo(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120), nl=False)
    elif output_format == "csv":
        click.echo(as_csv(next(iter(tables.values()))), nl=False)
    elif text is not None:
        click.echo(text)
    else:
        click.echo("\n\n".join(as_table(title, rows) for title, rows in tables.items() if rows))


def enveloped(**content: Any) -> dict[str, Any]:
    """Return a result as JSON shows it: the version of its shape first, the rest in JSON's own types."""
    return {"schema_version": SCHEMA_VERSION, **plain_json(content)}


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header; nothing for no rows."""
    import csv

    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def as_table(title: str, rows: Sequence[Row], width: int | None = None) -> str:
    """Return rows as an aligned table under a title.

    Parameters
    ----------
    title : str
        Printed above; nothing is where it is empty.
    rows : sequence of mappings
        The first row names the columns.
    width : int, optional
        Characters a line may have, the terminal's where not given. Cells wrap between words; a word, above all a path,
        is never torn, so that it can be copied.
    """
    names = list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    columns = list(zip(names, *cells, strict=True))
    widths = _widths(columns, terminal_width() if width is None else width)
    lines = [_line(names, widths), _line(["-" * size for size in widths], widths)]
    for row in cells:
        wrapped = [wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        lines += [
            _line([part[depth] if depth < len(part) else "" for part in wrapped], widths)
            for depth in range(max(map(len, wrapped)))
        ]
    return "\n".join([title, *lines] if title else lines)


def terminal_width() -> int:
    """Return how many characters a line may have: COLUMNS, else the terminal's width, else 120."""
    return max(_NARROWEST, shutil.get_terminal_size((120, 24)).columns)


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken between words only; one empty line for an empty text."""
    import textwrap

    return textwrap.wrap(text, max(1, width), break_on_hyphens=False, break_long_words=False) or [""]


def _widths(columns: Sequence[Sequence[str]], most: int) -> list[int]:
    """Narrow the widest column that still can be, until the line fits or only whole words are left."""
    widths = [max(map(len, column)) for column in columns]
    least = [max(_LEAST_COLUMN, *(len(word) for cell in column for word in cell.split() or [""])) for column in columns]
    room = most - len(_GAP) * (len(columns) - 1)
    while sum(widths) > room:
        wide = [place for place, size in enumerate(widths) if size > least[place]]
        if not wide:
            break
        widths[max(wide, key=lambda place: widths[place])] -= 1
    return widths


def _line(parts: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(part.ljust(size) for part, size in zip(parts, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split())
