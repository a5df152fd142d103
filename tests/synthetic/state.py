"""What all processes of a run share: the clock, chance, the journal, the hosts' state, what was counted."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.synthetic.link import Link
from tests.synthetic.log_writer import Journal
from tests.synthetic.origin_model import Limits, Origin
from tests.synthetic.scenarios import Case
from tests.synthetic.topology import MANAGER_IP, SCHEDULER_IP, Blob, Host
from tests.synthetic.versions import ClientEra, SchedulerEra

if TYPE_CHECKING:
    from tests.synthetic.pipeline import SourceTask


class Clock:
    """Runs actions in the order of their moments; equal moments in the order they were asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._asked = 0
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run an action `delay_s` seconds from now."""
        self._asked += 1
        heapq.heappush(self._waiting, (self.now_s + delay_s, self._asked, action))

    def run(self) -> None:
        """Run until nothing waits."""
        while self._waiting:
            self.now_s, _, action = heapq.heappop(self._waiting)
            action()


@dataclass
class HostState:
    """One host during the run: its link to the registry, bytes on its volume, tasks it runs, times its process was away."""

    host: Host
    link: Link
    used_bytes: int = 0
    full: bool = False
    alive: bool = True
    wiped_at_s: float = -1.0
    tasks: list[SourceTask] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Tally:
    """What was counted, for the truth file."""

    requests: Counter[str] = field(default_factory=Counter)
    failed_tasks: Counter[str] = field(default_factory=Counter)
    failed_peers: dict[str, str] = field(default_factory=dict)
    preheated: set[str] = field(default_factory=set)
    pieces_started: int = 0
    pieces_ok: int = 0
    pieces_failed: int = 0
    pieces_cut: int = 0
    pieces_cancelled: int = 0
    pulls: int = 0
    pulls_failed: int = 0

    def fail(self, who: str, cause: str) -> None:
        """Count a failed task: its peer id, or its blob's URL where no peer was made."""
        self.failed_tasks[cause] += 1
        self.failed_peers[who] = cause


@dataclass
class World:
    """All that processes of one run share."""

    case: Case
    client: ClientEra
    scheduler: SchedulerEra
    rng: np.random.Generator
    journal: Journal
    hosts: list[HostState]
    volume_bytes: float
    first_job_s: float
    clock: Clock = field(default_factory=Clock)
    tally: Tally = field(default_factory=Tally)
    frozen_from_s: float = float("inf")

    @property
    def limits(self) -> Limits:
        """Limits in force for one request."""
        if self.client.behaviour.write_timeout:
            return Limits(self.case.piece_timeout_s, self.case.write_timeout_s)
        return Limits(self.case.piece_timeout_s)

    def origin_of(self, host: Host) -> Origin:
        """Return the registry's law for a host now."""
        return self.case.origin_at(self.clock.now_s - self.first_job_s, host.name)

    @property
    def seeds(self) -> list[HostState]:
        """Seed clients."""
        return [state for state in self.hosts if state.host.role == "seed"]

    def task_values(self, host: Host, blob: Blob, peer_id: str, remote_ip: str) -> dict[str, Any]:
        """Return the fields the lines of one task share."""
        download = "download_task:download_with_scheduler:download" if host.role == "seed" else "download_task:download"
        values = host_values(host) | blob_values(blob)
        return values | {
            "peer_id": peer_id,
            "peerID": peer_id,
            "hostID": host.host_id,
            "remote_ip": remote_ip,
            "download_span": download,
            "no_back_to_source": "false",
        }


def host_values(host: Host) -> dict[str, Any]:
    """Return the fields that lines about a host use."""
    return {
        "host_id": host.host_id,
        "hostID": host.host_id,
        "hostname": host.name,
        "ip": host.ip,
        "pid": host.pid,
        "scheduler_ip": SCHEDULER_IP,
        "manager_ip": MANAGER_IP,
    }


def blob_values(blob: Blob) -> dict[str, Any]:
    """Return the fields that lines about a blob use."""
    return {
        "task_id": blob.task_id,
        "taskID": blob.task_id,
        "task_prefix": blob.task_id[:3],
        "url": blob.url,
        "content_length": blob.size_bytes,
        "piece_length": blob.piece_bytes,
        "n_pieces": blob.n_pieces,
        "pieces": list(range(blob.n_pieces)),
    }
