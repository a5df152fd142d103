"""The duration laws, one file each; a law is found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from dfly_analysis.models.law import Law


@cache
def all_laws() -> dict[str, Law]:
    """Return every law by name, in the order of their files.

    Returns
    -------
    dict of str to Law
        A module of this folder is a law where it holds a ``LAW``.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    laws = [importlib.import_module(f"{__name__}.{name}").LAW for name in names]
    return {law.name: law for law in laws}


def law_named(name: str) -> Law:
    """Return the law of a name."""
    return all_laws()[name]
