"""Configuration: the settings in force by layer, what is wrong with them, what they demand, and Helm values to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.config.bandwidth_demand import BandwidthDemand, demand_of, demanded_bps
    from dfly_analysis.config.check import ConfigCheck, check_config, check_settings
    from dfly_analysis.config.feasibility import Bound, Feasibility, assess
    from dfly_analysis.config.helm_values import UserValues, read_values, read_values_text
    from dfly_analysis.config.helm_values_overlay import Overlay
    from dfly_analysis.config.ignored_keys import IgnoredKey, find_ignored_keys, ignored_paths
    from dfly_analysis.config.query import Query
    from dfly_analysis.config.rendered_manifests import RenderedFile, read_rendered
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.config.setting import KEYS_THAT_MATTER, LAYERS, PIECE_LENGTH, Setting
    from dfly_analysis.schema import ROLES

__all__ = [
    "KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "BandwidthDemand", "Bound", "ConfigCheck", "Feasibility", "IgnoredKey", "Overlay", "Query",
    "RenderedFile", "Setting", "Settings", "UserValues", "assess", "check_config", "check_settings", "demand_of", "demanded_bps",
    "find_ignored_keys", "ignored_paths", "read_rendered", "read_values", "read_values_text",
]  # fmt: skip
__getattr__, _, _ = attach(
    __name__,
    submod_attrs={
        "bandwidth_demand": ["BandwidthDemand", "demand_of", "demanded_bps"],
        "check": ["ConfigCheck", "check_config", "check_settings"],
        "feasibility": ["Bound", "Feasibility", "assess"],
        "helm_values": ["UserValues", "read_values", "read_values_text"],
        "helm_values_overlay": ["Overlay"],
        "ignored_keys": ["IgnoredKey", "find_ignored_keys", "ignored_paths"],
        "query": ["Query"],
        "rendered_manifests": ["RenderedFile", "read_rendered"],
        "resolve": ["Settings"],
        "setting": ["KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "Setting"],
    },
)
