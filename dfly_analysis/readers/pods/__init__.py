"""Reads what Kubernetes knows of Dragonfly's pods: ``kubectl get pods|events|nodes -o json`` and ``kubectl describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

from dfly_analysis.readers.pods.detect import recognises

if TYPE_CHECKING:
    from dfly_analysis.readers.pods.reader import read_pods
    from dfly_analysis.readers.pods.terminations import Termination, read_termination, terminations_by_host

__all__ = ["Termination", "read_pods", "read_termination", "recognises", "terminations_by_host"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={"terminations": ["Termination", "terminations_by_host", "read_termination"], "reader": ["read_pods"]},
)
