"""Layers that do not feel each other, run one by one and then put side by side: the same outcome in far fewer steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dfly_analysis.simulation.inputs import Array, Assumptions, ClientBehaviour, Index, Layers, Outcome
from dfly_analysis.simulation.pipeline import run_pipeline

_UNLIKE = 1.6


def are_independent(client_behaviour: ClientBehaviour, assumptions: Assumptions) -> bool:
    """Return whether no link and no rate limiter ties layers to each other under any variant."""
    return not (
        assumptions.contention.any() or assumptions.usual_contention.any() or np.isfinite(client_behaviour.limit_bps)
    )


def run_independent(
    layers: Layers,
    client_behaviour: ClientBehaviour,
    assumptions: Assumptions,
    variant: Index,
    rng: np.random.Generator,
) -> Outcome:
    """Run copies of a pipeline whose layers do not feel each other; arguments as `run_pipeline`."""
    copies, count = len(variant), len(layers.n_pieces)
    time, ok = np.zeros((copies, count)), np.zeros((copies, count), dtype=bool)
    sums = np.zeros((3, copies))
    for alike in _equal_layers(layers.n_pieces):
        # Each copy of each layer is a pipeline of its own: one layer, one lane.
        own = np.tile(alike, copies)
        result = run_pipeline(
            layers, replace(client_behaviour, lanes=1), assumptions, np.repeat(variant, len(alike)), rng, own=own
        )
        time[:, alike] = (result.ended_s - result.started_s).reshape(copies, -1)
        ok[:, alike] = result.ok.reshape(copies, -1)
        sums += [part.reshape(copies, -1).sum(axis=1) for part in (result.attempts, result.cut, result.failed)]
    started = _schedule(time, layers.arrival_s, client_behaviour.lanes)
    return Outcome(started, started + time, ok, *sums)


def _equal_layers(n_pieces: Index) -> Iterator[Index]:
    """Yield layers of nearly one number of pieces, so that no copy waits long for another."""
    order = np.argsort(n_pieces, kind="stable")
    begin = 0
    for place in range(1, len(order) + 1):
        if place == len(order) or n_pieces[order[place]] > _UNLIKE * n_pieces[order[begin]]:
            yield order[begin:place]
            begin = place


def _schedule(time: Array, arrival_s: Array, lanes: int) -> Array:
    """Return when each layer of each copy begins, so many at a time, in the order in which they come."""
    rows = np.arange(len(time))
    free, started = np.zeros((len(time), lanes)), np.zeros_like(time)
    for layer in range(time.shape[1]):
        lane = free.argmin(axis=1)
        started[:, layer] = np.maximum(free[rows, lane], arrival_s[layer])
        free[rows, lane] = started[:, layer] + time[:, layer]
    return started
