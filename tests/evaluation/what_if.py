"""Predict made-up worlds under changed timeout, concurrency and bandwidth from one run each, and compare with what then happens.

Run it as ``python -m tests.evaluation.what_if [--seeds 2] [--first-seed 1] [--truth-layers 3840] [--write]``; with ``--write`` it writes the
page in ``docs/evaluation``. A run is predicted from its logs alone; the truth is what happened in runs of the same layers with other chance.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import dfly_analysis as dfly
from dfly_analysis.simulation import WhatIf, simulate
from tests.evaluation.worlds import WORLDS, Change, Real, World, really
from tests.synthetic import write_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "what-if.md"
WITHIN = 0.02
_MIN_RUNS = 5


@dataclass(frozen=True)
class Score:
    """One prediction beside what happened."""

    world: str
    client: str
    change: str
    seed: int
    truth: float
    value: float
    low: float
    high: float
    attempt_truth: float
    attempt_value: float
    attempt_low: float
    attempt_high: float
    runs_inside: float
    truth_error: float
    run_error: float

    @property
    def error(self) -> float:
        return self.value - self.truth

    @property
    def covered(self) -> bool:
        # The truth is counted too: it is known to its standard error only.
        return self.low - self.truth_error <= self.truth <= self.high + self.truth_error


def predict(world: World, seed: int, truth_layers: int) -> list[Score]:
    """Predict all changes of a world from the logs of one run, and let them happen."""
    others = range(max(_MIN_RUNS, round(truth_layers / world.layers)))
    truths = {one.name: really(world.changed(one), world.client, seed, others) for one in world.changes}
    with TemporaryDirectory() as folder:
        write_run(folder, case=world.case, client=world.client, seed=seed)
        dataset = dfly.load([f"{folder}/run"])
    fits = dfly.fit_all(dataset)
    return [
        _score(world, change, seed, simulate(dataset, fits, changes=change.asked, copies=60, **change.question), truths[change.name])
        for change in world.changes
    ]  # fmt: skip


def _score(world: World, change: Change, seed: int, found: WhatIf, real: Real) -> Score:
    run = found.run_then
    rate, attempt = run.failure_rate, run.attempt_failure_rate
    part = run.n_layers / world.layers  # of a large run only some layers are run again
    inside = np.mean([run.failed.low <= count * part <= run.failed.high for count in real.by_run])
    return Score(
        world.name, world.client, change.name, seed, real.rate, rate.value, rate.low, rate.high, real.attempt_rate,
        attempt.value, attempt.low, attempt.high, float(inside), real.rate_error, real.run_error,
    )  # fmt: skip


def page(scores: list[Score], first_seed: int, seeds: int, truth_layers: int) -> str:
    """Return the page of results."""
    worlds = list(dict.fromkeys(one.world for one in scores))
    groups = [("all", scores), *((world, [one for one in scores if one.world == world]) for world in worlds)]
    lines = [
        "# Evaluation of what-if predictions",
        "",
        f"Written by `python -m tests.evaluation.what_if --seeds {seeds} --first-seed {first_seed} --truth-layers {truth_layers} --write`, all in one run;",
        "none of its seeds was used while developing the simulation. Links, timeouts and slots were chosen so that layers fail in most of them, using",
        "other seeds, before any prediction. Each row is predicted from the logs of one generated run, which",
        "has 384 layers (about 9 920 pieces), or 96 on shared links (about 2 480). The truth is the failure rate of layers in",
        f"runs of the same layers on the same hosts with other random numbers, about {truth_layers:,} layers in total, so it is known to a percentage point; it is compared with the",
        "interval within its standard error. *One run itself*: the mean difference between the failure rate of a single such run and the truth. A run",
        "determines its distribution only as far as its attempts allow, and so does the prediction: four times the layers halve the uncertainty.",
        "*Nothing* simulates the settings in force. Own rates: each request has its own rate; shared link: 24 or 27 MB/s per host. The second table has",
        f"the median of {seeds} seeds in each figure.",
        "",
        "| setups | predictions | failed layers: error, median | 90 % within | within 2 points | truth in the 95 % interval | a run's count in its interval | one run itself, median | failed attempts: error, median | within 2 points |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_summary(name, group) for name, group in groups),
        "",
        "| setup | client | changed | failed layers | predicted | interval | covered | one run itself | failed attempts | predicted |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    keys = dict.fromkeys((one.world, one.client, one.change) for one in scores)
    return "\n".join(
        [
            *lines,
            *(_row(key, [one for one in scores if (one.world, one.client, one.change) == key]) for key in keys),
            "",
        ]
    )


def _summary(name: str, group: list[Score]) -> str:
    error = np.array([abs(one.error) for one in group])
    attempt = np.array([abs(one.attempt_value - one.attempt_truth) for one in group])
    cells = (
        name, len(group), f"{np.median(error) * 100:.1f} points", f"{np.quantile(error, 0.9) * 100:.1f} points", f"{np.mean(error <= WITHIN):.0%}",
        f"{np.mean([one.covered for one in group]):.0%}", f"{np.mean([one.runs_inside for one in group]):.0%}",
        f"{np.median([one.run_error for one in group]) * 100:.1f} points", f"{np.median(attempt) * 100:.2f} points", f"{np.mean(attempt <= WITHIN):.0%}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _row(key: tuple[str, str, str], own: list[Score]) -> str:
    middle = {
        name: float(np.median([getattr(one, name) for one in own]))
        for name in ("truth", "value", "low", "high", "attempt_truth", "attempt_value", "run_error")
    }
    cells = (
        *key, f"{middle['truth']:.1%}", f"{middle['value']:.1%}", f"{middle['low']:.1%} to {middle['high']:.1%}",
        f"{np.mean([one.covered for one in own]):.0%}", f"± {middle['run_error'] * 100:.1f}", f"{middle['attempt_truth']:.2%}", f"{middle['attempt_value']:.2%}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Predict, compare, print, and perhaps write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--truth-layers", type=int, default=3840)
    parser.add_argument("--worlds", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the predictions to this file")
    parser.add_argument("--read", type=Path, help="take the predictions from such a file, and run nothing")
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    scores = [Score(**one) for one in json.loads(asked.read.read_text())] if asked.read else []
    for world in () if asked.read else WORLDS:
        if asked.worlds and not any(
            f"{world.name} {world.client}".startswith(name) for name in asked.worlds.split(",")
        ):
            continue
        begin = time.monotonic()
        for seed in seeds:
            scores += predict(world, seed, asked.truth_layers)
        print(f"{world.name} {world.client}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        if asked.json:
            asked.json.write_text(json.dumps([asdict(one) for one in scores], indent=1))
    text = page(scores, asked.first_seed, asked.seeds, asked.truth_layers)
    print(text)
    if asked.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
