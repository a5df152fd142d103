"""Loads everything the user names: each file recognised by content, read by its reader, joined into one dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.loading.cache import Cache
    from dfly_analysis.loading.in_memory import check_input, load, take_stock
    from dfly_analysis.loading.lacks import limits_of
    from dfly_analysis.loading.live import Prometheus
    from dfly_analysis.loading.staging import Reading

__all__ = ["Cache", "Prometheus", "Reading", "check_input", "limits_of", "load", "take_stock"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "cache": ["Cache"],
        "in_memory": ["check_input", "load", "take_stock"],
        "lacks": ["limits_of"],
        "live": ["Prometheus"],
        "staging": ["Reading"],
    },
)
