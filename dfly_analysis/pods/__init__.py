"""Reads what Kubernetes knows of Dragonfly's pods: ``kubectl get pods|events|nodes -o json`` and ``kubectl describe``."""

from dfly_analysis.pods.deaths import Death, deaths_by_host, read_ending
from dfly_analysis.pods.read import read_pods, recognises

__all__ = ["Death", "deaths_by_host", "read_ending", "read_pods", "recognises"]
