"""Loads everything the user names: each file recognised by content, read by its reader, joined into one dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.late import late

if TYPE_CHECKING:
    from dfly_analysis.loading.cache import Cache
    from dfly_analysis.loading.in_memory import check_input, load, take_stock
    from dfly_analysis.loading.lacks import limits_of
    from dfly_analysis.loading.live import Prometheus
    from dfly_analysis.loading.staging import Reading

_HOMES = {
    "Cache": "cache", "Prometheus": "live", "Reading": "staging", "check_input": "in_memory", "limits_of": "lacks", "load": "in_memory",
    "take_stock": "in_memory",
}  # fmt: skip
__all__ = ["Cache", "Prometheus", "Reading", "check_input", "limits_of", "load", "take_stock"]
__getattr__ = late(__name__, _HOMES)
