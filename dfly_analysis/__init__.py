"""Why a large Dragonfly preheat failed, what to set, and what that will do.

The public names, listed in ``__init__.pyi``, load when they are first used, so that ``import dfly_analysis`` stays quick.
"""

from lazy_loader import attach_stub

__version__ = "1.0.0"
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
