"""What a configuration is asked for: settings in force, size of a layer, bandwidth, layers in flight."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config.bandwidth_demand import BandwidthDemand, demand_of
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import CLIENT_ROLES, GO_SECTIONS, LAST_GO_CHART
from dfly_analysis.schema import ROLES

USUAL_SIZE_BYTES = 20 * 1024**3
USUAL_LINK_BPS = 125e6  # 1 Gbit/s, the card of a small node
_LAYERS = "POST /oapi/v1/jobs args.concurrent_task_count"
_USUAL_LAYERS = 8
_IDENTITY = re.compile(r"^host\.|(?:^|\.)(?:ip|host|advertiseIP)$")  # what is each host's own


class HostGroup(NamedTuple):
    """Hosts of a role with the same configuration."""

    host: str | None
    """One of them; None if no files were given."""
    hosts: int
    """How many they are."""
    label: str
    """Shown behind the role; empty if they are all hosts."""


def _label(hosts: Sequence[str | None], groups: int) -> str:
    if groups == 1:
        return f" ({len(hosts)} hosts)" if len(hosts) > 1 else ""
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return f" on {hosts[0] or 'a host without name'}{more}"


@dataclass(frozen=True)
class Query:
    """One check of a configuration: for a layer of a size, a bandwidth from the source to one seed client, and layers in flight."""

    settings: Settings
    size_bytes: int = USUAL_SIZE_BYTES
    bandwidth_bps: float | None = None
    layers: int | None = None
    size_asked: bool = False
    """Whether the size was given, rather than the usual one taken."""

    @property
    def job_layers(self) -> int:
        """How many layers are fetched at a time: as asked, else as a job does by default."""
        if self.layers is not None:
            return self.layers
        item, version = defaults_of("manager", _LAYERS), self.settings.versions.get("manager")
        era = item.at(version) if item and version else None
        return int(era.default) if era and era.default else _USUAL_LAYERS

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles that run: those of the rendered files if nothing else was given, else all that are switched on."""
        if self.settings.rendered and not self.settings.user.entries and self.settings.chart is None:
            there = {file.role for file in self.settings.rendered}
            return tuple(role for role in ROLES if role in there)
        return tuple(role for role in ROLES if self._runs(role))

    def _runs(self, role: str) -> bool:
        entries, chart = self.settings.user.entries, self.settings.chart
        switch = entries.get(f"{role}.enable")
        if isinstance(switch, bool):
            return switch
        # Charts that have both daemons run the old one by default; who configures the old one alone runs that.
        both = chart is not None and parse_version(chart).release <= parse_version(LAST_GO_CHART).release
        of_old = any(path.partition(".")[0] in GO_SECTIONS for path in entries)
        return not (role in CLIENT_ROLES and both and of_old)

    @cached_property
    def hosts(self) -> Mapping[str, tuple[HostGroup, ...]]:
        """By role, the hosts whose files were given, in groups with the same content; one group without a host if there are none."""
        found: dict[str, dict[str, list[str | None]]] = {role: {} for role in ROLES}
        for file in self.settings.rendered:
            shared = {key: value for key, value in file.values.items() if not _IDENTITY.search(key)}
            found[file.role].setdefault(repr(sorted(shared.items())), []).append(file.host)
        none = (HostGroup(None, 1, ""),)
        return {
            role: tuple(HostGroup(hosts[0], len(hosts), _label(hosts, len(groups))) for hosts in groups.values())
            or none
            for role, groups in found.items()
        }

    @cached_property
    def _demands(self) -> dict[tuple[str, str | None], BandwidthDemand]:
        return {}

    def demand(self, role: str, host: str | None = None) -> BandwidthDemand:
        """Return what a role demands for the layer."""
        known = self._demands.get((role, host))
        if known is None:
            known = self._demands[role, host] = demand_of(self.settings, role, self.size_bytes, host)
        return known
