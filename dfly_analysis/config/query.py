"""What a configuration is checked for: effective settings, size of a layer, bandwidth, concurrent layers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config.bandwidth_demand import BandwidthDemand, demand_of
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import CLIENT_ROLES, GO_SECTIONS, LAST_GO_CHART
from dfly_analysis.messages import Message, message, plural
from dfly_analysis.schema import ROLES

USUAL_SIZE_BYTES = 20 * 1024**3
USUAL_LINK_BPS = 125e6  # 1 Gbit/s, the card of a small node
_LAYERS = "POST /oapi/v1/jobs args.concurrent_task_count"
_USUAL_LAYERS = 8
_IDENTITY = re.compile(r"^host\.|(?:^|\.)(?:ip|host|advertiseIP)$")  # differs on each host


class HostGroup(NamedTuple):
    """Hosts of a role with the same configuration."""

    host: str | None = None  # one of them; None if no files were given
    n: int = 1
    all_hosts: bool = True

    def describe(self, role: str, reason: str) -> Message:
        """Return the reason with the role and hosts that it is about."""
        if self.all_hosts and self.n == 1:
            return message("{role}: {reason}", role=role, reason=reason)
        if self.all_hosts:
            hosts = plural("{n} host", "{n} hosts", self.n)
            return message("{role} ({hosts}): {reason}", role=role, hosts=hosts, reason=reason)
        host = self.host or message("a host without a name")
        if self.n == 1:
            return message("{role} on {host}: {reason}", role=role, host=host, reason=reason)
        return message("{role} on {host} and {n} more: {reason}", role=role, host=host, n=self.n - 1, reason=reason)


@dataclass(frozen=True)
class Query:
    """One check of a configuration: for a layer size, a bandwidth from the source to one seed client, and concurrent layers."""

    settings: Settings
    size_bytes: int = USUAL_SIZE_BYTES
    bandwidth_bps: float | None = None
    layers: int | None = None
    size_given: bool = False

    @property
    def job_layers(self) -> int:
        """How many layers are downloaded concurrently: as given, else as a job does by default."""
        if self.layers is not None:
            return self.layers
        item, version = defaults_of("manager", _LAYERS), self.settings.versions.get("manager")
        era = item.at(version) if item and version else None
        return int(era.default) if era and era.default else _USUAL_LAYERS

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles that run: those of the rendered files if nothing else was given, else all that are enabled."""
        if self.settings.rendered and not self.settings.user.entries and self.settings.chart is None:
            known = {file.role for file in self.settings.rendered}
            return tuple(role for role in ROLES if role in known)
        return tuple(role for role in ROLES if self._runs(role))

    def _runs(self, role: str) -> bool:
        entries, chart = self.settings.user.entries, self.settings.chart
        enabled = entries.get(f"{role}.enable")
        if isinstance(enabled, bool):
            return enabled
        # Charts with both daemons run the old one by default; who configures only the old one runs that.
        both = chart is not None and parse_version(chart).release <= parse_version(LAST_GO_CHART).release
        old = any(path.partition(".")[0] in GO_SECTIONS for path in entries)
        return not (role in CLIENT_ROLES and both and old)

    @cached_property
    def hosts(self) -> Mapping[str, tuple[HostGroup, ...]]:
        """By role, the hosts whose files were given, in groups with the same content; one group without a host if there are none."""
        found: dict[str, dict[str, list[str | None]]] = {role: {} for role in ROLES}
        for file in (one for one in self.settings.rendered if one.role in found):
            shared = {key: value for key, value in file.values.items() if not _IDENTITY.search(key)}
            found[file.role].setdefault(repr(sorted(shared.items())), []).append(file.host)
        return {
            role: tuple(HostGroup(hosts[0], len(hosts), len(groups) < 2) for hosts in (groups or {"": [None]}).values())
            for role, groups in found.items()
        }

    @cached_property
    def _demands(self) -> dict[tuple[str, str | None], BandwidthDemand]:
        return {}

    def demand(self, role: str, host: str | None = None) -> BandwidthDemand:
        """Return what a role demands for the layer."""
        if (role, host) not in self._demands:
            self._demands[role, host] = demand_of(self.settings, role, self.size_bytes, host)
        return self._demands[role, host]
