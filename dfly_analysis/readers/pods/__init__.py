"""Reads what Kubernetes knows of Dragonfly's pods: ``kubectl get pods|events|nodes -o json`` and ``kubectl describe``."""

from dfly_analysis.readers.pods.reader import read_pods, recognises
from dfly_analysis.readers.pods.terminations import Termination, read_termination, terminations_by_host

__all__ = ["Termination", "read_pods", "read_termination", "recognises", "terminations_by_host"]
