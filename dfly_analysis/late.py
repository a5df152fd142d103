"""Lets a package hand over names without loading the modules that hold them before one is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return what a package calls its ``__getattr__``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Module within the package that holds each name.

    Returns
    -------
    callable
        Loads the module of a name that is asked for the first time; raises an AttributeError for any other name.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
