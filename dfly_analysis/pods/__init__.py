"""Reads what Kubernetes knows of Dragonfly's pods: ``kubectl get pods|events|nodes -o json`` and ``kubectl describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

from dfly_analysis.pods.recognise import recognises

if TYPE_CHECKING:
    from dfly_analysis.pods.deaths import Death, deaths_by_host, read_ending
    from dfly_analysis.pods.read import read_pods

__all__ = ["Death", "deaths_by_host", "read_ending", "read_pods", "recognises"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={"deaths": ["Death", "deaths_by_host", "read_ending"], "read": ["read_pods"]},
)
