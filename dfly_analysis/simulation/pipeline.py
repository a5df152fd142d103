"""The piece pipeline of one client release, many copies at once: layers, slots, timeouts, passes, and a link that is shared."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dfly_analysis.models.concurrency import shared_speed

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

# Times are tabled against the normal score of a probability, which is even where it matters: in the tail.
SCORES = np.linspace(-4.0, 5.0, 181)
_MAX_STEPS = 2_000_000
_NEVER_S = 1e12
_UNLIKE = 1.6


@dataclass(frozen=True)
class Layers:
    """Layers to fetch, in order; arrays of one length."""

    n_pieces: Index
    passes: Index
    whole: Index  # size class of whole pieces
    last: Index  # size class of the last piece
    link: Index
    arrival_s: Array  # when each may begin, ascending


@dataclass(frozen=True)
class ClientBehaviour:
    """Settings and the behaviour of the client's release."""

    slots: int  # pieces of one layer in flight
    lanes: int  # layers in flight
    timeout_s: tuple[float, float]  # of the first and of later passes
    siblings_cancelled: bool = True  # a failed piece ends its round; else the others run on while it is retried
    noticed_at_once: bool = False  # else such a round ends when its last piece has a slot
    limit_bps: float = float("inf")  # the client's own rate limit


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of the source, in several variants."""

    log_time: Array  # log seconds of an attempt at the usual load: variants, 2 passes, size classes, `SCORES`
    hazard_per_s: Array  # competing risks: variants, 2 passes
    at_start: Array  # competing risks at the start of an attempt: variants, 2 passes
    contention: Array
    usual_contention: Array  # when the distribution was fitted, under the usual load of the link
    usual_load: float
    contention_exponent: float  # 1 where throughput saturates gradually, large where it saturates abruptly
    class_bytes: Array
    usual_bps: float = 0.0
    """A faster piece loads the link for more than one, a slower one for less; 0 where all load it equally."""
    retry_failure_correlation: Array = field(default_factory=lambda: np.zeros(0))
    """Share of failures that repeat in the next pass."""


@dataclass(frozen=True)
class Outcome:
    """The result of each copy (row) and layer (column); attempts of each copy without cancelled ones, timeouts and failures."""

    started_s: Array
    ended_s: Array
    ok: Flags
    attempts: Array
    timed_out: Array
    failed: Array


def run_layers(layers: Layers, client: ClientBehaviour, assumptions: Assumptions, variant: Index, rng: np.random.Generator) -> Outcome:  # fmt: skip
    """Run copies of a pipeline, each under one variant; faster where no link and no rate limiter ties layers to each other."""
    tied = assumptions.contention.any() or assumptions.usual_contention.any() or np.isfinite(client.limit_bps)
    return (run_pipeline if tied else run_independent)(layers, client, assumptions, variant, rng)


def run_pipeline(
    layers: Layers, client: ClientBehaviour, assumptions: Assumptions, variant: Index, rng: np.random.Generator, *, own: Index | None = None
) -> Outcome:  # fmt: skip
    """Run copies of a pipeline; with `own` each copy has only the layer named there, in one column."""
    return _Pipeline(layers, client, assumptions, variant, rng, own).run()


class _Pipeline:
    """Copies advance event by event, all in step; a piece's progress is counted in seconds at the usual load.

    All pieces on one link advance at one speed: a piece ends when its link's clock reaches the clock at its start plus its time.
    """

    def __init__(
        self, layers: Layers, client: ClientBehaviour, assumptions: Assumptions, variant: Index, rng: np.random.Generator, own: Index | None
    ) -> None:  # fmt: skip
        rows, count = len(variant), len(layers.n_pieces) if own is None else 1
        self.layers, self.client, self.assumptions, self.variant, self.rng = layers, client, assumptions, variant, rng
        self.width = client.slots * (1 if client.siblings_cancelled else 2)
        self.own = own
        self.tied = bool(assumptions.contention.any() or assumptions.usual_contention.any())
        self.timeout_s = np.array(client.timeout_s)
        self.has_hazard, self.fails_at_start = bool(assumptions.hazard_per_s.any()), bool(assumptions.at_start.any())
        self.is_correlated = bool(assumptions.retry_failure_correlation.any())
        self.contention = assumptions.contention[variant][:, None]
        usual = shared_speed(assumptions.usual_load, assumptions.usual_contention, assumptions.contention_exponent)
        self.usual_speed = usual[variant][:, None]
        # Where siblings run on, those of a lost layer load the link while the next layer runs: they keep their lane.
        self.has_orphan_slots = self.tied and not client.siblings_cancelled
        lanes, links = (rows, client.lanes * (2 if self.has_orphan_slots else 1)), (rows, int(layers.link.max()) + 1)
        slots = (*lanes, self.width)
        self.now, self.clock, self.load, self.bucket = np.zeros(rows), np.zeros(links), np.zeros(links), np.zeros(links)
        self.speed = np.ones(links) / (self.usual_speed if self.tied else 1.0)  # of a piece on each link
        self.end, self.fail, self.begin = (np.full(slots, np.inf) for _ in range(3))
        self.work, self.patience, self.weight = np.zeros(slots), np.zeros(slots), np.ones(slots)
        self.by_timeout, self.is_last = np.zeros(slots, dtype=bool), np.zeros(slots, dtype=bool)
        self.layer = np.full(lanes, -1)
        self.round, self.queue, self.lost, self.running, self.again, self.repeat = (np.zeros(lanes, dtype=np.intp) for _ in range(6))  # fmt: skip
        self.last_queued, self.last_lost, self.orphan = (np.zeros(lanes, dtype=bool) for _ in range(3))
        # The earliest end, failure and begin in each lane, so that a step need not look at all slots.
        self.first_end, self.first_fail, self.first_begin = (np.full(lanes, np.inf) for _ in range(3))
        self.next_layer = np.zeros(rows, dtype=np.intp) if own is None else own.copy()
        self.started, self.ended = np.full((rows, count), np.nan), np.full((rows, count), np.nan)
        self.ok = np.zeros((rows, count), dtype=bool)
        self.attempts, self.timed_out, self.failed = np.zeros(rows), np.zeros(rows), np.zeros(rows)

    def run(self) -> Outcome:
        for _ in range(_MAX_STEPS):
            if not self._step():
                break
        return Outcome(self.started, self.ended, self.ok, self.attempts, self.timed_out, self.failed)

    def _set_speed(self, rows: Index, link: Index) -> None:
        """Note the speed of a piece on links whose load has changed."""
        load = np.maximum(self.load[rows, link], 0.0)
        speed = shared_speed(load, self.contention[rows, 0], self.assumptions.contention_exponent)
        self.speed[rows, link] = speed / self.usual_speed[rows, 0]

    def _step(self) -> bool:
        """Advance each copy to its next event; return whether any had one."""
        rows, link = np.arange(len(self.now)), self.layers.link[self.layer]
        on_link = (rows[:, None], link)
        speed, clock = self.speed[on_link], self.clock[on_link]
        done = self.now[:, None] + (self.first_end - clock) / speed
        due = np.minimum(np.minimum(done, self.first_fail), self.first_begin)
        lane = due.argmin(axis=1)
        event = due[rows, lane]
        waiting = (self.next_layer < len(self.layers.arrival_s)) & (self.layer < 0).any(axis=1)
        if self.has_orphan_slots:
            waiting &= ((self.layer >= 0) & ~self.orphan).sum(axis=1) < self.client.lanes
        coming = self.layers.arrival_s[np.minimum(self.next_layer, len(self.layers.arrival_s) - 1)]
        coming = np.where(waiting, np.maximum(coming if self.own is None else 0.0, self.now), np.inf)
        then = np.minimum(event, coming)
        live = np.isfinite(then)
        passed = np.where(live, then - self.now, 0.0)
        self.clock[on_link] = clock + speed * passed[:, None]  # nothing is in flight on other links
        self.now += passed
        arriving = live & (coming <= event)
        if arriving.any():
            at = np.flatnonzero(arriving)
            lane[at] = self._arrive(at)
            link[at, lane[at]] = self.layers.link[self.layer[at, lane[at]]]
        at = np.flatnonzero(live & ~arriving)
        if len(at):
            beginning = self.first_begin[at, lane[at]] <= event[at]
            finished = done[at, lane[at]] <= self.first_fail[at, lane[at]]
            self._advance(at, lane[at], beginning, finished)
        changed = (rows[live], lane[live])
        if self.tied:
            self._set_speed(rows[live], link[changed])
        self.first_end[changed] = self.end[changed].min(axis=1)
        self.first_fail[changed] = self.fail[changed].min(axis=1)
        if np.isfinite(self.client.limit_bps):
            self.first_begin[changed] = self.begin[changed].min(axis=1)
        return bool(live.any())

    def _advance(self, rows: Index, lane: Index, beginning: Flags, finished: Flags) -> None:
        """Let the earliest slot of each lane begin, finish or fail."""
        if beginning.any():
            some, own = rows[beginning], lane[beginning]
            self._begin(some, own, self.begin[some, own].argmin(axis=1))
        some, own, well = rows[~beginning], lane[~beginning], finished[~beginning]
        by_end, by_fail = (times[some, own].argmin(axis=1) for times in (self.end, self.fail))
        self._settle(some, own, np.where(well, by_end, by_fail), well)

    def _arrive(self, rows: Index) -> Index:
        """Put the next layer into a free lane, and return the lanes."""
        lane: Index = (self.layer[rows] < 0).argmax(axis=1)
        layer: Index = self.next_layer[rows]
        self.next_layer[rows] = layer + 1 if self.own is None else len(self.layers.arrival_s)
        self.layer[rows, lane] = layer
        self.started[rows, self._column(layer)] = self.now[rows]
        self.round[rows, lane] = self.repeat[rows, lane] = 0
        self._open_round(rows, lane, self.layers.n_pieces[layer], np.ones(len(rows), dtype=bool))
        return lane

    def _column(self, layer: Index) -> Index:
        return layer if self.own is None else np.zeros_like(layer)

    def _open_round(self, rows: Index, lane: Index, pieces: Index, with_last: Flags) -> None:
        """Begin a round over so many pieces: fill all slots."""
        if not len(rows):
            return
        self.queue[rows, lane], self.last_queued[rows, lane] = pieces, with_last
        self.lost[rows, lane], self.last_lost[rows, lane] = 0, False
        most = np.minimum(pieces, self.client.slots)
        if np.isfinite(self.client.limit_bps):  # the limiter lets them begin one after the other
            for slot in range(int(most.max(initial=0))):
                some = most > slot
                self._take(rows[some], lane[some], np.full(int(some.sum()), slot))
            return
        own = np.repeat(np.arange(len(rows)), most)
        slots = np.arange(len(own)) - np.repeat(np.cumsum(most) - most, most)
        last = (pieces[own] - slots == 1) & with_last[own]
        repeated = self.repeat[rows, lane][own] > slots
        self.queue[rows, lane] -= most
        self.repeat[rows, lane] = np.maximum(self.repeat[rows, lane] - most, 0)
        self._ask(rows[own], lane[own], slots, last, repeated)

    def _take(self, rows: Index, lane: Index, slot: Index) -> None:
        """Give a slot to the next piece of the queue."""
        last = (self.queue[rows, lane] == 1) & self.last_queued[rows, lane]
        repeated = self.repeat[rows, lane] > 0
        self.queue[rows, lane] -= 1
        self.repeat[rows, lane] -= repeated
        self._ask(rows, lane, slot, last, repeated)

    def _ask(self, rows: Index, lane: Index, slot: Index, last: Flags, repeated: Flags) -> None:
        """Draw an attempt, and begin it as soon as the client's rate limiter allows; ``repeated`` where it failed before."""
        if not len(rows):
            return
        layer, known = self.layer[rows, lane], self.assumptions
        second = self.round[rows, lane] > 0 if self.client.siblings_cancelled else slot >= self.client.slots
        later: Index = np.asarray(second, dtype=np.intp)
        size = np.where(last, self.layers.last[layer], self.layers.whole[layer])
        score = self.rng.standard_normal(len(rows))
        variant = self.variant[rows]
        place = np.clip((score - SCORES[0]) / (SCORES[1] - SCORES[0]), 0.0, len(SCORES) - 1.001)
        low = place.astype(np.intp)
        below, above = (known.log_time[variant, later, size, low + step] for step in (0, 1))
        timeout_s = self.timeout_s[later]
        other = np.full(len(rows), np.inf)  # when something else than a timeout ends the attempt
        if self.has_hazard:
            with np.errstate(divide="ignore"):
                other = self.rng.standard_exponential(len(rows)) / known.hazard_per_s[variant, later]
        if self.fails_at_start:
            other = np.where(self.rng.random(len(rows)) < known.at_start[variant, later], 0.0, other)
        spot = (rows, lane, slot)
        self.work[spot] = np.exp(below + (above - below) * (place - low))
        if self.is_correlated and repeated.any():
            will_time_out = repeated & (self.rng.random(len(rows)) < known.retry_failure_correlation[variant])
            self.work[rows[will_time_out], lane[will_time_out], slot[will_time_out]] = _NEVER_S
            other = np.where(will_time_out & np.isinf(timeout_s), 0.0, other)
        if known.usual_bps:
            self.weight[spot] = known.class_bytes[size] / self.work[spot] / known.usual_bps
        self.patience[spot], self.by_timeout[spot], self.is_last[spot] = np.minimum(timeout_s, other), timeout_s <= other, last  # fmt: skip
        np.add.at(self.running, (rows, lane), 1)  # all slots of a lane may be taken at once
        if np.isinf(self.client.limit_bps):
            self._begin(rows, lane, slot)
            return
        link = self.layers.link[layer]
        allowed = np.maximum(self.now[rows], self.bucket[rows, link])
        self.bucket[rows, link] = allowed + known.class_bytes[size] / self.client.limit_bps
        self.begin[spot] = allowed
        at_once = allowed <= self.now[rows]
        self._begin(rows[at_once], lane[at_once], slot[at_once])

    def _begin(self, rows: Index, lane: Index, slot: Index) -> None:
        link = self.layers.link[self.layer[rows, lane]]
        spot = (rows, lane, slot)
        self.begin[spot] = np.inf
        self.end[spot] = self.clock[rows, link] + self.work[spot]
        self.fail[spot] = self.now[rows] + self.patience[spot]
        np.add.at(self.load, (rows, link), self.weight[spot])

    def _settle(self, rows: Index, lane: Index, slot: Index, finished: Flags) -> None:
        """Free slots whose attempts have ended, and go on with their layers."""
        spot = (rows, lane, slot)
        self.end[spot] = self.fail[spot] = np.inf
        self.load[rows, self.layers.link[self.layer[rows, lane]]] -= self.weight[spot]
        self.running[rows, lane] -= 1
        self.attempts[rows] += 1
        self.failed[rows] += ~finished
        self.timed_out[rows] += ~finished & self.by_timeout[spot]
        if self.client.siblings_cancelled:
            self._continue_in_rounds(rows, lane, slot, finished)
        else:
            self._continue_alongside(rows, lane, slot, finished)

    def _continue_in_rounds(self, rows: Index, lane: Index, slot: Index, finished: Flags) -> None:
        self.lost[rows, lane] += ~finished
        self.last_lost[rows, lane] |= ~finished & self.is_last[rows, lane, slot]
        broken = self.lost[rows, lane] > 0
        more = (self.queue[rows, lane] > 0) & ~(broken & self.client.noticed_at_once)
        self._take(rows[more], lane[more], slot[more])
        ended = broken & (self.client.noticed_at_once | (self.queue[rows, lane] == 0))
        whole = ~broken & (self.queue[rows, lane] == 0) & (self.running[rows, lane] == 0)
        self._leave(rows[whole], lane[whole], ok=True)
        self._close_round(rows[ended], lane[ended])

    def _close_round(self, rows: Index, lane: Index) -> None:
        """Cancel what is in flight; begin the next pass over what is missing, or lose the layer."""
        if not len(rows):
            return
        missing = self.lost[rows, lane] + self.running[rows, lane] + self.queue[rows, lane]
        held = np.isfinite(self.end[rows, lane]) | np.isfinite(self.begin[rows, lane])
        last = self.last_lost[rows, lane] | (held & self.is_last[rows, lane]).any(axis=1)
        last |= (self.queue[rows, lane] > 0) & self.last_queued[rows, lane]
        self.repeat[rows, lane] = self.lost[rows, lane]
        self._clear(rows, lane)
        self.round[rows, lane] += 1
        over = self.round[rows, lane] >= self.layers.passes[self.layer[rows, lane]]
        self._leave(rows[over], lane[over], ok=False)
        self._open_round(rows[~over], lane[~over], missing[~over], last[~over])

    def _continue_alongside(self, rows: Index, lane: Index, slot: Index, finished: Flags) -> None:
        """Try a failed piece once more in slots of the second pass, while its siblings run on."""
        slots, orphan = self.client.slots, self.orphan[rows, lane]
        second = slot >= slots
        lost = ~finished & ~orphan & (second | (self.layers.passes[self.layer[rows, lane]] < 2))
        self.again[rows, lane] += ~finished & ~second & (self.layers.passes[self.layer[rows, lane]] >= 2)
        more = (~lost | self.has_orphan_slots) & ~second & (self.queue[rows, lane] > 0)
        self._take(rows[more], lane[more], slot[more])
        idle = ~np.isfinite(self.end[rows, lane, slots:]) & ~np.isfinite(self.begin[rows, lane, slots:])
        retry = (~lost | self.has_orphan_slots) & (self.again[rows, lane] > 0) & idle.any(axis=1)
        self.again[rows, lane] -= retry
        n = int(retry.sum())
        free = slots + idle.argmax(axis=1)[retry]
        self._ask(rows[retry], lane[retry], free, np.zeros(n, dtype=bool), np.ones(n, dtype=bool))
        self._lose(rows[lost], lane[lost])
        over = self.queue[rows, lane] + self.again[rows, lane] + self.running[rows, lane] == 0
        whole, gone = over & ~lost & ~orphan, over & self.orphan[rows, lane]
        self._leave(rows[whole], lane[whole], ok=True)
        self.layer[rows[gone], lane[gone]] = -1
        self.orphan[rows[gone], lane[gone]] = False

    def _lose(self, rows: Index, lane: Index) -> None:
        """Lose layers whose siblings run on: drop them where that has no effect, else let them load the link."""
        layer = self.layer[rows, lane]
        if not self.has_orphan_slots:
            self._clear(rows, lane)
        self._leave(rows, lane, ok=False)
        if self.has_orphan_slots:
            self.layer[rows, lane], self.orphan[rows, lane] = layer, True

    def _clear(self, rows: Index, lane: Index) -> None:
        if not len(rows):
            return
        flying = np.where(np.isfinite(self.end[rows, lane]), self.weight[rows, lane], 0.0).sum(axis=1)
        self.load[rows, self.layers.link[self.layer[rows, lane]]] -= flying
        self.end[rows, lane] = self.fail[rows, lane] = self.begin[rows, lane] = np.inf
        self.running[rows, lane] = self.queue[rows, lane] = self.again[rows, lane] = 0

    def _leave(self, rows: Index, lane: Index, *, ok: bool) -> None:
        if not len(rows):
            return
        column = self._column(self.layer[rows, lane])
        self.ended[rows, column], self.ok[rows, column] = self.now[rows], ok
        self.layer[rows, lane] = -1


