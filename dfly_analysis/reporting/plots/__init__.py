"""The figures of a report, listed in ``__init__.pyi``. Only this package uses matplotlib, which loads when one is drawn."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
