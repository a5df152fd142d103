"""The dataset: one engine holds what was read, and hands out DataFrames. The public names are listed in ``__init__.pyi``."""

from lazy_loader import attach_stub

__getattr__, _, __all__ = attach_stub(__name__, __file__)
