"""The duration laws, one file each; a law is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dfly_analysis.models.distribution import Law


@cache
def all_laws() -> dict[str, Law]:
    """Return every law by name, sorted by name.

    Returns
    -------
    dict of str to Law
        A module of this folder is a law where it holds a ``LAW``.
    """
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    distributions = {module.LAW.name: module.LAW for module in modules}
    return dict(sorted(distributions.items()))


def law_named(name: str) -> Law:
    """Return the law of a name."""
    return all_laws()[name]
