"""Checks that look at frames rather than at one line's words. Each module here has ``ABOUT`` and ``check(dataset)``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.findings import Finding

__all__ = ["Check", "all_checks", "run_checks"]


def run_checks(dataset: Dataset) -> Iterator[Finding]:
    """Yield the finding of every check, in the order of their names."""
    for module in _modules():
        yield module.check(dataset)


def all_checks() -> tuple[Check, ...]:
    """Return what is known of every check, in the order of their names."""
    return tuple(module.ABOUT for module in _modules())


def _modules() -> Iterator[ModuleType]:
    for module in sorted(iter_modules(__path__), key=lambda found: found.name):
        yield import_module(f"{__name__}.{module.name}")
