"""What is known of Dragonfly, by release: log formats and events, error signatures, defaults, metrics, known bugs, rules.

A fact is an entry in YAML below ``entries/``, validated by the model in the module of the same name.
"""

from importlib import import_module
from inspect import signature
from pkgutil import iter_modules


def load_catalog() -> None:
    """Call every cached function without parameters, so that all files are valid and cached; an installation does so."""
    for module in (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)):
        for one in list(vars(module).values()):
            if hasattr(one, "cache_info") and not signature(one).parameters:
                one()
