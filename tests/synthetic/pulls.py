"""Clients pull layers: from a parent, or, where the scheduler is silent, from the source or not at all."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tests.synthetic.log_writer import go_duration
from tests.synthetic.pipeline import SourceTask
from tests.synthetic.preheat import Preheat
from tests.synthetic.state import HostState, World
from tests.synthetic.topology import Blob, draw_uuid

_REGISTER_TIMEOUT_S = 5.0
_BEFORE_PULLS_S = 10.0


class Pull:
    """One layer pulled by one client, one after another for each client.

    Parameters
    ----------
    world : World
        What the run shares.
    state, parent : HostState
        The client, and the seed that has the layer.
    blob : Blob
        The layer.
    on_end : callable
        Called once the pull has ended.
    """

    def __init__(
        self, world: World, state: HostState, parent: HostState, blob: Blob, on_end: Callable[[], None]
    ) -> None:
        self.world, self.state, self.parent, self.blob, self.on_end = world, state, parent, blob, on_end
        peer_id = f"{state.host.ip}-{state.host.name}-{draw_uuid(world.rng)}"
        parent_id = f"{parent.host.ip}-{parent.host.name}-{draw_uuid(world.rng)}-seed"
        self.values = world.task_values(state.host, blob, peer_id, state.host.ip) | {"parent_id": parent_id}
        self.may_go_to_source = not (world.case.scheduler_frozen and state is world.hosts[-1])
        self.values["no_back_to_source"] = "false" if self.may_go_to_source else "true"

    def start(self) -> None:
        """Begin with the stat request, as any task does."""
        self.world.tally.pulls += 1
        self._say(self.world.clock.now_s, "task_started_client")
        self.world.clock.after(0.005, self._after_stat)

    def _after_stat(self) -> None:
        now_s, origin = self.world.clock.now_s, self.world.origin_of(self.state.host)
        if origin.refuses(now_s - self.world.first_job_s):
            kind = str(origin.refusal)
            self.world.tally.requests[f"refused: {kind}"] += 1
            self._say(now_s, "task_refused_client", **self.world.client.words(kind, self.values))
            self._failed(kind)
            return
        if self.world.case.pulls_by_digest:
            self._say(now_s, "task_ready_client")
            SourceTask(self.world, self.state, self.blob, self.values, self._source_ended).direct(first=True)
            return
        self._say(now_s, "task_ready_client")
        if now_s >= self.world.frozen_from_s:
            self.world.clock.after(_REGISTER_TIMEOUT_S, self._unheard)
        else:
            self._from_parent(now_s)

    def _unheard(self) -> None:
        now_s = self.world.clock.now_s
        self._say(now_s, "scheduler_silent")
        if self.may_go_to_source:
            SourceTask(self.world, self.state, self.blob, self.values, self._source_ended).direct(first=True)
            return
        self._say(now_s + 0.0002, "scheduler_silent_no_source", error="unknown download failed")
        self._failed("scheduler")

    def _source_ended(self, _task: SourceTask, failure: str | None) -> None:
        if failure is None:
            self._copied(self.world.clock.now_s)
        else:
            self._failed(failure)

    def _failed(self, kind: str) -> None:
        self.world.tally.fail(str(self.values["peer_id"]), self.world.case.cause_of(kind))
        self.world.tally.pulls_failed += 1
        self.on_end()

    def _from_parent(self, now_s: float) -> None:
        self._scheduler(now_s, "pull_registered")
        self._say(now_s + 0.003, "pull_scheduled")
        self._scheduler(now_s + 0.004, "pull_started")
        if self.world.case.stale_scheduler:
            self._say(now_s + 0.005, "scheduler_stale")
        if self.parent.host.name == f"seed-client-{self.world.case.corrupt_seed}":
            for piece in range(min(3, self.blob.n_pieces)):
                self._say(now_s + 0.0055, "parent_corrupt", piece=piece)
        end_s = now_s + 0.006
        slots = [end_s] * self.world.case.concurrent_pieces
        for piece in range(self.blob.n_pieces):
            begin_s = heapq.heappop(slots)
            rate_bps = self.world.case.parent_rate_bps * float(self.world.rng.lognormal(0.0, 0.3))
            finish_s = begin_s + 0.002 + self.blob.bytes_of(piece) / rate_bps
            heapq.heappush(slots, finish_s)
            self._piece(piece, begin_s, finish_s)
            end_s = max(end_s, finish_s)
        self._say(end_s + 0.001, "pull_done", pieces=[])
        self._scheduler(end_s + 0.0015, "pull_done")
        self._copied(end_s + 0.002 + self.world.case.copy_s)

    def _piece(self, piece: int, begin_s: float, finish_s: float) -> None:
        self._say(begin_s, "parent_start", piece=piece)
        self._serve(begin_s + 0.0005, "serve_start", piece)
        self._serve(finish_s - 0.0005, "serve_finish", piece)
        self._say(finish_s, "parent_finish", piece=piece)
        cost = go_duration(finish_s - begin_s)
        self._scheduler(
            finish_s + 0.0004, "parent_piece", piece=piece, piece_bytes=self.blob.bytes_of(piece), cost=cost
        )

    def _copied(self, moment_s: float) -> None:
        self._say(moment_s, "task_copied")
        self.world.clock.after(max(0.0, moment_s - self.world.clock.now_s) + 0.3, self.on_end)

    def _say(self, moment_s: float, step: str, **extra: Any) -> None:
        self.world.journal.client_says(moment_s, self.state.host.name, step, self.values | extra)

    def _scheduler(self, moment_s: float, step: str, **extra: Any) -> None:
        self.world.journal.scheduler_says(moment_s, step, self.values | extra)

    def _serve(self, moment_s: float, step: str, piece: int) -> None:
        host = self.parent.host
        values = self.values | {"host_id": host.host_id, "remote_host_id": self.state.host.host_id, "piece": piece}
        self.world.journal.client_says(moment_s, host.name, step, values)


def schedule_pulls(world: World, preheat: Preheat) -> None:
    """Let each client pull layers that are there, a while after the last job has ended."""
    there = _there(preheat)
    begin_s = world.clock.now_s + _BEFORE_PULLS_S
    if world.case.scheduler_frozen:
        world.frozen_from_s = begin_s - 1.0
    for state in world.hosts:
        if state.host.role == "client" and there and world.case.pulls:
            order = [there[int(i)] for i in world.rng.permutation(len(there))[: world.case.pulls]]
            world.clock.after(_BEFORE_PULLS_S, partial(_next, world, state, order))


def _next(world: World, state: HostState, left: list[tuple[HostState, Blob]]) -> None:
    if left:
        parent, blob = left[0]
        blob = replace(blob, task_id=blob.digest) if world.case.pulls_by_digest else blob
        Pull(world, state, parent, blob, partial(_next, world, state, left[1:])).start()


def _there(preheat: Preheat) -> list[tuple[HostState, Blob]]:
    found = []
    for job in preheat.jobs:
        for layer in job.layers:
            kept = layer.seed is not None and (layer.ended_s or 0.0) > layer.seed.wiped_at_s
            if kept and layer.failure is None and layer.blob.is_layer and layer.seed is not None:
                found.append((layer.seed, layer.blob))
    return found
