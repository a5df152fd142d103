"""The command lab."""

import os
import sys
from pathlib import Path

import click

from dfly_analysis.cli.init import init
from dfly_analysis.cli.options import command
from dfly_analysis.errors import require_extra


@command("dfly-analysis lab", "dfly-analysis lab my-notebooks/")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("notebooks"))
@click.pass_context
def lab(ctx: click.Context, directory: Path) -> None:
    """Copy the notebooks to a directory and open them in JupyterLab."""
    require_extra("lab")
    ctx.invoke(init, directory=directory)
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *as_root, str(directory)])  # noqa: S606 - the user asked for it
