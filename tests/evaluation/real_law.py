"""Fit the law of a piece's time to runs of a real Dragonfly, from their logs alone, and compare with what their registry did.

Run it as ``python tests/evaluation/real_law.py FOLDER [--write]``: the folder holds ``NAME.tar.gz`` (logs and configuration of the hosts)
and ``NAME.served.csv.gz`` (every request at the registry). With ``--write`` it writes the page in ``docs/evaluation``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import dfly_analysis as dfly
from dfly_analysis.fits import Interval
from dfly_analysis.models import DurationFit

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
    found : Interval
    """

    share: float
    truth: float
    seen: float
    found: Interval

    @property
    def error(self) -> float:
        return self.found.value / self.truth - 1.0

    @property
    def held(self) -> bool:
        return self.found.low <= self.truth <= self.found.high


@dataclass(frozen=True)
class Run:
    """One run: its name, the piece asked for, how many requests for whole pieces there were, and the answers.

    Attributes
    ----------
    name, law : str
    piece_bytes, requests, attempts, cut : int
    answers : tuple of Asked
        None where the logs carry no fit.
    """

    name: str
    law: str
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
    fit = dfly.fit_all(dataset)["piece_from_source"]
    if not isinstance(fit, DurationFit):
        return Run(name, fit.reason, piece_bytes, len(took), 0, 0, ())
    pieces = dataset.pieces
    chosen = (pieces["origin"] == "source") & (pieces["outcome"] == "ok") & (pieces["size_bytes"] == piece_bytes)
    seen = pieces["duration_s"][chosen.fillna(value=False)]
    answers = tuple(
        Asked(share, float(took.quantile(share)), float(seen.quantile(share)), fit.quantile(float(piece_bytes), share))
        for share in SHARES
    )
    return Run(name, fit.law, piece_bytes, len(took), fit.n, fit.n_censored, answers)


def page(runs: list[Run]) -> str:
    """Return the page of results."""
    held = [one.held for run in runs for one in run.answers]
    near = sum(run.near for run in runs)
    whole = [one for run in runs if not run.cut for one in run.answers]
    own = sum(one.found.low <= one.seen <= one.found.high for one in whole)
    lines = [
        "# A piece's time in real runs",
        "",
        "Written by `tests/evaluation/real_law.py FOLDER --write`: runs of a real Dragonfly against a registry that notes what it did. The law is",
        "fitted from the logs alone (`piece_from_source`), the family not told; the truth are the quantiles of what the registry took for every",
        "request of a whole piece: its own seconds where it sent all, the rate and stall drawn for it where the request was cut. These are quantiles of",
        "a thousand requests, so the 99.9 % one is that of one or two of them. *In the log* are the finished pieces alone, too short where some were",
        "cut. Where nothing was cut and the log itself is far from the registry, the clients' hosts took the time: they read and write a piece more slowly",
        "than the registry sends it, and their limit counts that too. No fit of the logs can know the registry better than they do.",
        "",
        f"Both quantiles within {100 * NEAR:.0f} %: {near} of {len(runs)} runs. The registry's time in the 95 % interval: {sum(held)} of {len(held)}.",
        f"Where nothing was cut, the clients' own quantile is known as well, which is what a limit on their side meets: in the interval in {own} of {len(whole)}.",
        "",
        "| run | attempts fitted | not finished | law | 99 %: registry | in the log | fitted | interval | error | held | 99.9 %: registry | in the log | fitted | interval | error | held |",
        f"|{' --- |' * 16}",
        *(_row(run) for run in runs),
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def _row(run: Run) -> str:
    cells: list[object] = [run.name, run.attempts, run.cut, run.law.replace("_", " ")]
    for one in run.answers:
        cells += [
            f"{one.truth:.2f} s", f"{one.seen:.2f} s", f"{one.found.value:.2f} s", f"{one.found.low:.2f} to {one.found.high:.2f}",
            f"{one.error:+.0%}".replace("%", " %"), "yes" if one.held else "no",
        ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Fit, compare, print, and perhaps write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    names = sorted(path.name.removesuffix(_REQUESTS) for path in asked.folder.glob(f"*{_REQUESTS}"))
    if not names:
        sys.exit(f"no NAME{_REQUESTS} in {asked.folder}")
    text = page([judge(asked.folder, name) for name in names])
    print(text)
    if asked.write:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
