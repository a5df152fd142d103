"""The duration laws, one file each; a law is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dfly_analysis.models.distribution import Distribution


@cache
def all_distributions() -> dict[str, Distribution]:
    """Return every law by name, sorted by name.

    Returns
    -------
    dict of str to Law
        A module of this folder is a law where it holds a ``DISTRIBUTION``.
    """
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    distributions = {module.DISTRIBUTION.name: module.DISTRIBUTION for module in modules}
    return dict(sorted(distributions.items()))


def distribution_named(name: str) -> Distribution:
    """Return the law of a name."""
    return all_distributions()[name]
