"""Checks that look at frames rather than at one line's words. Each module here has ``check(dataset) -> Finding``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Finding


def run_checks(dataset: Dataset) -> Iterator[Finding]:
    """Yield the finding of every check, in the order of their names."""
    for module in sorted(iter_modules(__path__), key=lambda found: found.name):
        yield import_module(f"{__name__}.{module.name}").check(dataset)
