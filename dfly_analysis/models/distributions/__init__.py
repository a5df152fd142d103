"""The duration distributions; one is found by its class being there."""

import importlib
import pkgutil
from functools import cache

from dfly_analysis.models.distribution import Distribution


@cache
def all_distributions() -> dict[str, Distribution]:
    """Return one of each class with a name in the modules of this folder, by name, sorted by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type) and issubclass(one, Distribution)}  # fmt: skip
    return {one.name: one() for one in sorted(classes, key=lambda one: one.name) if one.name}
