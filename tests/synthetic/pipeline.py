"""One blob on one host, downloaded from its source: rounds, slots, pieces, and how they end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tests.synthetic.log_writer import go_duration
from tests.synthetic.origin_model import Drawn, Request, draw_alone, draw_request
from tests.synthetic.state import HostState, World
from tests.synthetic.topology import Blob

_WAKE_S = 0.0004  # a piece that is already there, or that another round just finished


class Round:
    """One pass over pieces of a task.

    Parameters
    ----------
    task : SourceTask
        The task.
    kind : str
        ``source``: under the scheduler; ``direct``: the pass after it, over what is missing.
    pieces : iterable of int
        Numbers, in the order they are asked for.
    """

    def __init__(self, task: SourceTask, kind: str, pieces: Iterable[int]) -> None:
        self.task, self.kind = task, kind
        self.queue = deque(pieces)
        self.running: dict[int, float] = {}
        self.carried: dict[int, int] = {}
        self.failure: str | None = None
        self.failed_piece = 0
        self.ended = False

    def fill(self) -> None:
        """Start pieces while a slot is free."""
        while self.queue and len(self.running) < self.task.world.case.concurrent_pieces:
            self._begin(self.queue.popleft())
        self._look()

    def _begin(self, piece: int) -> None:
        world = self.task.world
        self.running[piece] = world.clock.now_s
        world.tally.pieces_started += 1
        self.task.say(f"{self.kind}_start", piece=piece)
        if piece in self.task.done:
            world.clock.after(_WAKE_S, partial(self._settle, piece, Request(_WAKE_S, "ok")))
        elif piece in self.task.waiting:
            self.task.waiting[piece].append(self)
        else:
            self.request(piece)

    def request(self, piece: int) -> None:
        """Ask the registry for a piece."""
        world, task = self.task.world, self.task
        task.waiting[piece] = []
        origin, size_bytes = world.origin_of(task.state.host), task.blob.bytes_of(piece)
        if origin.link_bps == float("inf"):
            request = draw_request(world.rng, origin, size_bytes, world.limits)
            world.clock.after(request.duration_s, partial(self._answered, piece, request))
        else:
            self._share_link(piece, draw_alone(world.rng, origin, size_bytes, world.limits))

    def _share_link(self, piece: int, drawn: Drawn) -> None:
        """Let a request run on the host's link until its end, or until something cuts it."""
        world, link = self.task.world, self.task.state.link
        started_s = world.clock.now_s

        def end(outcome: str) -> None:
            if self.carried.get(piece) == number:
                link.drop(self.carried.pop(piece))
                self._answered(piece, Request(world.clock.now_s - started_s, outcome))

        number = link.carry(drawn.alone_s, drawn.rate_bps, partial(end, drawn.end))
        self.carried[piece] = number
        world.clock.after(drawn.cut_s, partial(end, drawn.cut))

    def _answered(self, piece: int, request: Request) -> None:
        if self.task.dead or piece not in self.running:
            return
        outcome = self.task.store(piece) if request.outcome == "ok" else request.outcome
        waiting = self.task.waiting.pop(piece)
        self.task.count_request(outcome)
        self._settle(piece, Request(request.duration_s, outcome))
        for other in waiting:
            if outcome == "ok":
                other.wake(piece)
            else:
                other.request(piece)

    def wake(self, piece: int) -> None:
        """Finish a piece that another round of this task has downloaded."""
        self.task.world.clock.after(_WAKE_S, partial(self._settle, piece, Request(_WAKE_S, "ok")))

    def _settle(self, piece: int, request: Request) -> None:
        if self.task.dead or piece not in self.running:
            return
        took_s = self.task.world.clock.now_s - self.running.pop(piece)
        if request.outcome == "ok":
            self._finished(piece, took_s)
        else:
            self._failed(piece, request.outcome)
        self.fill()

    def _finished(self, piece: int, took_s: float) -> None:
        self.task.world.tally.pieces_ok += 1
        self.task.say(f"{self.kind}_closed" if self.ended else f"{self.kind}_finish", piece=piece)
        if self.kind == "source" and not self.ended:
            self.task.scheduler_says(
                "source_piece", piece=piece, piece_bytes=self.task.blob.bytes_of(piece), cost=go_duration(took_s)
            )

    def _failed(self, piece: int, outcome: str) -> None:
        task = self.task
        task.world.tally.pieces_failed += 1
        step = f"{self.kind}_write_timeout" if outcome == "write_timeout" else f"{self.kind}_failed"
        task.say(step, piece=piece, **task.words(outcome, piece))
        if self.failure is None:
            self.failure, self.failed_piece = outcome, piece

    def _look(self) -> None:
        """End the round once its result is known."""
        if self.ended:
            return
        at_once = self.task.world.client.behaviour.notices_failure == "at_once"
        if self.failure and (at_once or not self.queue):
            self.ended = True
            if not self.task.world.client.behaviour.siblings_run_on:
                self._cancel()
            self.task.round_ended(self)
        elif not self.queue and not self.running:
            self.ended = True
            self.task.round_ended(self)

    def _cancel(self) -> None:
        for piece in self.running:
            self.task.waiting.pop(piece, None)
            self.task.world.tally.pieces_cancelled += 1
            self.task.world.tally.requests["cut before the limit"] += 1
            self.task.say(f"{self.kind}_cancelled", piece=piece)
            if piece in self.carried:
                self.task.state.link.drop(self.carried.pop(piece))
        self.running.clear()


