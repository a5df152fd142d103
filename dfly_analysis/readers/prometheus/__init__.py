"""Reads Prometheus metrics of Dragonfly: saved text dumps, and a live Prometheus server."""

from dfly_analysis.readers.prometheus.families import MetricsPart
from dfly_analysis.readers.prometheus.live_query import query_prometheus
from dfly_analysis.readers.prometheus.text_dump import newest_dumps, read_metrics, recognises

__all__ = ["MetricsPart", "newest_dumps", "query_prometheus", "read_metrics", "recognises"]
