"""The dataset: one engine holds what was read, and hands out DataFrames."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
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
