"""The duration distributions, one file each; a distribution is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dfly_analysis.models.distribution import Distribution


@cache
def all_distributions() -> dict[str, Distribution]:
    """Return the ``DISTRIBUTION`` of each module of this folder that has one, by name, sorted by name."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found = [module.DISTRIBUTION for module in modules if hasattr(module, "DISTRIBUTION")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
