"""Lets ``python -m dfly_analysis`` do what the command does."""

from dfly_analysis.cli import run

run()
