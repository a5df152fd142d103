"""From a failing run to advice, to the simulated and the real next run: is the target met, and does the comparison say so?

Run it as ``python -m tests.evaluation.advice [--seeds 1] [--first-seed 1] [--write]``; with ``--write`` it writes docs/evaluation/advice.md.
Each made-up run loses layers to timeouts. It is loaded, diagnosed and fitted; what the overlay sets is given to the simulator, and
to the world itself, whose next run is loaded and compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dfly_analysis as dfly
from dfly_analysis.comparison import compare_datasets
from dfly_analysis.config.helm_values_overlay import Overlay
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.estimates import wilson
from dfly_analysis.recommendation import recommend
from dfly_analysis.simulation import SIMULATED_KEYS, simulate
from dfly_analysis.units import parse_duration
from tests.evaluation.worlds import lost_to_limits
from tests.synthetic import CASES, CLIENTS, VARIANTS, Case, Origin, write_run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "advice.md"
TARGET = 1e-3
SIZES = {
    "to 95 MB": (13_000_000, 42_400_000, 95_000_000, 4_000_000),
    "to 315 MB": (13_000_000, 95_000_000, 168_300_000, 315_000_000),
}
LOADS = {"4 in flight": 4, "8 in flight": 8, "16 in flight": 16}
_LINK = Origin(2.5e6, 0.4, link_bps=24e6)
CAUSES: Mapping[str, Case] = {
    "slow registry": CASES["slow-source"],
    "slower registry": replace(CASES["slow-source"], origin=Origin(1.1e6, 0.4)),
    "stalls": CASES["stalls"],
    "write limit": CASES["write-timeout"],
    "full link": replace(CASES["slow-source"], origin=_LINK, piece_timeout_s=8.0),
    "resets beside": CASES["mixture"],
    "one slow seed": replace(VARIANTS["slow-host"], piece_timeout_s=6.0),
}
_SETTINGS = {
    "seedClient.config.download.pieceTimeout": "piece_timeout_s",
    "seedClient.config.storage.writePieceTimeout": "write_timeout_s",
    "seedClient.config.download.concurrentPieceCount": "concurrent_pieces",
}


@dataclass(frozen=True)
class Planned:
    """One failing run to mend."""

    cause: str
    client: str
    sizes: str
    load: str
    seed: int

    @property
    def case(self) -> Case:
        """Return what is planted."""
        sizes, load = SIZES[self.sizes], LOADS[self.load]
        return replace(CAUSES[self.cause], layer_sizes_bytes=sizes, concurrent_pieces=load, images=6, pulls=0)


@dataclass(frozen=True)
class Result:
    """What became of one run.

    Attributes
    ----------
    planned : Planned
    layers, failed : int
        Of the run itself.
    set : mapping of str to str
        What the overlay sets that the simulator and the world know.
    simulated : float
        Share of the largest layers that timeouts fail under it in the simulator.
    real : float
        Share of layers that limits fail under it in the world, over several runs.
    real_layers : int
    verdict : str
        Of the comparison with the next run.
    because : tuple of str
    """

    planned: Planned
    layers: int
    failed: int
    set: Mapping[str, str]
    simulated: float
    real: float
    real_layers: int
    verdict: str
    because: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether the simulator meets the target."""
        return self.simulated <= TARGET

    @property
    def really_met(self) -> bool:
        """Whether what happened is no proof against the target: at most two standard errors more than it allows."""
        allowed = TARGET * self.real_layers
        return self.real * self.real_layers <= allowed + 2.0 * allowed**0.5


def plan(seeds: Iterable[int]) -> list[Planned]:
    """Return the runs: each cause in each era that can show it, with sizes and loads that change from one to the next."""
    made = []
    for seed in seeds:
        for number, (cause, case) in enumerate(CAUSES.items()):
            for era, client in enumerate(CLIENTS):
                if client not in case.clients:
                    continue
                for place, sizes in enumerate(SIZES):
                    load = list(LOADS)[(number + era + place + seed) % len(LOADS)]
                    made.append(Planned(cause, client, sizes, load, seed))
    return made


