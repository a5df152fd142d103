"""Collects what an analysis needs from a cluster, through the user's own kubectl, redacted, without changing anything."""

from dfly_analysis.collect.collector import Collection, collect
from dfly_analysis.collect.commands import Cluster, collection_script

__all__ = ["Cluster", "Collection", "collect", "collection_script"]
