"""What was really set: binary default, chart, the user's values and the files rendered on each host, layer over layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.late import late

if TYPE_CHECKING:
    from dfly_analysis.settings.rendered import RenderedFile, read_rendered
    from dfly_analysis.settings.resolve import Settings
    from dfly_analysis.settings.setting import KEYS_THAT_MATTER, LAYERS, PIECE_LENGTH, ROLES, Setting
    from dfly_analysis.settings.traps import KeyTrap, find_key_traps
    from dfly_analysis.settings.values import UserValues, read_values, read_values_text

_HOMES = {
    "KEYS_THAT_MATTER": "setting", "LAYERS": "setting", "PIECE_LENGTH": "setting", "ROLES": "setting", "KeyTrap": "traps",
    "RenderedFile": "rendered", "Setting": "setting", "Settings": "resolve", "UserValues": "values", "find_key_traps": "traps",
    "read_rendered": "rendered", "read_values": "values", "read_values_text": "values",
}  # fmt: skip
__all__ = [
    "KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "KeyTrap", "RenderedFile", "Setting", "Settings", "UserValues", "find_key_traps",
    "read_rendered", "read_values", "read_values_text",
]  # fmt: skip
__getattr__ = late(__name__, _HOMES)
