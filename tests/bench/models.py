"""Measures the duration law: errors, coverage and time on laws it is not told, beside what other packages make of the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.models import fit_duration
from tests.bench.distributions import FAMILIES, LIMIT_S, MIB, Drawn, sample

# Laws, sizes and seeds for the page; none of them was used while the models were built.
SEED, N, FITS, PEER_FITS = 28_110_000, 3_000, 24, 2
MANY = 1_000_000
PEERS = ("lifelines==0.30.3", "surpyval", "statsmodels", "pandas<3", "numpy<2.3")
SCRIPT = Path(__file__).resolve().parent / "peers" / "survival.py"
RATES_S = (15.0, 60.0, 120.0)
POINT = 0.01

Record = dict[str, Any]


def measure_models(
    work: Path, fits: int = FITS, minutes: float = float("inf"), peer_fits: int = PEER_FITS, known: Record | None = None
) -> Iterator[Record]:
    """Time a large fit, then fit samples of every law in rounds, and yield what there is after each; stop when time is up.

    The peers fit the samples of the first rounds; with none for them their known figures stay.
    """
    many, rows, handed = timed(), {name: [] for name in FAMILIES}, []
    end, number = time.monotonic() + 60.0 * minutes, 0
    peers: Record = (known or {}).get("peers", {})
    while number < fits and (number < max(peer_fits, 1) or time.monotonic() < end):
        for place, name in enumerate(FAMILIES):
            law, pieces = drawn(name, number)
            rows[name].append(score(law, pieces))
            if number < peer_fits:
                handed.append(hand_over(law, pieces, name, work / f"sample-{place}-{number}.csv"))
        number += 1
        if number == peer_fits:
            peers = run_peers(handed, work)
        laws = [summed(name, of_law) for name, of_law in rows.items()]
        yield {"n": N, "fits": number, "laws": laws, "many": many, "peers": peers}


def measure_laws(names: Sequence[str], fits: int, known: Record) -> Iterator[Record]:
    """Fit more samples of some laws, of which too few leave open whether they are held, and yield the known figures with theirs.

    The first samples are those that the known figures are of, so that none is chosen; the other laws' figures stay.
    """
    for name in names:
        made = summed(name, [score(*drawn(name, number)) for number in range(fits)]) | {"fits": fits}
        known = known | {"laws": [made if law["name"] == name else law for law in known["laws"]]}
        yield known


def drawn(name: str, number: int) -> tuple[Drawn, pd.DataFrame]:
    """Draw a law of a family and a sample of it."""
    source = np.random.default_rng(SEED + 1000 * list(FAMILIES).index(name) + number)
    law = FAMILIES[name](source)
    return law, sample(law, source, N)


def score(law: Drawn, pieces: pd.DataFrame) -> Record:
    """Fit one sample and compare with the law it was drawn from."""
    began = time.process_time()
    fit = fit_duration(pieces)
    made: Record = {"cut": float((pieces["outcome"] != "ok").mean())}
    for name, size, p in (("tail", 64 * MIB, 0.999), ("inside", 16 * MIB, 0.99)):
        truth, found = law.quantile(size, p), fit.quantile(size, p)
        made |= {f"{name}_error": found.value / truth - 1.0, f"{name}_held": found.low <= truth <= found.high}
        made |= {f"{name}_high": found.high / truth, f"{name}_finite": bool(np.isfinite(found.high))}
    for timeout in RATES_S:
        truth, found = law.survival(timeout, 64 * MIB), fit.timeout_rate(64 * MIB, timeout)
        made |= {
            f"rate_{timeout:.0f}_error": found.value - truth,
            f"rate_{timeout:.0f}_held": found.low <= truth <= found.high,
        }
    truth, found = law.failure(64 * MIB, 60.0), fit.failure_rate(64 * MIB, 60.0)
    made |= {"failure_60_error": found.value - truth, "failure_60_held": found.low <= truth <= found.high}
    made["stall_named"] = "stall_share" in fit.goodness
    made["seconds"] = time.process_time() - began
    return made


def summed(name: str, rows: list[Record]) -> Record:
    """Sum up the fits of one law."""
    frame = pd.DataFrame(rows)
    made: Record = {"name": name, "cut": round(float(frame["cut"].mean()), 3)}
    for part in ("tail", "inside"):
        errors = frame[f"{part}_error"].abs()
        made |= {
            f"{part}_error": round(float(errors.median()), 4),
            f"{part}_error_90": round(float(errors.quantile(0.9)), 4),
        }
    made["tail_high"] = round(float(frame["tail_high"].median()), 2)
    made["finite"] = bool(frame["tail_finite"].all())
    held = [column for column in frame.columns if column.endswith("_held")]
    made |= {column: round(float(frame[column].mean()), 3) for column in held}
    for timeout in RATES_S[1:]:
        made[f"within_{timeout:.0f}"] = round(float((frame[f"rate_{timeout:.0f}_error"].abs() < POINT).mean()), 3)
        made[f"rate_{timeout:.0f}_error"] = round(float(frame[f"rate_{timeout:.0f}_error"].abs().median()), 5)
    made["stall_named"] = round(float(frame["stall_named"].mean()), 3)
    made["seconds"] = round(float(frame["seconds"].median()), 3)
    return made


def timed() -> Record:
    """Time one fit of a million attempts with tasks and hosts, and its first interval."""
    source = np.random.default_rng(SEED - 1)
    pieces = sample(FAMILIES["log-normal"](source), source, MANY)
    pieces["task_id"] = [f"task-{code}" for code in source.integers(0, 20_000, MANY)]
    pieces["host"] = [f"host-{code}" for code in source.integers(0, 20, MANY)]
    fit_duration(pieces.iloc[:2_000]).quantile(64 * MIB, 0.999)
    walls, processor = [], []
    for _ in range(3):
        began = time.perf_counter(), time.process_time()
        fit_duration(pieces).quantile(64 * MIB, 0.999)
        walls.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return {
        "n": MANY, "median_s": round(sorted(walls)[1], 3), "fastest_s": round(min(walls), 3),
        "processor_s": round(sorted(processor)[1], 3),
    }  # fmt: skip


def hand_over(law: Drawn, pieces: pd.DataFrame, name: str, path: Path) -> Record:
    """Write a sample for the peers, with what is asked of it and the truth for the scores."""
    pieces[["size_bytes", "duration_s", "outcome"]].to_csv(path, index=False)
    return {
        "law": name, "path": str(path), "limit_s": LIMIT_S,
        "asked": [[64 * MIB, 0.999], [16 * MIB, 0.99]],
        "truth": [law.quantile(64 * MIB, 0.999), law.quantile(16 * MIB, 0.99)],
    }  # fmt: skip


def run_peers(handed: list[Record], work: Path) -> Record:
    """Have the peers fit the same samples in an environment of their own."""
    home = work / "peers"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    made = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *PEERS], capture_output=True, text=True, check=False
    )
    if made.returncode:
        return {"failure": f"pip could not install {', '.join(PEERS)}"}
    (work / "handed.json").write_text(json.dumps(handed))
    command = [python, "-I", str(SCRIPT), str(work / "handed.json"), str(work / "peers.json")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        print(found.stderr, file=sys.stderr)
        return {"failure": f"exit code {found.returncode}"}
    answers = json.loads((work / "peers.json").read_text())
    return {"versions": answers["versions"], "seconds": answers["seconds"], "rows": [
        peer_row(way, answers["answers"][way], handed) for way in answers["answers"]
    ]}  # fmt: skip


def peer_row(way: str, answers: list[list[float | None]], handed: list[Record]) -> Record:
    """Sum up one way of a peer: the median over laws of the median error, the worst law, and how often there is none."""
    made: Record = {"name": way}
    for place, part in enumerate(("tail", "inside")):
        errors = pd.DataFrame([
            (one["law"], np.nan if given[place] is None else abs(given[place] / one["truth"][place] - 1.0))
            for one, given in zip(handed, answers, strict=True)
        ], columns=["law", "error"])  # fmt: skip
        calm = errors[~errors["law"].str.startswith("stalls")]
        by_law = calm.groupby("law")["error"].median()
        made |= {f"{part}_error": _kept(by_law.median()), f"{part}_worst": _kept(by_law.max())}
        made[f"{part}_none"] = round(float(errors["error"].isna().mean()), 3)
    return made


def _kept(value: float) -> float | None:
    return None if not np.isfinite(value) else round(float(value), 4)
