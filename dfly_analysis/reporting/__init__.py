"""The report a reader sees: views that show themselves, one HTML page, JSON for scripts.

The names in ``__init__.pyi`` are imported at their first use, because most commands print JSON and no page.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
