"""Predict made-up worlds under changed timeout, concurrency and bandwidth from one run each, and compare with what then happens.

Run it as ``python tests/evaluation/what_if.py [--seeds 4] [--first-seed 1] [--write]``; with ``--write`` it writes the page
in ``docs/evaluation``. A run is predicted from its logs alone; the truth is what happened in runs of other seeds.
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

sys.path.insert(0, str(Path(__file__).resolve().parent))
from worlds import WORLDS, Change, Real, World, really

import dfly_analysis as dfly
from dfly_analysis.simulate import WhatIf, simulate
from dfly_analysis.synth import write_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "what-if.md"
WITHIN = 0.02


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

    @property
    def error(self) -> float:
        return self.value - self.truth

    @property
    def covered(self) -> bool:
        # The truth is counted too: it is known to its standard error only.
        return self.low - self.truth_error <= self.truth <= self.high + self.truth_error


def predict(world: World, seed: int, others: range) -> list[Score]:
    """Predict all changes of a world from the logs of one run, and let them happen."""
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
    inside = np.mean([run.failed.low <= count <= run.failed.high for count in real.by_run])
    return Score(
        world.name, world.client, change.name, seed, real.rate, rate.value, rate.low, rate.high, real.attempt_rate,
        attempt.value, attempt.low, attempt.high, float(inside), real.rate_error,
    )  # fmt: skip


def page(scores: list[Score], seeds: range, layers: int) -> str:
    """Return the page of results."""
    error = np.array([abs(one.error) for one in scores])
    attempt = np.array([abs(one.attempt_value - one.attempt_truth) for one in scores])
    inside = np.mean([one.covered for one in scores])
    within = np.mean([one.attempt_low <= one.attempt_truth <= one.attempt_high for one in scores])
    rows = []
    for key in dict.fromkeys((one.world, one.client, one.change) for one in scores):
        own = [one for one in scores if (one.world, one.client, one.change) == key]
        rows.append(
            f"| {key[0]} | {key[1]} | {key[2]} | {np.mean([one.truth for one in own]):.1%} | {np.median([one.value for one in own]):.1%} | "
            f"{np.median([one.low for one in own]):.1%} to {np.median([one.high for one in own]):.1%} | "
            f"{np.mean([one.covered for one in own]):.0%} | {np.mean([one.attempt_truth for one in own]):.2%} | {np.median([one.attempt_value for one in own]):.2%} |"
        )
    return "\n".join(
        [
            "# What-if, predicted and real",
            "",
            f"Written by `tests/evaluation/what_if.py --seeds {len(seeds)} --first-seed {seeds[0]} --write`. From the logs of one made-up run",
            "(96 layers, about 2 480 pieces) each row's world is predicted; the truth is the share of layers that failed in runs",
            f"of the same layers on the same hosts with other chance ({layers:,} layers, so known to about a point, and held against the interval to within its standard error). *Nothing* replays the settings in force. Own rates: each",
            "request draws its own; shared link: 24 or 30 MB/s a host, shared by its pieces.",
            "",
            "| figure | layers | attempts at pieces |",
            "|---|---|---|",
            f"| predictions | {len(scores)} | {len(scores)} |",
            f"| error, median | {np.median(error) * 100:.2f} points | {np.median(attempt) * 100:.2f} points |",
            f"| error, 90 % of predictions are within | {np.quantile(error, 0.9) * 100:.1f} points | {np.quantile(attempt, 0.9) * 100:.1f} points |",
            f"| predictions within 2 points | {np.mean(error <= WITHIN):.0%} | {np.mean(attempt <= WITHIN):.0%} |",
            f"| the 95 % interval holds the truth | {inside:.0%} | {within:.0%} |",
            f"| a single run's count of failed layers lies in its interval | {np.mean([one.runs_inside for one in scores]):.0%} | |",
            "",
            "| world | client | changed | layers that fail | predicted, middle of seeds | interval, middle of seeds | held | attempts that fail | predicted |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Predict, compare, print, and perhaps write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--truth-runs", type=int, default=25)
    parser.add_argument("--worlds", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    scores: list[Score] = []
    for world in WORLDS:
        if asked.worlds and not any(
            f"{world.name} {world.client}".startswith(name) for name in asked.worlds.split(",")
        ):
            continue
        begin = time.monotonic()
        for seed in seeds:
            scores += predict(world, seed, range(asked.truth_runs))
        print(f"{world.name} {world.client}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        if asked.json:
            asked.json.write_text(json.dumps([asdict(one) for one in scores], indent=1))
    text = page(scores, seeds, asked.truth_runs * 96)
    print(text)
    if asked.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
