"""What a configuration is asked for: settings in force, size of a layer, bandwidth, layers in flight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dfly_analysis.configcheck.demand import Demand, demand_of
from dfly_analysis.knowledge.fact import fact_of
from dfly_analysis.settings import ROLES, Settings

USUAL_SIZE_BYTES = 20 * 1024**3
USUAL_LINK_BPS = 125e6  # 1 Gbit/s, the card of a small node
_LAYERS = "POST /oapi/v1/jobs args.concurrent_task_count"
_USUAL_LAYERS = 8


@dataclass(frozen=True)
class Question:
    """One check of a configuration.

    Attributes
    ----------
    settings : Settings
    size_bytes : int
        Of the layer asked for.
    bandwidth_bps : float or None
        From the source to one seed client, where it was named.
    layers : int or None
        Layers in flight, where it was named.
    size_asked : bool
        Whether the size was named, and not the usual one taken.
    """

    settings: Settings
    size_bytes: int = USUAL_SIZE_BYTES
    bandwidth_bps: float | None = None
    layers: int | None = None
    size_asked: bool = False

    @property
    def job_layers(self) -> int:
        """Return how many layers are fetched at a time: as asked, else as a job does where it names no number."""
        if self.layers is not None:
            return self.layers
        item, version = fact_of("manager", _LAYERS), self.settings.versions.get("manager")
        era = item.at(version) if item and version else None
        return int(era.default) if era and era.default else _USUAL_LAYERS

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Return the roles something is known of: all, or where only rendered files were given, those they are of."""
        if self.settings.rendered and not self.settings.user.entries and self.settings.chart is None:
            there = {file.role for file in self.settings.rendered}
            return tuple(role for role in ROLES if role in there)
        return ROLES

    def hosts(self, role: str) -> tuple[str | None, ...]:
        """Return the hosts of a role whose files were given; one None where there are none, or where they agree."""
        found = [file for file in self.settings.rendered if file.role == role]
        alike = len({repr(sorted(file.values.items(), key=str)) for file in found}) <= 1
        return (None,) if alike else tuple(dict.fromkeys(file.host for file in found))

    def demand(self, role: str, host: str | None = None) -> Demand:
        """Return what a role demands for the layer asked for."""
        return demand_of(self.settings, role, self.size_bytes, host)