def judge(planned: Planned, truth_runs: int = 20) -> Result | None:
    """Follow the advice on one run; None where the run lost nothing to a limit, so that there is nothing to mend."""
    with TemporaryDirectory() as folder:
        before = _load(Path(folder) / "before", planned.case, planned.client, planned.seed)
        cut = int((before.failed_tasks["cause"] == "timeout_too_short").sum())
        if not cut:
            return None
        fits = dfly.fit_all(before)
        advice = recommend(before, diagnose(before), fits, size=None, target_failure_rate=TARGET)
        paths = {path: str(value) for path, value in Overlay.from_advice(advice).paths.items() if path in _SETTINGS}
        changed = replace(planned.case, **{_SETTINGS[path]: _number(path, text) for path, text in paths.items()})
        # The next run is another day: other layers, other chance.
        after = _load(Path(folder) / "after", changed, planned.client, 50_000 + planned.seed)
        comparison = compare_datasets(before, after)
    layers, lost = lost_to_limits(changed, planned.client, planned.seed, range(truth_runs))
    seeds = before.tasks[before.tasks["role"].eq("seedClient") & (before.tasks["size_bytes"] >= 2**20)]
    return Result(
        planned, len(seeds), int(seeds["outcome"].ne("ok").sum()), paths, _simulated(before, fits, advice.size_bytes, paths),
        lost / layers, layers, comparison.verdict, comparison.because,
    )  # fmt: skip


def _load(folder: Path, case: Case, client: str, seed: int) -> Any:
    write_run(folder, case=case, client=client, seed=seed)
    return dfly.load([str(folder / "run")])


def _number(path: str, text: str) -> float:
    return int(text) if SIMULATED_KEYS[path.split(".config.")[1]] == "count" else parse_duration(text)


def _simulated(dataset: Any, fits: Mapping[str, Any], size: int, paths: Mapping[str, str]) -> float:
    """Return the share of layers that fail under the new settings by timeouts alone: the target is for these."""
    alone = {name: replace(fit, endings={}) if hasattr(fit, "endings") else fit for name, fit in fits.items()}
    found = simulate(dataset, alone, changes=[f"{path}={value}" for path, value in paths.items()], size=size)
    return found.layer_then.failure_rate.value if found else 1.0


def page(results: list[Result], runs: int, first_seed: int, seeds: int) -> str:
    """Return the page of results."""
    groups = [("all", results)]
    groups += [(cause, [one for one in results if one.planned.cause == cause]) for cause in CAUSES]
    return "\n".join(
        [
            "# Evaluation of recommendations",
            "",
            f"Written by `python -m tests.evaluation.advice --seeds {seeds} --first-seed {first_seed} --write`: {runs} generated runs, of which {len(results)} lost a layer",
            f"to a timeout. From the logs of each run, settings are recommended for its largest layer and a target of {TARGET:.1%} failures by timeouts.",
            "*Simulated*: `whatif` with the overlay meets the target (without resets and errors, since the target is for timeouts). *Generated*: in",
            "20 further generated runs with the new settings, no more layers fail by timeouts than the target and chance allow. *Helped*: the verdict of `compare` for the run and",
            "the next one, which has other layers.",
            "",
            "| layers lost to | runs | target met, simulated | 95 % interval | target met, generated | verdict helped |",
            "|---|---|---|---|---|---|",
            *(_summary(name, group) for name, group in groups if group),
            "",
            "| layers lost to | client | layers | load | failed | set | simulated | generated | verdict |",
            "|---|---|---|---|---|---|---|---|---|",
            *(_row(one) for one in results),
            "",
        ]
    )


def _summary(name: str, group: list[Result]) -> str:
    met, n = sum(one.met for one in group), len(group)
    band = wilson(met, n)
    cells = (name, n, f"{met / n:.0%}", f"{band.low:.0%} to {band.high:.0%}", f"{sum(one.really_met for one in group) / n:.0%}",
             f"{sum(one.verdict == 'helped' for one in group) / n:.0%}")  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _row(one: Result) -> str:
    told = ", ".join(f"{path.rsplit('.', 1)[1]} {value}" for path, value in one.set.items()) or "nothing"
    cells = (one.planned.cause, one.planned.client, one.planned.sizes, one.planned.load, f"{one.failed} of {one.layers}", told,
             f"{one.simulated:.2%}", f"{one.real:.2%} of {one.real_layers}", one.verdict)  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Judge all planned runs, print the page, and perhaps write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--causes", default="", help="only these, with commas")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--read", type=Path, help="take the results from such a file, and run nothing")
    asked = parser.parse_args()
    chosen = [
        one
        for one in plan(range(asked.first_seed, asked.first_seed + asked.seeds))
        if not asked.causes or one.cause in asked.causes.split(",")
    ]
    told = json.loads(asked.read.read_text()) if asked.read else []
    results = [
        Result(**{**one, "planned": Planned(**one["planned"]), "because": tuple(one["because"])}) for one in told
    ]
    for planned in () if asked.read else chosen:
        found = judge(planned)
        print(
            planned,
            found and (found.set, found.failed, found.simulated, found.real, found.verdict),
            file=sys.stderr,
            flush=True,
        )
        results += [found] if found else []
        if asked.json:
            asked.json.write_text(json.dumps([asdict(one) for one in results], indent=1))
    text = page(results, len(chosen), asked.first_seed, asked.seeds)
    print(text)
    if asked.write:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
