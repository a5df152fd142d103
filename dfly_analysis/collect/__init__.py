"""Collects what an analysis needs from a cluster, through the user's own kubectl, redacted, without changing anything."""

from dfly_analysis.collect.collector import Collected, collect
from dfly_analysis.collect.commands import Cluster, Item, collecting_script

__all__ = ["Cluster", "Collected", "Item", "collect", "collecting_script"]
