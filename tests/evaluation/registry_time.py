"""Tell a registry's time apart from its hosts' in generated attempts, and compare with what was planted.

Run it as ``python -m tests.evaluation.registry_time [--runs N] [--first-seed S] [--write]``; with ``--write`` it writes the page in
``docs/evaluation``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval
from dfly_analysis.models import DurationFit, fit_duration
from dfly_analysis.models.registry_time import RegistryFit, fit_registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "registry-time.md"
SHARES = (0.99, 0.999)
PIECE_BYTES = 4 << 20
NEAR = 0.2
_BEGIN = pd.Timestamp("2026-01-01T00:00:00Z")
_TASKS, _SIZES, _SLOTS, _EVERY_S, _TOGETHER = 18, (3, 10, 22, 40, 75, 130), 8, 20.0, 6
_TRUTHS = 24


@dataclass(frozen=True)
class Kind:
    """What is planted: a registry of a second a piece, by the median, and what hosts add.

    Attributes
    ----------
    name : str
    sigma : float
        Spread of the log of the registry's time.
    added_s : callable
        What a host adds on average (exponential), given its number and the moment in seconds.
    slower : callable
        By what factor the registry is slower at a moment.
    limit_s : float
    hosts : int
    """

    name: str
    sigma: float = 0.3
    added_s: Callable[[int, float], float] = lambda host, moment_s: 0.0
    slower: Callable[[float], float] = lambda moment_s: 1.0
    limit_s: float = float("inf")
    hosts: int = 3


KINDS = (
    Kind("hosts add nothing"),
    Kind("hosts add nothing, a tenth is cut", sigma=0.4, limit_s=1.6),
    Kind("hosts add nothing, all nearly alike", sigma=0.01),
    Kind("one host slow for a time", added_s=lambda host, moment_s: 0.8 if host == 2 and moment_s < 25.0 else 0.0),
    Kind("one host always slow", added_s=lambda host, moment_s: 0.8 if host == 2 else 0.0),
    Kind(
        "all hosts slow whenever images begin", added_s=lambda host, moment_s: 0.8 if moment_s % _EVERY_S < 4.0 else 0.0
    ),
    Kind("all hosts add 0.2 s, always", added_s=lambda host, moment_s: 0.2),
    Kind("registry slow for a time", slower=lambda moment_s: 1.8 if moment_s < 20.0 else 1.0),
    Kind("registry wavers", slower=lambda moment_s: float(np.exp(0.3 * np.sin(moment_s / 7.0)))),
)


def happen(kind: Kind, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Let hosts fetch layers, eight pieces of each at once; return the attempts, and what the registry took for each."""
    rows, registry = [], []
    for task in range(_TASKS):
        host, pieces = int(rng.integers(kind.hosts)), int(rng.choice(_SIZES))
        free = np.full(_SLOTS, task // _TOGETHER * _EVERY_S + 0.5 * rng.random())
        for number in range(pieces):
            slot = int(free.argmin())
            begin = float(free[slot])
            own = float(np.exp(kind.sigma * rng.standard_normal())) * kind.slower(begin)
            lasted = own + rng.exponential() * kind.added_s(host, begin)
            cut = lasted > kind.limit_s
            rows.append(
                (f"task-{task}", f"host-{host}", number, begin, min(lasted, kind.limit_s), "timeout" if cut else "ok")
            )
            registry.append(own)
            free[slot] += rows[-1][4]
    frame = pd.DataFrame(rows, columns=["task_id", "host", "piece_number", "begin", "duration_s", "outcome"])
    frame["started"] = _BEGIN + pd.to_timedelta(frame.pop("begin"), unit="s")
    limit = kind.limit_s if np.isfinite(kind.limit_s) else np.nan
    return frame.assign(size_bytes=PIECE_BYTES, origin="source", round=1, timeout_s=limit), np.array(registry)


@dataclass(frozen=True)
class Asked:
    """What one run says of the registry's quantiles, in the order of `SHARES`, and who it says was slow."""

    verdict: str
    found: tuple[Interval, ...]


def ask(kind: Kind, seed: int) -> Asked:
    """Fit one run."""
    pieces, _ = happen(kind, np.random.default_rng([seed, 0]))
    clients = fit_duration(pieces)
    assert isinstance(clients, DurationFit)
    told = fit_registry(pieces, clients)
    fit = told or clients
    verdict = "alike" if told is None else "hosts" if isinstance(told, RegistryFit) and told.of_hosts else "either"
    return Asked(verdict, tuple(fit.quantile(PIECE_BYTES, share) for share in SHARES))


def truth(kind: Kind, seed: int) -> list[float]:
    """Return the registry's quantiles, of many runs together."""
    took = np.concatenate([happen(kind, np.random.default_rng([seed, 1, other]))[1] for other in range(_TRUTHS)])
    return [float(np.quantile(took, share)) for share in SHARES]


def _row(kind: Kind, first_seed: int, runs: int) -> str:
    really = truth(kind, first_seed)
    made = [ask(kind, seed) for seed in range(first_seed, first_seed + runs)]
    cells = [kind.name, *(sum(one.verdict == verdict for one in made) for verdict in ("alike", "hosts", "either"))]
    for place, value in enumerate(really):
        found = [one.found[place] for one in made]
        errors = np.array([one.value / value - 1.0 for one in found])
        held = sum(one.low <= value <= one.high for one in found)
        width = float(np.median([one.high / one.low for one in found]))
        cells += [f"{100 * np.median(errors):+.0f} %", int((np.abs(errors) <= NEAR).sum()), held, f"{width:.2f}"]
    return f"| {' | '.join(map(str, cells))} |"


def page(rows: list[str], first_seed: int, runs: int) -> str:
    """Return the page of results."""
    lines = [
        "# Evaluation of `registry_time` on generated runs",
        "",
        f"Written by `python -m tests.evaluation.registry_time --runs {runs} --first-seed {first_seed} --write`: {runs} runs of each kind, {_TASKS} layers of 3 to 130 pieces on",
        "three hosts, six concurrent layers, eight concurrent pieces per layer. The registry's median time for a piece is one second; the time added by hosts is",
        "exponential, 0.8 s on average when they are slow. The periods of a run are *alike*, then the clients' distribution is the registry's; or the *hosts*",
        "were slow; or *either*, and the interval contains both. The truth is the quantile of the registry's own times. *Within* is within 20 %,",
        "*width* the median of the upper divided by the lower end of the interval.",
        "",
        "| true cause | alike | hosts | either | 99 %: error, median | within | covered | width | 99.9 %: error, median | within | covered | width |",
        f"|{' --- |' * 12}",
        *rows,
        "",
        "If all hosts are slow at once, or the registry is, the data cannot tell: the value is halfway, and the interval is wide. Time that all hosts always",
        "add counts as the registry's time; logs cannot separate it.",
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def main() -> None:
    """Fit, compare, print, and perhaps write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=7001)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = page([_row(kind, asked.first_seed, asked.runs) for kind in KINDS], asked.first_seed, asked.runs)
    print(text)
    if asked.write:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