def run_independent(layers: Layers, client: ClientBehaviour, assumptions: Assumptions, variant: Index, rng: np.random.Generator) -> Outcome:  # fmt: skip
    """Run copies of a pipeline whose layers do not feel each other."""
    copies, count = len(variant), len(layers.n_pieces)
    time, ok = np.zeros((copies, count)), np.zeros((copies, count), dtype=bool)
    sums = np.zeros((3, copies))
    order: Index = np.argsort(layers.n_pieces, kind="stable")
    while len(order):
        # layers of nearly one number of pieces, so that no copy waits long for another
        is_similar = layers.n_pieces[order] <= _UNLIKE * layers.n_pieces[order[0]]
        similar, order = order[is_similar], order[~is_similar]
        own, single = np.tile(similar, copies), replace(client, lanes=1)
        result = run_pipeline(layers, single, assumptions, np.repeat(variant, len(similar)), rng, own=own)
        time[:, similar] = (result.ended_s - result.started_s).reshape(copies, -1)
        ok[:, similar] = result.ok.reshape(copies, -1)
        sums += [part.reshape(copies, -1).sum(axis=1) for part in (result.attempts, result.timed_out, result.failed)]
    started = schedule(time, layers.arrival_s, client.lanes)
    return Outcome(started, started + time, ok, *sums)


def schedule(time: Array, arrival_s: Array, lanes: int) -> Array:
    """Return when each layer of each copy begins, so many at a time, in the order in which they come."""
    rows = np.arange(len(time))
    free, started = np.zeros((len(time), lanes)), np.zeros_like(time)
    for layer in range(time.shape[1]):
        lane = free.argmin(axis=1)
        started[:, layer] = np.maximum(free[rows, lane], arrival_s[layer])
        free[rows, lane] = started[:, layer] + time[:, layer]
    return started
