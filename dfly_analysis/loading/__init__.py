"""Loads everything the user names: each file recognised by content, read by its reader, joined into one dataset."""

from dfly_analysis.loading.cache import Cache
from dfly_analysis.loading.lacks import limits_of, what_lacks
from dfly_analysis.loading.load import check_input, load, take_stock

__all__ = ["Cache", "check_input", "limits_of", "load", "take_stock", "what_lacks"]
