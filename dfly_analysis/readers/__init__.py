"""Readers of each kind of input: logs, job JSON, pods, Prometheus metrics, benchmark results."""
