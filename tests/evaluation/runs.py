"""Runs to evaluate a diagnosis on: what is planted, in which era, in what shape the input comes, and with what noise."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.synthetic import CASES, CLIENTS, VARIANTS, Case, Truth, write_run
from tests.wrapping import SHAPES

Files = Mapping[str, bytes]
_SLOW, _KILLED, _DISK = CASES["slow-source"], CASES["killed"], CASES["disk-full"]
MIXTURES: tuple[Case, ...] = (
    CASES["mixture"],
    replace(_SLOW, name="slow+kills", planted="a slow registry and three kills", kills=3),
    replace(_SLOW, name="slow+token", planted="a slow registry, and a token that expires after 35 s", origin=replace(_SLOW.origin, refusal="token", refusal_from_s=35.0)),
    replace(_DISK, name="disk+resets", planted="small volumes and resets", volume_bytes=1_500_000_000, origin=replace(CASES["resets"].origin, reset_per_s=0.06)),
    replace(_KILLED, name="kills+throttled", planted="three kills, and 429 for 20 s", origin=replace(_KILLED.origin, refusal="throttled", refusal_from_s=20.0, refusal_until_s=40.0)),
    replace(CASES["resets"], name="resets+503", planted="resets, and 503 for 20 s", origin=replace(CASES["resets"].origin, refusal="registry", refusal_from_s=15.0, refusal_until_s=35.0)),
)  # fmt: skip
WRAPPED = ("cri", "docker-json", "kubectl-timestamps", "grafana-csv")
SINGLE = (*(case for case in CASES.values() if case.name not in ("mixture", "twenty")), *VARIANTS.values())


@dataclass(frozen=True)
class Planned:
    """One run to make and diagnose.

    Attributes
    ----------
    case : Case
    client : str
    seed : int
    shape, noise, part : str
        Keys of `SHAPED`, `NOISY` and `PARTS`.
    """

    case: Case
    client: str
    seed: int
    shape: str = "plain"
    noise: str = "none"
    part: str = "whole"

    def write(self, folder: Path) -> Truth:
        """Write the run and return its truth; ``folder/run`` is the input."""
        truth = write_run(folder, case=self.case, client=self.client, seed=self.seed, images=4, layers_per_image=4)
        run = folder / "run"
        files = {
            path.relative_to(run).as_posix(): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()
        }
        changed = SHAPED[self.shape](NOISY[self.noise](PARTS[self.part](files)))
        for name in files:
            (run / name).unlink()
        for name, data in changed.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(data)
        return truth


def plan(seeds: int, *, every_shape: bool = True) -> Iterator[Planned]:
    """Yield all runs: each cause and mixture in each era; then shapes and noises, each on cases that differ."""
    everything = [*SINGLE, *MIXTURES]
    for case in everything:
        for client in CLIENTS:
            if client in case.clients:
                yield from (Planned(case, client, seed) for seed in range(1, seeds + 1))
    if not every_shape:
        return
    changed = [("shape", name) for name in SHAPED if name != "plain"]
    changed += [("noise", name) for name in NOISY if name != "none"] + [
        ("part", name) for name in PARTS if name != "whole"
    ]
    for number, case in enumerate(everything):
        for place, (what, name) in enumerate(changed):
            client = CLIENTS[(number + place) % len(CLIENTS)]
            if client in case.clients:
                yield replace(Planned(case, client, 100 + place), **{what: name})


def _each_log(change: Callable[[str, bytes], tuple[str, bytes]]) -> Callable[[Files], Files]:
    def apply(files: Files) -> Files:
        made = {}
        for name, data in files.items():
            new_name, new_data = change(name, data) if name.endswith(".log") and data else (name, data)
            made[new_name] = new_data
        return made

    return apply


def _wrap(shape: str) -> Callable[[Files], Files]:
    def apply(files: Files) -> Files:
        made: dict[str, bytes] = {}
        for name, data in files.items():
            if name.endswith(".log") and data:
                made[name] = SHAPES[shape]({name.split("/", 1)[0]: data})
            else:
                made[name] = data
        return made

    return apply


def _without(*parts: str) -> Callable[[Files], Files]:
    return lambda files: {name: data for name, data in files.items() if not any(part in name for part in parts)}


def _foreign(files: Files) -> Files:
    """Add what lies about in such folders and is none of Dragonfly's."""
    chatter = b"".join(
        b"2026/05/12-06:00:%02d.1 7f1 [db/compaction.cc:12] compaction job %d error: none\n" % (n % 60, n)
        for n in range(400)
    )
    extra = {
        "seed-client-0/dfdaemon/var_lib_dragonfly_metadata_LOG": chatter,
        "README.txt": b"error decoding response body, they say\n" * 20,
    }
    return {**files, **extra}


def _harmless(files: Files) -> Files:
    """Add what a healthy client prints at WARN and ERROR all the time."""
    line = "{}Z {} dragonfly-client/src/gc/mod.rs:1: {}\n"
    texts = (
        ("WARN", "container detected but cgroup memory stats unavailable, falling back to process stats"),
        ("ERROR", "no blkio controller found for pid 4711"),
    )

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if "dfdaemon.log" not in name or "T" not in data[:19].decode("utf-8", "replace"):
            return name, data
        stamp = data.split(b" ", 1)[0].decode().rstrip("Z").split("+")[0]
        extra = "".join(line.format(stamp, *texts[n % 2]) for n in range(200)).encode()
        return name, extra + data

    return _each_log(change)(files)


SHAPED: Mapping[str, Callable[[Files], Files]] = {
    "plain": lambda files: files,
    "gzip": _each_log(lambda name, data: (f"{name}.gz", gzip.compress(data, 1))),
    **{name: _wrap(name) for name in WRAPPED},
}
NOISY: Mapping[str, Callable[[Files], Files]] = {
    "none": lambda files: files,
    "no configuration": _without(".yaml"),
    "no jobs": _without("jobs.json"),
    "foreign files": _foreign,
    "harmless lines": _harmless,
}


def _only(*parts: str) -> Callable[[Files], Files]:
    return lambda files: {name: data for name, data in files.items() if any(name.startswith(part) for part in parts)}


def _errors(name: str, data: bytes) -> tuple[str, bytes]:
    """Keep what somebody finds who greps for errors."""
    marks = (b" ERROR ", b'"level":"error"')
    return name, b"".join(line for line in data.splitlines(keepends=True) if any(mark in line for mark in marks))


def _later(name: str, data: bytes) -> tuple[str, bytes]:
    lines = data.splitlines(keepends=True)
    return name, b"".join(lines[len(lines) // 3 :])


PARTS: Mapping[str, Callable[[Files], Files]] = {
    "whole": lambda files: files,
    "logs of the seeds": lambda files: {
        name: data for name, data in _only("seed-client")(files).items() if name.endswith(".log")
    },
    "logs of the scheduler": lambda files: {
        name: data for name, data in _only("scheduler")(files).items() if name.endswith(".log")
    },
    "job JSON": _only("jobs.json"),
    "one seed missing": _without("seed-client-0/"),
    "error lines": lambda files: {
        name: data for name, data in _each_log(_errors)(files).items() if name.endswith(".log") and data
    },
    "without the beginning": _each_log(_later),
}
