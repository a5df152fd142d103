"""The command ``dfly-analysis``."""

from dfly_analysis.cli.main import main
from dfly_analysis.leaving import run_to_the_end

__all__ = ["main", "run"]


def run() -> None:
    """Run the command as all that this process does."""
    run_to_the_end(main)
