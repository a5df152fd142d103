"""Reads Prometheus metrics of Dragonfly: saved text dumps, and a live Prometheus server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.readers.prometheus.families import MetricsPart
    from dfly_analysis.readers.prometheus.live_query import query_prometheus
    from dfly_analysis.readers.prometheus.text_dump import newest_dumps, read_metrics, recognises

__all__ = ["MetricsPart", "newest_dumps", "query_prometheus", "read_metrics", "recognises"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "text_dump": ["newest_dumps", "read_metrics", "recognises"],
        "families": ["MetricsPart"],
        "live_query": ["query_prometheus"],
    },
)
