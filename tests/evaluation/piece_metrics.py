"""Fit the durations of pieces from logs, from Prometheus' metrics and from both, and compare each with what the registry did.

Run it as ``python -m tests.evaluation.piece_metrics FOLDER [--write]``, with the runs of `tests.evaluation.real_law`; runs whose metrics
have no durations of pieces are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import dfly_analysis as dfly
from dfly_analysis.dataset import Dataset
from dfly_analysis.models.model_selection import fit_attempts
from dfly_analysis.models.piece_histograms import PIECE_DURATION_METRIC, histogram_attempts
from dfly_analysis.models.weighted_attempts import PIECES_SQL, load_attempts
from dfly_analysis.schema import PIECES, RUNS
from tests.evaluation.real_law import PAGE as REAL_LAW
from tests.evaluation.real_law import SHARES, evaluate_runs, origin_times

PAGE = REAL_LAW.with_name("piece-metrics.md")
HEAD = """# Evaluation of piece durations from metrics

Written by `python -m tests.evaluation.piece_metrics FOLDER --write`: runs of a real Dragonfly of client v1.5.4 and later, whose metrics have the durations
of pieces in buckets of a factor of two. The durations of pieces from the registry are fitted to the logs alone, to the metrics alone, and to both, in which
no attempt counts twice; the configuration is known in all three. The truth is that of [the evaluation on real runs](real-law.md).

| run | input | attempts | censored | share | registry, true | fitted | 95 % interval | error | covered |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def inputs(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Yield what the logs hold, what the metrics hold, and both."""
    yield "logs", dataset.with_frames(runs=RUNS.frame({}))
    yield "metrics", dataset.with_frames(pieces=PIECES.frame({}))
    yield "both", dataset


def rows(folder: Path, name: str) -> Iterator[str]:
    """Yield the rows of a run's table."""
    dataset = dfly.load([str(folder / f"{name}.tar.gz")])
    if not dataset.rows("SELECT 1 FROM runs WHERE metric = ? LIMIT 1", [PIECE_DURATION_METRIC]):
        return
    piece_bytes, took = origin_times(folder / f"{name}.served.csv.gz")
    for title, one in inputs(dataset):
        attempts = (
            load_attempts(one, PIECES_SQL).with_rows(histogram_attempts(one)).select("origin", "source").attempts()
        )
        fit = fit_attempts(attempts, "piece_from_source")
        for share in SHARES if fit else ():
            true_s, found = float(took.quantile(share)), fit.quantile(float(piece_bytes), share)
            if math.isnan(true_s):  # a shared link, whose times depend on what else is in flight
                continue
            cells = (
                name, title, f"{fit.n:,}", f"{fit.n_censored:,}", f"{100 * share:g} %", f"{true_s:.2f} s", f"{found.value:.2f} s",
                f"{found.low:.2f} to {found.high:.2f} s", f"{100 * (found.value / true_s - 1):+.0f} %",
                "yes" if found.low <= true_s <= found.high else "no",
            )  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def page(folder: Path, names: list[str]) -> str:
    """Return the page: a table of all runs."""
    return "\n".join([HEAD, *(row for name in names for row in rows(folder, name)), ""])


if __name__ == "__main__":
    evaluate_runs(__doc__, PAGE, page)
