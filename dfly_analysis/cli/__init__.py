"""The command ``dfly-analysis``."""

from dfly_analysis.cli.main import main

__all__ = ["main"]
