"""The dataset: one engine holds what was read, and hands out DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.dataset.cache import Cache
    from dfly_analysis.dataset.completeness import effective_timeouts
    from dfly_analysis.dataset.dataset import Dataset
    from dfly_analysis.dataset.file_reader import ReadOptions
    from dfly_analysis.dataset.loader import check_input, inspect_inputs, load
    from dfly_analysis.dataset.prometheus_window import Prometheus

__all__ = [
    "Cache",
    "Dataset",
    "Prometheus",
    "ReadOptions",
    "check_input",
    "effective_timeouts",
    "inspect_inputs",
    "load",
]

__getattr__, _, _ = attach(
    __name__,
    submod_attrs={
        "cache": ["Cache"],
        "completeness": ["effective_timeouts"],
        "dataset": ["Dataset"],
        "file_reader": ["ReadOptions"],
        "loader": ["check_input", "inspect_inputs", "load"],
        "prometheus_window": ["Prometheus"],
    },
)
