"""Reads Prometheus metrics of Dragonfly: saved text dumps, and a live Prometheus server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.metrics.dump import newest_dumps, read_metrics, recognises
    from dfly_analysis.metrics.families import MetricsPart
    from dfly_analysis.metrics.live import query_prometheus

__all__ = ["MetricsPart", "newest_dumps", "query_prometheus", "read_metrics", "recognises"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "dump": ["newest_dumps", "read_metrics", "recognises"],
        "families": ["MetricsPart"],
        "live": ["query_prometheus"],
    },
)
