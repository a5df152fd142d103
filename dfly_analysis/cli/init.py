"""The command init."""

import shutil
from pathlib import Path

import click

from dfly_analysis.cli.options import command
from dfly_analysis.cli.output import message


@command("dfly-analysis init", "dfly-analysis init my-notebooks/")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("notebooks"))
def init(directory: Path) -> None:
    """Copy the notebooks to a directory; existing files are kept."""
    from dfly_analysis.reporting.notebook_renderer import notebook_names, notebook_path

    directory.mkdir(parents=True, exist_ok=True)
    for name in notebook_names():
        target = directory / f"{name}.ipynb"
        if target.exists():
            message(f"{target} exists and was kept")
        else:
            shutil.copyfile(notebook_path(name), target)
        click.echo(str(target))