class SourceTask:
    """One blob on one host, from its source.

    Parameters
    ----------
    world : World
        What the run shares.
    state : HostState
        The host.
    blob : Blob
        What to download.
    values : dict
        Fields its lines share.
    on_end : callable
        Called once with None, or with the kind of failure.
    """

    def __init__(
        self,
        world: World,
        state: HostState,
        blob: Blob,
        values: dict[str, Any],
        on_end: Callable[[SourceTask, str | None], None],
    ) -> None:
        self.world, self.state, self.blob, self.values, self.on_end = world, state, blob, values, on_end
        self.done: set[int] = set()
        self.waiting: dict[int, list[Round]] = {}
        self.dead = False
        self.ended = False
        self.failed_piece = 0
        state.tasks.append(self)

    @property
    def role(self) -> str:
        """Role of the host: ``seed`` or ``client``."""
        return self.state.host.role

    def say(self, step: str, **extra: Any) -> None:
        """Write the lines of one step into the host's log."""
        self.world.journal.client_says(self.world.clock.now_s, self.state.host.name, step, self.values | extra)

    def scheduler_says(self, step: str, **extra: Any) -> None:
        """Write the lines of one step into the scheduler's log, a moment later."""
        self.world.journal.scheduler_says(self.world.clock.now_s + 0.0006, step, self.values | extra)

    def words(self, kind: str, piece: int = 0) -> dict[str, str]:
        """Return how a failure of this task reads."""
        return self.world.client.words(kind, self.values | {"piece": piece})

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Go on after a delay, unless the process has died by then."""
        self.world.clock.after(delay_s, lambda: None if self.dead else action())

    def start(self) -> None:
        """Begin: ask the registry for the length, then reserve space."""
        self.say(f"task_started_{self.role}")
        self.later(0.004 + float(self.world.rng.exponential(0.002)), self._after_stat)

    def _after_stat(self) -> None:
        origin = self.world.origin_of(self.state.host)
        if origin.refuses(self.world.clock.now_s - self.world.first_job_s):
            kind = str(origin.refusal)
            self.world.tally.requests[f"refused: {kind}"] += 1
            self.say(f"task_refused_{self.role}", **self.words(kind))
            self.end(kind)
        elif not self._has_space():
            self.say(f"task_no_space_{self.role}", **self.words("disk_at_start"))
            self.end("disk_at_start")
        elif self.world.client.behaviour.small_tasks_direct and self.blob.n_pieces == 1:
            self.say("task_ready_direct")
            self.later(0.002, partial(self.direct, first=True))
        else:
            self.say(f"task_ready_{self.role}")
            self.later(0.005 + float(self.world.rng.exponential(0.004)), self._under_scheduler)

    def _has_space(self) -> bool:
        state = self.state
        if self.role != "seed" or not self.world.client.behaviour.reserves_space_at_start:
            return not state.full
        if state.used_bytes + self.blob.size_bytes > self.world.volume_bytes:
            return False
        state.used_bytes += self.blob.size_bytes
        return True

    def _under_scheduler(self) -> None:
        self.scheduler_says("registered")
        self.say("round_started")
        self.scheduler_says("round_started")
        last = self.blob.n_pieces - 1
        ascending = list(range(self.blob.n_pieces))
        first = self.world.client.behaviour.last_piece_first and last
        Round(self, "source", [last, *ascending[:-1]] if first else ascending).fill()

    def direct(self, *, first: bool = False) -> None:
        """Go to the source for what is missing; `first` where there was no round under the scheduler."""
        missing = [piece for piece in range(self.blob.n_pieces) if piece not in self.done]
        if not first:
            self.say("direct_started", pieces=missing)
        Round(self, "direct", missing).fill()

    def store(self, piece: int) -> str:
        """Write a piece to the volume: ``ok``, or ``disk`` where it does not fit."""
        size_bytes = self.blob.bytes_of(piece)
        if self.role == "seed" and not self.world.client.behaviour.reserves_space_at_start:
            if self.state.used_bytes + size_bytes > self.world.volume_bytes:
                self.state.full = True
                return "disk"
            self.state.used_bytes += size_bytes
        self.done.add(piece)
        return "ok"

    def count_request(self, outcome: str) -> None:
        """Count how a request ended at the registry."""
        cut = outcome in ("timeout", "write_timeout")
        self.world.tally.pieces_cut += cut
        name = "cut at the limit" if cut else {"ok": "sent", "disk": "sent"}.get(outcome, outcome)
        self.world.tally.requests[name] += 1

    def round_ended(self, ended: Round) -> None:
        """Go on after a round: succeed, try directly, or fail."""
        self.failed_piece = ended.failed_piece
        failure = ended.failure
        if failure is None:
            if ended.kind == "source":
                self.say("round_done", pieces=[])
                self.scheduler_says("round_done")
            else:
                self.say(f"direct_done_{self.role}")
            self.say(f"task_succeeded_{self.role}")
            self.end(None)
        elif ended.kind == "source":
            self.say("round_failed")
            self.scheduler_says("round_failed", **self.words(failure, ended.failed_piece))
            self.later(0.0015, self.direct)
        else:
            self.say(f"task_failed_{self.role}", **self.words(failure, ended.failed_piece))
            self.end(failure)

    def end(self, failure: str | None) -> None:
        """Report the end, once."""
        if not self.ended:
            self.ended = True
            self.on_end(self, failure)

    def kill(self) -> None:
        """End without a word, as a process does that is killed."""
        self.dead = True
        self.end("killed")
