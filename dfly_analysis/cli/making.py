"""Commands that make files: sample runs, notebooks to explore, JupyterLab."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import click

from dfly_analysis.errors import DflyError


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--case", default="slow-source", show_default=True, help="What to plant; a wrong name lists the known ones."
)
@click.option("--client", default="v0.1.118", show_default=True, help="Client era: v0.1.118, v1.0.26 or v1.5.1.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed writes the same run.")
def sample(directory: Path, case: str, client: str, seed: int) -> None:
    """Write a made-up run whose truth is known.

    DIRECTORY/run is what an operator would hold, DIRECTORY/truth.json what happened.
    """
    from dfly_analysis.synth import write_sample

    write_sample(directory, case, client, seed)
    click.echo(str(directory / "run"))
    click.echo(str(directory / "truth.json"))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("notebooks"))
def init(directory: Path) -> None:
    """Copy the notebooks to a folder; what is there is kept."""
    from dfly_analysis.report.notebook_renderer import notebook_names, notebook_path

    directory.mkdir(parents=True, exist_ok=True)
    for name in notebook_names():
        target = directory / f"{name}.ipynb"
        if target.exists():
            click.echo(f"dfly-analysis: {target} is there already and was kept", err=True)
        else:
            shutil.copyfile(notebook_path(name), target)
        click.echo(str(target))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("notebooks"))
@click.pass_context
def lab(ctx: click.Context, directory: Path) -> None:
    """Copy the notebooks to a folder and open them in JupyterLab."""
    if find_spec("jupyterlab") is None:
        raise DflyError("JupyterLab is not installed", hint="pip install 'dfly-analysis[lab]'")
    ctx.invoke(init, directory=directory)
    import sys

    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(directory)])  # noqa: S606 - the user asked for it
