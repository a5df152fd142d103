"""Reads Prometheus metrics of Dragonfly: saved text dumps, and a live Prometheus server."""

from dfly_analysis.metrics.dump import newest_dumps, read_metrics, recognises
from dfly_analysis.metrics.families import MetricsPart
from dfly_analysis.metrics.live import query_prometheus

__all__ = ["MetricsPart", "newest_dumps", "query_prometheus", "read_metrics", "recognises"]
