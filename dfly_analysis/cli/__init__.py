"""The command ``dfly-analysis``."""

import os

from dfly_analysis.cli.main import main
from dfly_analysis.cli.shutdown import run_and_exit

__all__ = ["main", "run"]


def run() -> None:
    """Run the console script: the command as all that this process does."""
    # The matrices here are small: a thread for each processor costs more to start than it ever saves.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    run_and_exit(main)
