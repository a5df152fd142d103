"""The figures of a report, listed in ``__init__.pyi``. Only this package uses matplotlib, which loads when one is drawn."""

from typing import Any

from lazy_loader import attach_stub

from dfly_analysis.errors import require_extra

_figure, __dir__, __all__ = attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Import a figure, by the library that the extra ``report`` installs."""
    if name in __all__:
        require_extra("report")
    return _figure(name)
