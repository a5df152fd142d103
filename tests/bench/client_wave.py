"""Some tasks of one client side by side: v0.1.118 writes each piece, v1.5.1 only what fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.rendering import NUMBERS, PIECE, SECOND_NS, STAMP, Line, Wave
from tests.synthetic.versions import ClientEra, load_client

PIECE_BYTES = 4 << 20
LARGEST_TASK_PIECES = 5000
TIMEOUT_NS = 40 * SECOND_NS
SHARES = {"source": 0.5, "direct": 0.2, "parent": 0.3}  # of tasks, by where their pieces come from
SERVED, FAILED = 0.22, 0.28  # share of tasks served to others; of those from the source that lose a round
PARENT_ERROR = (
    "ERROR download_task:download:download_partial_with_scheduler:download_partial_with_scheduler_from_remote_peer{inner}: {place}: "
    '{said} host_id="$host_id" task_id="$task_id" peer_id="$peer_id"{piece}'
)
_REFUSED = 'message: "StorageError cause: IO error: No space left on device: While appending to file: /var/lib/dragonfly/metadata/000017.log: No space left on device"'
_HEADERS = 'metadata: MetadataMap {{ headers: {{"content-type": "application/grpc", "date": "Mon, 02 Mar 2026 09:12:44 GMT", "content-length": "0"}} }}'
# Not among the lines of the synthetic runs: a parent that cannot serve a piece.
PARENT_FAILED = (
    PARENT_ERROR.format(
        inner=":download_from_remote_peer",
        place="dragonfly-client/src/resource/piece.rs:437",
        said="download piece failed: status: Internal, " + _REFUSED + ", details: [], " + _HEADERS.format(),
        piece=' piece_id="$task_id-$piece"',
    ),
    PARENT_ERROR.format(
        inner="",
        place="dragonfly-client/src/resource/task.rs:986",
        said='download piece $task_id-$piece from remote peer "$parent_id" error: TonicStatus(Status { code: Internal, '
        + _REFUSED + ", " + _HEADERS.format() + ", source: None })",
        piece="",
    ),
)  # fmt: skip


def identifier(rng: np.random.Generator) -> str:
    """Return 64 hex digits."""
    return rng.bytes(32).hex()


def uuid(rng: np.random.Generator) -> str:
    """Return a UUID."""
    digits = rng.bytes(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@dataclass(frozen=True)
class Host:
    """The client that writes, the peers it meets, and what their lines say of them."""

    values: dict[str, object]
    parents: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def of(cls, rng: np.random.Generator) -> Host:
        """Make a host among 40 clients and 3 seed clients."""
        others = tuple(f"10.40.{number // 8}.{20 + number}-node-{number:03}" for number in range(40))
        seeds = tuple(f"10.40.9.{number}-seed-client-{number}-seed" for number in range(3))
        values = {
            "host_id": others[17], "hostname": "node-017", "ip": "10.40.2.37", "host_type": 0, "cpu_percent": 37.5,
            "scheduler_ip": "10.40.8.3", "manager_ip": "10.40.8.4", "pid": int(rng.integers(8, 40000)),
            "no_back_to_source": "false", "download_span": "download_task:download", "remote_ip": "10.40.2.37",
            "stamp": STAMP, "piece": PIECE,
        }  # fmt: skip
        return cls(values, seeds, tuple(other for other in others if other != others[17]))


@dataclass
class Task:
    """One blob on this host: its words, and when its pieces came."""

    wave: Wave
    era: ClientEra
    values: dict[str, object]
    n_pieces: int

    @classmethod
    def of(cls, rng: np.random.Generator, wave: Wave, era: ClientEra, host: Host, n_pieces: int) -> Task:
        """Name a task of so many pieces."""
        task_id = identifier(rng)
        parent = str(rng.choice(host.parents))
        size_bytes = (n_pieces - 1) * PIECE_BYTES + int(rng.integers(512, PIECE_BYTES))
        values = {
            "task_id": task_id, "task_prefix": task_id[:3], "peer_id": f"{host.values['host_id']}-{uuid(rng)}",
            "parent_id": f"{parent.removesuffix('-seed')}-{uuid(rng)}-seed", "content_length": size_bytes,
            "piece_length": PIECE_BYTES, "n_pieces": n_pieces, "pieces": listed(range(n_pieces)),
            "url": f"https://registry.example.net/v2/models/train/blobs/sha256:{identifier(rng)}",
            "remote_host_id": str(rng.choice(host.others)),
        }  # fmt: skip
        return cls(wave, era, {**host.values, **values}, n_pieces)

    def say(self, step: str, time_ns: int, **values: object) -> int:
        """Add the lines of a step of the synthetic runs, 50 microseconds apart; return the time after them."""
        for text in self.era.say(step, self.values | values):
            self.wave.add_one(Line.of(f"{STAMP} {text}"), time_ns)
            time_ns += 50_000
        return time_ns

    def pieces(self, name: str, times_ns: np.ndarray, numbers: np.ndarray, **values: object) -> None:
        """Add one line for each piece."""
        text = self.era.lines[name].substitute(self.values | values)
        self.add(text, times_ns, numbers)

    def add(self, text: str, times_ns: np.ndarray, numbers: np.ndarray) -> None:
        """Add a text for each piece."""
        if len(times_ns):
            column = [NUMBERS[number] for number in numbers.tolist()]
            self.wave.add(Line.of(f"{STAMP} {text}"), times_ns, {PIECE: column})


def listed(numbers: Sequence[int]) -> str:
    """Write piece numbers as the client does."""
    return f"[{', '.join(map(str, numbers))}]"


def schedule(rng: np.random.Generator, begin_ns: int, n_pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of pieces that take turns in a few slots, each lasting seconds by a log-normal law."""
    slots = int(rng.choice((5, 6, 10)))
    turns = -(-n_pieces // slots)
    lasts = (np.minimum(rng.lognormal(-0.9, 0.5, (turns, slots)), 30) * SECOND_NS).astype(np.int64)
    ends = begin_ns + np.cumsum(lasts, axis=0)
    return (ends - lasts).ravel()[:n_pieces], ends.ravel()[:n_pieces] - 1000


def piece_waves(
    rng: np.random.Generator, host: Host, time_ns: int, broken_share: float
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield waves of a v0.1.118 without end: the time after each, and its lines."""
    era = load_client("v0.1.118")
    first = True
    while True:
        wave = Wave(era.stamp)
        if first:
            time_ns = start_process(wave, era, host, time_ns)
            first = False
        ends = []
        for _ in range(3):
            begin_ns = time_ns + int(rng.integers(20 * SECOND_NS))
            n_pieces = int(np.exp(rng.uniform(np.log(16), np.log(LARGEST_TASK_PIECES)))) if rng.random() < 0.8 else 1
            task = Task.of(rng, wave, era, host, n_pieces)
            origin = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            begin_ns = task.say("task_started_client", begin_ns) + 5_000_000
            begin_ns = task.say("task_ready_client", begin_ns) + 5_000_000
            end_ns = ORIGINS[origin](rng, task, begin_ns)
            task.say("task_copied", end_ns)
            if rng.random() < SERVED:
                serve(rng, task, end_ns)
            ends.append(end_ns)
        end_ns = max(ends) + SECOND_NS
        repeat(wave, era, host, time_ns, end_ns)
        time_ns = end_ns
        yield time_ns, wave.render(rng, broken_share)


def start_process(wave: Wave, era: ClientEra, host: Host, time_ns: int) -> int:
    """Add the lines of a process that starts; return the time after them."""
    for line in era.start:
        wave.add_one(Line.of(f"{STAMP} {line.substitute(host.values)}"), time_ns)
        time_ns += 3_000_000
    return time_ns


def repeat(wave: Wave, era: ClientEra, host: Host, begin_ns: int, end_ns: int) -> None:
    """Add the lines a process writes every few seconds."""
    for period_s, line in era.every:
        times = np.arange(begin_ns, end_ns, int(period_s * SECOND_NS))
        wave.add(Line.of(f"{STAMP} {line.substitute(host.values)}"), times, {})


def from_source(rng: np.random.Generator, task: Task, begin_ns: int) -> int:
    """Fetch from the registry by the scheduler's order; some rounds are lost and the rest fetched directly."""
    begin_ns = task.say("round_started", begin_ns)
    numbers = np.arange(task.n_pieces)
    starts, ends = schedule(rng, begin_ns, task.n_pieces)
    if task.n_pieces < 16 or rng.random() > FAILED:
        task.pieces("source_start", starts, numbers)
        task.pieces("source_finish", ends, numbers)
        return task.say("round_done", int(ends.max()), pieces="[]")
    lost = int(rng.integers(task.n_pieces // 2, task.n_pieces))
    kind = str(rng.choice(("timeout", "reset")))
    failed_ns = int(starts[lost]) + (TIMEOUT_NS if kind == "timeout" else int(rng.integers(TIMEOUT_NS)))
    begun = starts < failed_ns
    done = begun & (ends < failed_ns) & (numbers != lost)
    task.pieces("source_start", starts[begun], numbers[begun])
    task.pieces("source_finish", ends[done], numbers[done])
    words = task.era.words(kind, {})
    after_ns = task.say("source_failed", failed_ns, piece=lost, **words)
    task.say("round_failed", after_ns)
    ran_on = begun & ~done & (numbers != lost)
    task.pieces("source_closed", ends[ran_on], numbers[ran_on])
    left = numbers[~done]
    after_ns = task.say("direct_started", after_ns + 1_000_000, pieces=listed(left.tolist()))
    return direct(rng, task, after_ns, left)


def from_source_directly(rng: np.random.Generator, task: Task, begin_ns: int) -> int:
    """Fetch from the registry without the scheduler, which does not answer."""
    after_ns = task.say("scheduler_silent", begin_ns + SECOND_NS)
    after_ns = task.say("direct_started", after_ns, pieces=task.values["pieces"])
    return direct(rng, task, after_ns, np.arange(task.n_pieces))


def direct(rng: np.random.Generator, task: Task, begin_ns: int, numbers: np.ndarray) -> int:
    """Fetch these pieces directly; return when the last came."""
    starts, ends = schedule(rng, begin_ns, len(numbers))
    task.pieces("direct_start", starts, numbers)
    task.pieces("direct_finish", ends, numbers)
    return task.say("direct_done_client", int(ends.max()))


def from_parent(rng: np.random.Generator, task: Task, begin_ns: int) -> int:
    """Fetch from a seed client; now and then it refuses a piece, which is then asked for again."""
    begin_ns = task.say("pull_scheduled", begin_ns)
    numbers = np.arange(task.n_pieces)
    starts, ends = schedule(rng, begin_ns, task.n_pieces)
    task.pieces("received_metadata", starts - 500_000, numbers)
    task.pieces("parent_start", starts, numbers)
    refused = rng.random(task.n_pieces) < 0.01
    for text in PARENT_FAILED:
        full = _filled(text, task.values)
        task.add(full, (starts + 8_000_000)[refused], numbers[refused])
    task.pieces("parent_start", (starts + 12_000_000)[refused], numbers[refused])
    task.pieces("parent_finish", np.maximum(ends, starts + 20_000_000), numbers)
    end_ns = int(ends.max()) + 20_000_000
    end_ns = task.say("collected", end_ns)
    return task.say("pull_done", end_ns, pieces="[]")


def serve(rng: np.random.Generator, task: Task, begin_ns: int) -> None:
    """Upload the pieces to another client."""
    numbers = np.arange(task.n_pieces)
    starts, ends = schedule(rng, begin_ns, task.n_pieces)
    task.pieces("serve_metadata", starts - 300_000, numbers)
    task.pieces("serve_start", starts, numbers)
    task.pieces("serve_finish", ends, numbers)
    task.say("serve_all", int(ends.max()))


def task_waves(
    rng: np.random.Generator, host: Host, time_ns: int, broken_share: float
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield waves of a v1.5.1 without end: tasks, failed pieces, and what repeats."""
    era = load_client("v1.5.1")
    first = True
    while True:
        wave = Wave(era.stamp)
        begin_ns = start_process(wave, era, host, time_ns) if first else time_ns
        first = False
        end_ns = begin_ns + 600 * SECOND_NS
        for at_ns in rng.integers(begin_ns, end_ns - 60 * SECOND_NS, size=50).tolist():
            _quiet_task(rng, wave, era, host, at_ns)
        repeat(wave, era, host, begin_ns, end_ns)
        time_ns = end_ns
        yield time_ns, wave.render(rng, broken_share)


def _quiet_task(rng: np.random.Generator, wave: Wave, era: ClientEra, host: Host, at_ns: int) -> None:
    n_pieces = 1 if rng.random() < 0.4 else int(np.exp(rng.uniform(np.log(4), np.log(200))))
    task = Task.of(rng, wave, era, host, n_pieces)
    at_ns = task.say("task_started_client", at_ns)
    if n_pieces == 1:
        at_ns = task.say("task_ready_direct", at_ns)
        at_ns = task.say("direct_done_client", at_ns + 80_000_000)
    else:
        at_ns = task.say("task_ready_client", at_ns)
        at_ns = task.say("pull_scheduled" if rng.random() < 0.5 else "round_started", at_ns) + 5 * SECOND_NS
        at_ns = _quiet_failure(rng, task, at_ns)
        at_ns = task.say("round_done", at_ns, pieces="[]")
    task.say("task_copied", at_ns)


def _quiet_failure(rng: np.random.Generator, task: Task, at_ns: int) -> int:
    if rng.random() > 0.15:
        return at_ns
    lost, kind = int(rng.integers(task.n_pieces)), str(rng.choice(("timeout", "reset")))
    at_ns = task.say("source_failed", at_ns, piece=lost, **task.era.words(kind, {}))
    siblings = np.setdiff1d(np.arange(task.n_pieces), [lost])[: int(rng.integers(1, 8))]
    task.pieces("source_deleted", at_ns + 40_000 * np.arange(1, len(siblings) + 1), siblings)
    left = listed(sorted([lost, *siblings.tolist()]))
    at_ns = task.say("direct_started", at_ns + SECOND_NS, pieces=left)
    return task.say("direct_done_client", at_ns + 2 * SECOND_NS)


def _filled(text: str, values: dict[str, object]) -> str:
    for name in ("host_id", "task_id", "peer_id", "parent_id", "piece"):
        text = text.replace(f"${name}", str(values[name]))
    return text


ORIGINS = {"source": from_source, "direct": from_source_directly, "parent": from_parent}
