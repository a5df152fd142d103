"""Loads everything the user names: each file recognised by content, read by its reader, joined into one dataset."""

from dfly_analysis.loading.cache import Cache
from dfly_analysis.loading.in_memory import check_input, load, take_stock
from dfly_analysis.loading.lacks import limits_of
from dfly_analysis.loading.live import Prometheus
from dfly_analysis.loading.staging import Reading

__all__ = ["Cache", "Prometheus", "Reading", "check_input", "limits_of", "load", "take_stock"]
