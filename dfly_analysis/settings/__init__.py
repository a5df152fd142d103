"""What was really set: binary default, chart, the user's values and the files rendered on each host, layer over layer."""

from __future__ import annotations

from dfly_analysis.settings.rendered import RenderedFile, read_rendered
from dfly_analysis.settings.resolve import Settings
from dfly_analysis.settings.setting import KEYS_THAT_MATTER, LAYERS, PIECE_LENGTH, ROLES, Setting
from dfly_analysis.settings.values import UserValues, read_values

__all__ = [
    "KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "RenderedFile", "Setting", "Settings", "UserValues", "read_rendered",
    "read_values",
]  # fmt: skip
