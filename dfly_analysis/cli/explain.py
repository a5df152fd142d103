"""The command explain."""

import sys
from typing import Any

import click

from dfly_analysis.cli.options import command, format_option, options
from dfly_analysis.cli.output import print_result, table
from dfly_analysis.options import SettingsOptions


@command(
    "dfly-analysis explain timeout_too_short",
    "dfly-analysis explain 5006",
    "dfly-analysis explain download.pieceTimeout",
    'dfly-analysis explain "error decoding response body"',
    "dfly-analysis explain",
)
@click.argument("what", nargs=-1)
@options(SettingsOptions)
@format_option
def explain(what: tuple[str, ...], output_format: str, **given: Any) -> None:
    """Explain a finding, cause, error code, setting or pasted line.

    WHAT may be several words, or - for text on standard input. Without WHAT, what can be explained by name is listed.
    """
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.reporting.explanation import explain as find
    from dfly_analysis.reporting.explanation import topics

    if not what:
        rows = [{"topic": topic, "id": name, "title": title} for topic, name, title in topics()]
        print_result({"topics": rows}, output_format, rows, lambda: [table("", rows)])
        return
    text = sys.stdin.read() if what == ("-",) else " ".join(what)
    found = find(text, settings=Settings.resolve(**given))
    shown = [{"": name, "what it means and what to do": value} for name, value in found.facts.items()]
    print_result({"kind": found.kind, **found.facts}, output_format, shown, lambda: [table("", shown)])
