"""Runs of the Go client (v2.0 to v2.1): what its daemons log of a pull at info level, with the complaints that those lines carry."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.synthetic.log_writer import BEGIN

GO_CLIENT = "Go v2.1"
GO_COMPLAINTS = {
    "corrupt": "corrupt_parent",
    "stale-scheduler": "scheduler_address_wrong",
    "storm": "back_to_source_storm",
}
_HOSTS, _PULLS, _SECONDS = 6, 4, 8.0
_URL = "https://registry.example/v2/ml/train/blobs/sha256:{digest}"


class _Log:
    """The log of one host's daemon."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.ip, self.host = f"10.1.0.{10 + number}", f"node-{number}"
        self.seed = number == 0
        self.lines: list[tuple[float, str]] = []
        self.rng = rng

    def peer(self) -> str:
        peer = f"{self.ip}-{self.rng.randrange(1000, 9999)}-{self.rng.getrandbits(32):08x}-0000-4000-8000-{self.rng.getrandbits(48):012x}"
        return f"{peer}_Seed" if self.seed else peer

    def say(self, at_s: float, level: str, place: str, text: str, **fields: Any) -> None:
        stamp = (BEGIN + timedelta(seconds=at_s)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        record = {"level": level, "ts": stamp, "caller": place, "msg": text, **fields}
        self.lines.append((at_s, json.dumps(record, separators=(",", ":"))))


def write_go_run(folder: Path, complaint: str | None, seed: int) -> None:
    """Write the daemons' logs of a run in which a seed peer fetches blobs, and other hosts pull them; None plants nothing."""
    rng = random.Random(seed)
    hosts = [_Log(number, rng) for number in range(_HOSTS)]
    digests = [f"{rng.getrandbits(256):064x}" for _ in range(_PULLS)]
    parents = {}
    for number, digest in enumerate(digests):
        parents[digest] = _pull(hosts[0], digest, 5.0 + number * _SECONDS, from_source=True)
    for host in hosts[1:]:
        if complaint == "stale-scheduler":
            for number in range(12):
                text = "scheduler 10.9.9.9 dragonfly-scheduler-0.scheduler.dragonfly-system.svc. 8002 has not reachable addresses"
                host.say(10.0 * number, "warn", "config/dynconfig_manager.go:125", text)
        at_s = 60.0
        for digest in digests:
            at_s += _SECONDS + rng.random()
            corrupt = parents[digest] if complaint == "corrupt" and digest != digests[-1] else None
            _pull(host, digest, at_s, from_source=complaint == "storm", corrupt=corrupt)
    for host in hosts:
        path = folder / host.host / "daemon" / "core.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for _, line in sorted(host.lines)), "utf-8")


def _pull(host: _Log, digest: str, at_s: float, *, from_source: bool, corrupt: str | None = None) -> str:
    """Write one pull, and return its peer id."""
    peer = host.peer()
    own = {"peer": peer, "task": digest, "component": "PeerTask"}
    host.say(
        at_s, "info", "transport/transport.go:302", f"start download with url: {_URL.format(digest=digest)}", **own
    )
    if from_source:
        host.say(at_s + 0.2, "info", "peer/peertask_conductor.go:576", "receive back source code", **own)
        host.say(at_s + 0.2, "info", "peer/piece_manager.go:430", "start to download from source", **own)
    for piece in range(3 if corrupt else 0):
        text = f"download piece failed, piece num: {piece}, error: piece digest mismatch, expected: md5:aa{piece}, actual: md5:bb{piece}, from peer: {corrupt}"
        host.say(at_s + 0.5 + piece / 10, "error", "peer/piece_manager.go:172", text, **own)
    cost_ms = round(1000 * (2.0 + host.rng.random() * 3.0))
    if from_source:
        host.say(at_s + cost_ms / 1000 - 0.01, "info", "peer/piece_manager.go:470", "download from source ok", **own)
    host.say(
        at_s + cost_ms / 1000, "info", "peer/peertask_conductor.go:1270", f"peer task done, cost: {cost_ms}ms", **own
    )
    return peer
