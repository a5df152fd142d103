"""Checks that compare tables rather than matching the text of one line. Each module here has ``ABOUT`` and ``check(dataset)``."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.findings import Finding

__all__ = ["Check", "all_checks", "run_checks"]


def run_checks(dataset: Dataset) -> Iterator[Finding]:
    """Yield the finding of every check, sorted by id."""
    return (module.check(dataset) for module in _modules())


def all_checks() -> tuple[Check, ...]:
    """Return the description of every check, sorted by id."""
    return tuple(module.ABOUT for module in _modules())


def _modules() -> list[ModuleType]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return sorted(modules, key=lambda module: str(module.ABOUT.id))
