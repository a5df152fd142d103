"""Configuration: the settings in force by layer, what is wrong with them, what they demand, and Helm values to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.late import late

if TYPE_CHECKING:
    from dfly_analysis.config.bandwidth_demand import BandwidthDemand, demand_of, demanded_bps
    from dfly_analysis.config.check import ConfigCheck, check_config, check_settings
    from dfly_analysis.config.feasibility import Bound, Feasibility, assess
    from dfly_analysis.config.helm_values import UserValues, read_values, read_values_text
    from dfly_analysis.config.helm_values_overlay import Overlay
    from dfly_analysis.config.ignored_keys import IgnoredKey, find_ignored_keys
    from dfly_analysis.config.query import Query
    from dfly_analysis.config.rendered_manifests import RenderedFile, read_rendered
    from dfly_analysis.config.resolve import Settings
    from dfly_analysis.config.setting import KEYS_THAT_MATTER, LAYERS, PIECE_LENGTH, ROLES, Setting

_HOMES = {
    "Bound": "feasibility", "ConfigCheck": "check", "BandwidthDemand": "bandwidth_demand", "Feasibility": "feasibility", "KEYS_THAT_MATTER": "setting",
    "IgnoredKey": "ignored_keys", "LAYERS": "setting", "Overlay": "helm_values_overlay", "PIECE_LENGTH": "setting", "Query": "query",
    "ROLES": "setting", "RenderedFile": "rendered_manifests", "Setting": "setting", "Settings": "resolve", "UserValues": "helm_values",
    "assess": "feasibility", "check_config": "check", "check_settings": "check", "demand_of": "bandwidth_demand",
    "demanded_bps": "bandwidth_demand", "find_ignored_keys": "ignored_keys", "read_rendered": "rendered_manifests", "read_values": "helm_values",
    "read_values_text": "helm_values",
}  # fmt: skip
__all__ = [
    "KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "BandwidthDemand", "Bound", "ConfigCheck", "Feasibility", "IgnoredKey", "Overlay", "Query",
    "RenderedFile", "Setting", "Settings", "UserValues", "assess", "check_config", "check_settings", "demand_of", "demanded_bps",
    "find_ignored_keys", "read_rendered", "read_values", "read_values_text",
]  # fmt: skip
__getattr__ = late(__name__, _HOMES)
