"""Builders for tests of recommendations: drawn attempts at pieces, tasks, findings and fits."""

from functools import cache

import numpy as np
import pandas as pd

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.models import fit_all
from dfly_analysis.schema import COVERAGE, EVENTS, JOBS, PIECES, RUNS, TASKS

MIB = 2**20
GIB = 2**30
PIECE, WRITE = "download.pieceTimeout", "storage.writePieceTimeout"


@cache
def drawn_pieces(
    n=900, size_bytes=16 * MIB, limit_s=30.0, median_s=10.0, sigma=0.6, role="seedClient", origin="source"
):
    """Draw attempts of a log-normal distribution, right-censored at a timeout."""
    source = np.random.default_rng(3)
    uncut = median_s * np.exp(sigma * source.standard_normal(n))
    cut = uncut > limit_s
    started = pd.Timestamp("2025-03-01T10:00:00Z") + pd.to_timedelta(np.arange(n), unit="s")
    return PIECES.frame(
        {
            "task_id": [f"task-{number % 9}" for number in range(n)],
            "host": [f"seed-{number % 3}" for number in range(n)],
            "role": [role] * n,
            "piece_number": np.arange(n),
            "attempt": [1] * n,
            "origin": [origin] * n,
            "size_bytes": [size_bytes] * n,
            "started": started,
            "duration_s": np.minimum(uncut, limit_s),
            "outcome": np.where(cut, "timeout", "ok"),
            "timeout_s": [limit_s] * n,
            "censored": cut,
        }
    )


def drawn_tasks(failed=4, cause="timeout_too_short", role="seedClient", size_bytes=20 * GIB):
    """Make tasks of one size, some of which failed for one cause."""
    rows = [
        {
            "task_id": f"task-{number}",
            "role": role,
            "size_bytes": size_bytes,
            "outcome": "failed" if number < failed else "ok",
            "cause": cause if number < failed else None,
        }
        for number in range(9)
    ]
    return TASKS.frame(rows)


def dataset_of(settings, pieces=None, tasks=None, events=None):
    return Dataset.from_frames(
        events=EVENTS.frame() if events is None else events,
        pieces=PIECES.frame() if pieces is None else pieces,
        tasks=TASKS.frame() if tasks is None else tasks,
        jobs=JOBS.frame(),
        runs=RUNS.frame(),
        coverage=COVERAGE.frame(),
        settings=settings,
    )


def found(*present, cause=None, tasks=4):
    shares = [CauseProportion(cause, 1.0, 0.5, 1.0, tasks)] if cause else []
    return Diagnosis([Finding(name, name, "present", "high", count=3, tasks=tasks) for name in present], shares, cause)


def timeouts():
    return found("reqwest_body_timed_out", "error_decoding_response_body", cause="timeout_too_short")


def no_fits():
    return {"piece_from_source": NotFitted("piece_from_source", "no piece was seen", "logs at debug level", 0)}


@cache
def fits_of(*key):
    return fit_all(dataset_of(Settings(), drawn_pieces(*key)))
