"""Made-up worlds whose settings, link or source change: what is planted, what is asked, and what then really happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.synthetic import CASES, Case, Hosts, Origin, run_writer
from tests.synthetic.preheat import Layer, Preheat
from tests.synthetic.topology import make_images

MIB = 2**20
SIZES_BYTES = (4_000_000, 13_000_000, 42_400_000, 95_000_000, 168_300_000, 315_000_000)
"""Layers of each image, about 155 pieces of 4 MiB."""


@dataclass(frozen=True)
class Change:
    """One thing that is changed.

    Attributes
    ----------
    name : str
    asked : tuple of str
        As `dfly_analysis.simulation` takes settings.
    question : mapping
        Its further arguments.
    case : mapping
        What differs in the planted case.
    origin : mapping
        What differs at its registry.
    """

    name: str
    asked: tuple[str, ...] = ()
    question: Mapping[str, Any] = field(default_factory=dict)
    case: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What is planted, in which client's pipeline, and what is changed in it."""

    name: str
    client: str
    case: Case
    changes: tuple[Change, ...]

    @property
    def layers(self) -> int:
        """Layers of one run."""
        return self.case.images * len(self.case.layer_sizes_bytes)

    def changed(self, change: Change) -> Case:
        """Return the case with the change made."""
        return replace(self.case, **change.case, origin=replace(self.case.origin, **change.origin))


def timeout(seconds: float) -> Change:
    """Change the piece timeout."""
    text = f"download.pieceTimeout={seconds:g}s"
    return Change(f"pieceTimeout {seconds:g} s", (text,), case={"piece_timeout_s": seconds})


def slots(count: int) -> Change:
    """Change the pieces in flight."""
    text = f"download.concurrentPieceCount={count}"
    return Change(f"concurrentPieceCount {count}", (text,), case={"concurrent_pieces": count})


def source(speed: float, origin: Origin) -> Change:
    """Let the registry be so many times as fast."""
    return Change(f"source × {speed:g}", question={"source_speed": speed}, origin={"rate_bps": origin.rate_bps * speed})


def link(bandwidth_bps: float) -> Change:
    """Change the bandwidth of each host's link."""
    return Change(
        f"link {bandwidth_bps / 1e6:g} MB/s", question={"bandwidth": bandwidth_bps}, origin={"link_bps": bandwidth_bps}
    )


def _case(origin: Origin, timeout_s: float, images: int = 64) -> Case:
    return replace(
        CASES["slow-source"],
        origin=origin,
        piece_timeout_s=timeout_s,
        layer_sizes_bytes=SIZES_BYTES,
        images=images,
        pulls=0,
    )


OWN, CUT = Origin(1.6e6, 0.5), Origin(4e6, 0.3, reset_per_s=0.02)
STALLS = Origin(6e6, 0.25, stall_share=0.04, stall_mean_s=8.0)
SHARED = {"v0.1.118": Origin(2.5e6, 0.4, link_bps=27e6), "v1.5.1": Origin(2.5e6, 0.4, link_bps=24e6)}
NONE = Change("nothing")
_OWN_CHANGES = (
    NONE,
    timeout(5.0),
    timeout(7.0),
    timeout(8.0),
    slots(4),
    slots(16),
    source(0.75, OWN),
    source(1.25, OWN),
)


def _shared_changes(origin: Origin) -> tuple[Change, ...]:
    narrower, wider = link(0.85 * origin.link_bps), link(1.2 * origin.link_bps)
    return (NONE, timeout(8.0), timeout(12.0), slots(6), slots(12), narrower, wider)


WORLDS = (
    *(World("own rates", client, _case(OWN, 6.0), _OWN_CHANGES) for client in ("v0.1.118", "v1.5.1")),
    World("resets", "v1.5.1", _case(CUT, 4.0), (NONE, timeout(2.5), timeout(12.0), slots(16), source(0.6, CUT))),
    World("stalls", "v1.5.1", _case(STALLS, 8.0), (NONE, timeout(5.0), timeout(12.0), slots(4), source(0.5, STALLS))),
    *(
        World("shared link", name, _case(origin, 10.0, images=16), _shared_changes(origin))
        for name, origin in SHARED.items()
    ),
)


@dataclass(frozen=True)
class Real:
    """What happened in runs of a world: layers and attempts, and those that failed; the counts of each run."""

    layers: int
    failed: int
    attempts: int
    attempts_failed: int
    by_run: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Share of layers that failed."""
        return self.failed / self.layers

    @property
    def run_error(self) -> float:
        """How far the rate of one run is from that of all, on average."""
        return float(np.mean(np.abs(np.array(self.by_run) * len(self.by_run) / self.layers - self.rate)))

    @property
    def rate_error(self) -> float:
        """Standard error of the rate: of independent layers, or by how runs scatter, whose layers share their links."""
        share = (self.failed + 0.5) / (self.layers + 1.0)
        alone, runs = np.sqrt(share * (1.0 - share) / self.layers), len(self.by_run)
        return float(max(alone, np.std(self.by_run, ddof=1) * np.sqrt(runs) / self.layers if runs > 1 else 0.0))

    @property
    def attempt_rate(self) -> float:
        """Share of attempts, cancelled ones left out, that failed."""
        return self.attempts_failed / self.attempts


def really(case: Case, client: str, base: int, others: range) -> Real:
    """Let the world of a seed happen several times with other chance, without writing a log: same layers on the same hosts."""
    layers = failed = attempts = lost = 0
    by_run = []
    for other in others:
        ended, world = _happen(case, client, base, other)
        bad = sum(layer.failure is not None for layer in ended)
        asked = {name: count for name, count in world.tally.requests.items() if name != "cut before the limit"}
        layers, failed, attempts = layers + len(ended), failed + bad, attempts + sum(asked.values())
        lost += sum(count for name, count in asked.items() if name != "sent")
        by_run.append(bad)
    return Real(layers, failed, attempts, lost, tuple(by_run))


class _Quiet:
    """A journal in which nothing is written."""

    def _nothing(self, *given: Any, **named: Any) -> None:
        """Do nothing."""

    client_says = raw_client = scheduler_says = zap = _nothing


def _happen(case: Case, client: str, base: int, other: int) -> tuple[list[Layer], Any]:
    """Let a world happen once; return its layers and itself."""
    rng = np.random.default_rng(base)
    world = run_writer._world(case, client, rng, Hosts(), 1.0)
    world.journal = _Quiet()
    preheat = Preheat(world, make_images(rng, client, [list(case.layer_sizes_bytes)] * case.images))
    world.rng = np.random.default_rng([base, other])
    preheat.schedule()
    world.clock.run()
    return [layer for job in preheat.jobs for layer in job.layers if layer.blob.is_layer], world


def lost_to_limits(case: Case, client: str, base: int, others: range) -> tuple[int, int]:
    """Return the layers of several runs of a world, see `really`, and how many of them a limit on a piece failed."""
    layers = lost = 0
    for other in others:
        ended = _happen(case, client, base, other)[0]
        layers += len(ended)
        lost += sum(layer.failure in ("timeout", "write_timeout") for layer in ended)
    return layers, lost
