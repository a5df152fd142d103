"""The command sample."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--case",
    default="slow-source",
    show_default=True,
    metavar="NAME",
    help="Problem to simulate; an unknown name lists all.",
)
@click.option(
    "--client",
    default="v0.1.118",
    show_default=True,
    metavar="VERSION",
    help="Client release: v0.1.118, v1.0.26 or v1.5.1.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="Random seed; equal seeds give equal runs."
)
def sample(directory: Path, case: str, client: str, seed: int) -> None:
    """Write a synthetic run with a known root cause.

    DIRECTORY/run contains what an operator would have, DIRECTORY/truth.json what happened.
    """
    from dfly_analysis.synth import write_sample

    write_sample(directory, case, client, seed)
    click.echo(str(directory / "run"))
    click.echo(str(directory / "truth.json"))
