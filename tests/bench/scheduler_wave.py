"""A preheat and the pulls after it, as the scheduler's core.log tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.bench.client_wave import PIECE_BYTES, identifier, schedule, uuid
from tests.bench.rendering import COST, NUMBERS, PIECE, SECOND_NS, SIZE, STAMP, Line, Wave, costs
from tests.synthetic.versions import SchedulerEra, filter_params, load_scheduler

N_CLIENTS, N_SEEDS, LAYERS = 40, 3, 5
LARGEST_LAYER_PIECES = 400
FAILED = 0.06  # share of layers whose round fails


@dataclass
class Writer:
    """Adds lines of one scheduler version to a wave."""

    wave: Wave
    era: SchedulerEra

    def say(self, step: str, time_ns: int, values: dict[str, object]) -> int:
        """Add the lines of a step, one millisecond after another; return the time after them."""
        for line in self.era.say(step):
            self.wave.add_one(Line.of(line.render(STAMP, values)), time_ns)
            time_ns += 1_000_000
        return time_ns

    def pieces(
        self, name: str, starts: np.ndarray, ends: np.ndarray, sizes: list[bytes], values: dict[str, object]
    ) -> None:
        """Add one report for each piece when it ended."""
        text = self.era.lines[name].render(STAMP, values | {"piece": PIECE, "piece_bytes": SIZE, "cost": COST})
        numbers = NUMBERS[: len(ends)]
        self.wave.add(Line.of(text), ends, {PIECE: numbers, SIZE: sizes, COST: costs(ends - starts)})


def waves(
    rng: np.random.Generator, version: str, time_ns: int, broken_share: float
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield waves of one image each without end: the time after each, and its lines."""
    era = load_scheduler(version)
    first = True
    while True:
        writer = Writer(Wave("zap"), era)
        if first:
            for line in era.start:
                writer.wave.add_one(Line.of(line.render(STAMP, {"scheduler_ip": "10.40.8.3"})), time_ns)
            first = False
        end_ns = _image(rng, writer, time_ns + SECOND_NS)
        _announce(rng, writer, time_ns, end_ns)
        time_ns = end_ns + SECOND_NS
        yield time_ns, writer.wave.render(rng, broken_share)


def _image(rng: np.random.Generator, writer: Writer, time_ns: int) -> int:
    urls = [f"https://registry.example.net/v2/models/train/blobs/sha256:{identifier(rng)}" for _ in range(LAYERS)]
    job = {
        "urls": urls, "url_list": " ".join(urls), "url_quoted": ", ".join(f'"{url}"' for url in urls), "error": "error decoding response body",
        "groupUUID": f"group_{uuid(rng)}", "taskUUID": f"task_{uuid(rng)}", "filter_params": filter_params(), "code": "Internal",
        "seed_ip": "10.40.9.1",
    }  # fmt: skip
    job |= {"group_uuid": job["groupUUID"], "task_uuid": job["taskUUID"]}
    writer.say("job_started", time_ns, job)
    ends = [_layer(rng, writer, time_ns + 20_000_000 * at, job | {"url": url}) for at, url in enumerate(urls)]
    return max(ends)


def _layer(rng: np.random.Generator, writer: Writer, time_ns: int, job: dict[str, object]) -> int:
    n_pieces = int(np.exp(rng.uniform(0, np.log(LARGEST_LAYER_PIECES))))
    last = int(rng.integers(512, PIECE_BYTES))
    sizes = [b"%d" % PIECE_BYTES] * (n_pieces - 1) + [b"%d" % last]
    seed = f"10.40.9.{int(rng.integers(N_SEEDS))}-seed-client-{int(rng.integers(N_SEEDS))}"
    peer = {
        "hostID": f"{seed}-seed", "taskID": identifier(rng), "peerID": f"{seed}-{uuid(rng)}-seed",
        "content_length": (n_pieces - 1) * PIECE_BYTES + last, "n_pieces": n_pieces, "parent_id": "",
    }  # fmt: skip
    values = job | peer
    time_ns = writer.say("layer_queued", time_ns, values)
    time_ns = writer.say("registered", time_ns + 10_000_000, values)
    time_ns = writer.say("round_started", time_ns, values)
    starts, ends = schedule(rng, time_ns, n_pieces)
    writer.pieces("source_piece", starts, ends, sizes, values)
    if rng.random() < FAILED:
        time_ns = writer.say("round_failed", int(ends.max()) + 1_000_000, values)
        return writer.say("layer_failed", time_ns, values)
    time_ns = writer.say("round_done", int(ends.max()) + 1_000_000, values)
    time_ns = writer.say("layer_succeeded", time_ns, values)
    pulls = rng.choice(N_CLIENTS, size=3, replace=False).tolist()
    return max(_pull(rng, writer, time_ns + SECOND_NS, values, client, sizes) for client in pulls)


def _pull(
    rng: np.random.Generator, writer: Writer, time_ns: int, layer: dict[str, object], client: int, sizes: list[bytes]
) -> int:
    host = f"10.40.{client // 8}.{20 + client}-node-{client:03}"
    values = layer | {"hostID": host, "peerID": f"{host}-{uuid(rng)}", "parent_id": layer["peerID"]}
    time_ns = writer.say("pull_registered", time_ns, values)
    time_ns = writer.say("pull_started", time_ns, values)
    starts, ends = schedule(rng, time_ns, len(sizes))
    writer.pieces("parent_piece", starts, ends, sizes, values)
    return writer.say("pull_done", int(ends.max()) + 1_000_000, values)


def _announce(rng: np.random.Generator, writer: Writer, begin_ns: int, end_ns: int) -> None:
    # As many as there are in real logs, 4 lines of 100, not one every ten seconds of each of the clients.
    n_lines = sum(map(len, writer.wave.times))
    for client in rng.integers(N_CLIENTS, size=n_lines // 25).tolist():
        ip, name = f"10.40.{client // 8}.{20 + client}", f"node-{client:03}"
        host_id = f"{ip}-{name}"
        values = {"host_id": host_id, "hostID": host_id, "hostname": name, "ip": ip, "host_type": "0x0"}
        text = writer.era.lines["announce"].render(STAMP, values)
        writer.wave.add_one(Line.of(text), int(rng.integers(begin_ns, end_ns)))
