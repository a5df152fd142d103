"""Fit the law of a piece's time to runs of a real Dragonfly, from their logs alone, and compare with what their registry did.

Run it as ``python -m tests.evaluation.real_law FOLDER [--write]``: the folder holds ``NAME.tar.gz`` (logs and configuration of the hosts)
and ``NAME.served.csv.gz`` (every request at the registry). With ``--write`` it writes the page in ``docs/evaluation``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import dfly_analysis as dfly
from dfly_analysis.estimates import Interval
from dfly_analysis.models import DurationFit
from dfly_analysis.models.registry_time import NAME as REGISTRY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "real-law.md"
SHARES = (0.99, 0.999)
NEAR = 0.2
_REQUESTS = ".served.csv.gz"


@dataclass(frozen=True)
class Asked:
    """One quantile of one run: what the registry took, what the logs say.

    Attributes
    ----------
    share : float
    truth, seen : float
        Seconds: at the registry, and of the pieces that finished by the logs (too short where some were cut).
    found, clients : Interval
        What the logs say of the registry's own time, and of the clients'.
    """

    share: float
    truth: float
    seen: float
    found: Interval
    clients: Interval

    @property
    def error(self) -> float:
        return self.found.value / self.truth - 1.0

    @property
    def held(self) -> bool:
        return self.found.low <= self.truth <= self.found.high

    @property
    def clients_held(self) -> bool:
        return self.clients.low <= self.seen <= self.clients.high


@dataclass(frozen=True)
class Run:
    """One run: its name, the piece asked for, how many requests for whole pieces there were, and the answers.

    Attributes
    ----------
    name, law : str
    stretches : str
        What stretches of attempts tell: all ``alike``, ``hosts`` were slow, or ``either`` hosts or registry.
    piece_bytes, requests, attempts, cut : int
    answers : tuple of Asked
        None where the logs carry no fit.
    """

    name: str
    law: str
    stretches: str
    piece_bytes: int
    requests: int
    attempts: int
    cut: int
    answers: tuple[Asked, ...]

    @property
    def near(self) -> bool:
        return bool(self.answers) and all(abs(one.error) <= NEAR for one in self.answers)


def origin_times(path: Path) -> tuple[int, pd.Series]:
    """Return the usual length of a piece, and what the registry took for each request of it, were it not cut.

    A request that was sent whole took the seconds counted, and never less than its drawn rate and stall say; one that was cut
    would have taken what was drawn for it.
    """
    rows = pd.read_csv(path)
    size = rows["stop"] - rows["start"]
    piece_bytes = int(size[size >= 4 << 20].mode().iloc[0])
    rows = rows[size == piece_bytes]
    drawn = piece_bytes / rows["rate_bps"] + rows["stalled_s"].fillna(0.0)
    return piece_bytes, drawn.where(rows["how"] != "sent", rows["seconds"].clip(lower=drawn))


def judge(folder: Path, name: str) -> Run:
    """Fit one run from its logs and compare."""
    piece_bytes, took = origin_times(folder / f"{name}{_REQUESTS}")
    dataset = dfly.load([str(folder / f"{name}.tar.gz")])
    fits = dfly.fit_all(dataset)
    clients = fits["piece_from_source"]
    if not isinstance(clients, DurationFit):
        return Run(name, clients.reason, "", piece_bytes, len(took), 0, 0, ())
    fit = fits.get(REGISTRY, clients)
    stretches = "alike" if fit is clients else "hosts" if fit.of_hosts else "either"
    pieces = dataset.pieces
    chosen = (pieces["origin"] == "source") & (pieces["outcome"] == "ok") & (pieces["size_bytes"] == piece_bytes)
    seen = pieces["duration_s"][chosen.fillna(value=False)]
    answers = tuple(
        Asked(
            share, float(took.quantile(share)), float(seen.quantile(share)),
            *(one.quantile(float(piece_bytes), share) for one in (fit, clients)),
        )
        for share in SHARES
    )  # fmt: skip
    return Run(name, clients.model, stretches, piece_bytes, len(took), clients.n, clients.n_censored, answers)


def page(runs: list[Run]) -> str:
    """Return the page of results."""
    held = [one.held for run in runs for one in run.answers]
    near = sum(run.near for run in runs)
    whole = [one for run in runs if not run.cut for one in run.answers]
    own = sum(one.clients_held for one in whole)
    lines = [
        "# Evaluation of piece durations on real runs",
        "",
        "Written by `python -m tests.evaluation.real_law FOLDER --write`: runs of a real Dragonfly with a registry that records its own times. The distributions are",
        "fitted to the logs alone, with unknown family: `piece_from_source` for the durations at the clients, to which the timeout applies,",
        "and `registry_time` for the registry's own times if periods differ significantly; otherwise one distribution is both. The truth is the",
        "quantile of the registry's times for every request of a full piece: the recorded time if it sent everything, the time drawn for it",
        "if the request was closed. There are about a thousand requests, so the 99.9 % quantile depends on one or two of them. *In the log* is the quantile of",
        "finished pieces only, too short if some timed out. *Periods* are `alike`; or slow ones are due to the `hosts`, because another host was",
        "fast at the same time; or `either` hosts or registry were slow, and the interval contains both.",
        "",
        f"Both quantiles of the registry are within {100 * NEAR:.0f} %: {near} of {len(runs)} runs. The registry's time is in the 95 % interval: {sum(held)} of {len(held)}.",
        f"Without timeouts the clients' own quantile is known as well: it is in the fitted interval in {own} of {len(whole)}.",
        "",
        *(line for place in range(len(SHARES)) for line in _table(runs, place)),
    ]  # fmt: skip
    return "\n".join(lines)


def _table(runs: list[Run], place: int) -> list[str]:
    head = (
        "run",
        "periods",
        "registry, true",
        "registry, fitted",
        "interval",
        "error",
        "covered",
        "in the log",
        "clients, distribution",
        "clients, fitted",
        "interval",
        "censored",
    )
    share = f"{SHARES[place]:.1%}".replace(".0%", "%").replace("%", " %")
    return [
        f"## {share} of pieces",
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(_row(run, place) for run in runs if run.answers),
        "",
    ]


def _row(run: Run, place: int) -> str:
    one = run.answers[place]
    cells = (
        run.name, run.stretches, f"{one.truth:.2f} s", f"{one.found.value:.2f} s", f"{one.found.low:.2f} to {one.found.high:.2f}",
        f"{one.error:+.0%}".replace("%", " %"), "yes" if one.held else "no", f"{one.seen:.2f} s", run.law.replace("_", " "),
        f"{one.clients.value:.2f} s", f"{one.clients.low:.2f} to {one.clients.high:.2f}", f"{run.cut} of {run.attempts}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def evaluate_runs(description: str, written: Path, render: Callable[[Path, list[str]], str]) -> None:
    """Print what is rendered of the runs in the folder that the command line names, and write it with ``--write``."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    names = sorted(path.name.removesuffix(_REQUESTS) for path in asked.folder.glob(f"*{_REQUESTS}"))
    if not names:
        sys.exit(f"no NAME{_REQUESTS} in {asked.folder}")
    text = render(asked.folder, names)
    print(text)
    if asked.write:
        written.write_text(text, "utf-8")


if __name__ == "__main__":
    evaluate_runs(__doc__, PAGE, lambda folder, names: page([judge(folder, name) for name in names]))
