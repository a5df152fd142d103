"""The command schema."""

import json

import click

from dfly_analysis.cli.options import command


@command("dfly-analysis schema diagnose", "dfly-analysis schema report > report.schema.json")
@click.argument("name", metavar="COMMAND")
def schema(name: str) -> None:
    """Show the JSON Schema of what a command prints as JSON.

    COMMAND is one with --format json, or report, for report.json. Keys may be added in a later release; what a schema has does not change within one schema_version.
    """
    from dfly_analysis.reporting.json_schema import COMMANDS, json_schema

    if name not in COMMANDS:
        raise click.UsageError(f"{name!r} has no JSON output; choose one of {', '.join(COMMANDS)}")
    click.echo(json.dumps(json_schema(name), indent=1))
