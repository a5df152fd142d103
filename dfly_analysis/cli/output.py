"""Prints results: tables and text for people, JSON, YAML and CSV for programs; messages and progress go to stderr."""

from __future__ import annotations

import io
import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click

from dfly_analysis.errors import SourceError
from dfly_analysis.findings import Finding, collapse_whitespace
from dfly_analysis.reporting.json import versioned

if TYPE_CHECKING:
    from rich.live import Live


Row = Mapping[str, Any]
FORMATS = ("table", "json", "yaml", "csv")
_NARROWEST = 60  # a narrower terminal gets lines of this width
_UNLIMITED = 100_000  # width where stdout is not a terminal: nothing is wrapped, so that grep and less see whole lines
_RULE = "    \n    \n -  \n    \n    \n    \n    \n    \n"  # a line below the header alone, in ASCII
_SEVERITY_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_SHORT = 16  # cells of a column that are no longer stay on one line
_PROGRESS_LENGTH = 100


def print_result(
    data: Mapping[str, Any], output_format: str, rows: Sequence[Row], view: Callable[[], Iterable[str]]
) -> None:
    """Print a result: `data` with the version of its shape as JSON or YAML, `rows` as CSV, or the blocks of `view` as tables and text."""
    if output_format == "json":
        click.echo(json.dumps(versioned(data), ensure_ascii=False, indent=1, allow_nan=False))
    elif output_format == "yaml":
        import yaml

        plain = json.loads(json.dumps(versioned(data)))  # messages become plain text
        click.echo(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=120), nl=False)
    elif output_format == "csv":
        from dfly_analysis.reporting.csv_text import csv_text

        click.echo(csv_text(rows), nl=False)
    else:
        click.echo("\n\n".join(filter(None, view())))


def wrap(text: str, label: str = "") -> str:
    """Return a text with its lines wrapped at the terminal's width; further lines start below the beginning of the text.

    Lines wrap between words only, so that a path can be copied; they do not wrap if stdout is not a terminal.
    """
    head = f"{label} " if label else ""
    wrapper = textwrap.TextWrapper(_line_width(), head, " " * len(head), break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(collapse_whitespace(line)) for line in text.splitlines())


def one_line(text: str, indent: int = 4, longest: int = 160) -> str:
    """Return a text on one indented line, cut at the terminal's width."""
    return " " * indent + " ".join(collapse_whitespace(text).split())[: min(longest, _line_width() - indent)]


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Return labels, aligned, with their texts."""
    width = max(len(label) for label, _ in pairs)
    return "\n".join(wrap(text, label.ljust(width)) for label, text in pairs)


def bullets(texts: Iterable[str], title: str = "") -> str:
    """Return a list with a dash before each text, under a title where one is given; nothing without texts."""
    listed = [wrap(text, "  -") for text in texts]
    return "\n".join([title, *listed] if title and listed else listed)


def table(title: str, rows: Sequence[Row]) -> str:
    """Return rows as a table under a title, which may be empty; the first row names the columns; nothing without rows."""
    if not rows:
        return ""
    names = list(rows[0])
    columns = [[_cell(row.get(name)) for row in rows] for name in names]
    # nothing wraps and nothing has a colour in a pipe, and rich takes a millisecond a row
    shown = _aligned(names, columns) if _line_width() == _UNLIMITED else _wrapped(names, columns)
    return f"{wrap(title)}\n{shown}" if title else shown


def _line_width() -> int:
    """Return how many characters a line may have: COLUMNS, else the terminal's width, else no limit."""
    return max(_NARROWEST, shutil.get_terminal_size((_UNLIMITED, 24)).columns)


def _aligned(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    from rich.cells import cell_len, set_cell_size

    widths = [max(map(cell_len, (name, *cells))) for name, cells in zip(names, columns, strict=True)]
    rule = ["-" * (width + 1) for width in widths[:-1]] + ["-" * widths[-1]]
    head, *lines = [
        "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (names, *zip(*columns, strict=True))
    ]
    return "\n".join([head, " ".join(rule), *lines])


def _wrapped(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=Box(_RULE), show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name, cells in zip(names, columns, strict=True):
        # words stay whole: a column wraps only where a cell has several
        whole = max(map(len, (name, *cells)))
        longest = max(len(word) for cell in (name, *cells) for word in cell.split() or [""])
        least = whole if whole <= _SHORT else longest
        shown.add_column(name, min_width=least, no_wrap=least == whole)
    for row in zip(*columns, strict=True):
        shown.add_row(*(Text(cell, style=_SEVERITY_STYLES.get(cell, "")) for cell in row))
    out = io.StringIO()
    console = Console(file=out, width=_UNLIMITED, force_terminal=sys.stdout.isatty(), legacy_windows=False)
    console.width = max(_line_width(), console.measure(shown).minimum)  # narrower, rich would drop whole columns
    console.print(shown, crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else " ".join(collapse_whitespace(str(value)).split())


def message(text: str) -> None:
    """Print one line on stderr, without what would control a terminal."""
    click.echo(f"dfly-analysis: {collapse_whitespace(text)}", err=True)


@contextmanager
def reporting() -> Iterator[tuple[Callable[[SourceError], None], Progress]]:
    """Show progress on a terminal, and at the end print what could not be read, one line each."""
    errors: list[str] = []
    with Progress() as progress:
        yield lambda error: errors.append(str(error)), progress
    for error in errors:
        message(error)


class Progress:
    """One line on stderr that says what is being done; nothing where stderr is not a terminal."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            # Refreshed here alone, without a thread: the readers may fork.
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __call__(self, text: str) -> None:
        """Show what is being done."""
        if self._live is not None:
            from rich.text import Text

            line = text if len(text) <= _PROGRESS_LENGTH else f"…{text[1 - _PROGRESS_LENGTH :]}"
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()


def junit(command: str, found: Collection[Finding]) -> str:
    """Return the findings of a command as JUnit XML, which pipelines show: one that is present is a failure, one that is not known is skipped."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    count = Counter(one.verdict for one in found)
    suite = Element("testsuite", name=f"dfly-analysis {command}", tests=str(count.total()), failures=str(count["present"]), skipped=str(count["unknown"]))  # fmt: skip
    for one in found:
        case = SubElement(
            suite, "testcase", classname=f"dfly-analysis.{command}", name=_in_xml(f"{one.id}: {one.title}")
        )
        if one.verdict == "present":
            failure = SubElement(case, "failure", type=one.severity, message=_in_xml(one.reason))
            failure.text = _in_xml("\n".join(f"{line.path}:{line.line}: {line.text}" for line in one.evidence))
        elif one.verdict == "unknown":
            SubElement(case, "skipped", message=_in_xml(one.reason))
    indent(suite)
    return tostring(suite, encoding="unicode", xml_declaration=True)


def _in_xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one if one in "\t\n" or one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
