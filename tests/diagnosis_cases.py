"""Small datasets for tests of the diagnosis."""

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.checks import run_checks
from dfly_analysis.schema import EVENTS, JOBS, PIECES, TASKS

BEGIN = pd.Timestamp("2026-03-01T10:00:00Z")
BODY = "download piece finished: error decoding response body"


def dataset_of(*, events=(), pieces=(), tasks=(), jobs=(), in_force=None):
    known = {"missing_urls": (), "checked": False, "false_success": False}
    job_frame = JOBS.frame([known | row for row in jobs])
    for name in known:
        if name not in job_frame:
            job_frame[name] = pd.Series(dtype=object if name == "missing_urls" else bool)
    frames = {
        "events": EVENTS.frame(events),
        "pieces": PIECES.frame(pieces),
        "tasks": TASKS.frame(tasks),
        "jobs": job_frame,
    }
    return Dataset.from_frames(in_force, **frames)


def event(second, message=BODY, **more):
    row = {
        "time": BEGIN + pd.Timedelta(seconds=second),
        "level": "ERROR",
        "component": "client",
        "host": "seed-0",
        "message": message,
    }
    return row | {"log_path": "seed-0.log", "log_line": int(second * 10) + 1} | more


def pieces_of(host, ok, failed, *, role="seedClient", **more):
    rows = []
    for number in range(ok + failed):
        end = BEGIN + pd.Timedelta(seconds=number)
        row = {
            "task_id": "a" * 64,
            "peer_id": f"{host}-p",
            "host": host,
            "role": role,
            "piece_number": number,
            "attempt": 1,
            "origin": "source",
        }
        row |= {
            "started": end - pd.Timedelta(seconds=1),
            "ended": end,
            "duration_s": 1.0,
            "outcome": "ok" if number < ok else "reset",
        }
        rows.append(row | {"log_path": f"{host}.log", "log_line": number + 1} | more)
    return rows


def finding(dataset, finding_id):
    return next(one for one in run_checks(dataset) if one.id == finding_id)


def job(state="FAILURE", **more):
    row = {
        "job_id": "group_1",
        "type": "preheat",
        "state": state,
        "created": BEGIN,
        "ended": BEGIN + pd.Timedelta(seconds=30),
    }
    return row | {"succeeded": 3, "log_path": "jobs.json", "log_line": 7} | more
