"""What was really set: binary default, chart, the user's values and the files rendered on each host, layer over layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from dfly_analysis.settings.rendered import RenderedFile, read_rendered
    from dfly_analysis.settings.resolve import Settings
    from dfly_analysis.settings.setting import KEYS_THAT_MATTER, LAYERS, PIECE_LENGTH, ROLES, Setting
    from dfly_analysis.settings.traps import KeyTrap, find_key_traps
    from dfly_analysis.settings.values import UserValues, read_values, read_values_text

__all__ = [
    "KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "KeyTrap", "RenderedFile", "Setting", "Settings", "UserValues", "find_key_traps",
    "read_rendered", "read_values", "read_values_text",
]  # fmt: skip
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "rendered": ["RenderedFile", "read_rendered"],
        "resolve": ["Settings"],
        "setting": ["KEYS_THAT_MATTER", "LAYERS", "PIECE_LENGTH", "ROLES", "Setting"],
        "traps": ["KeyTrap", "find_key_traps"],
        "values": ["UserValues", "read_values", "read_values_text"],
    },
)
