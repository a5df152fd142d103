"""Rebuilds public failure reports as small inputs, diagnoses them, and writes docs/evaluation/practice.md: our verdict beside theirs.

python -m tests.evaluation.practice
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

import dfly_analysis as dfly

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "evaluation" / "practice.md"
BEGIN = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
SEED, CLIENT = "seed-client-0", "client-0"
_RUST_TEXTS = {
    "start": "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO",
    "host": "announce host to 10.1.0.3:8002",
    "piece": "start to download piece TASK-PIECE from source",
    "source": "need back to source response",
    "direct": "interested pieces after downloading from scheduler: [0]",
    "done": "download task succeeded",
    "done4": "interested pieces: [0, 1, 2]",
}


@dataclass(frozen=True)
class Row:
    """One report.

    Attributes
    ----------
    issue, about, basis, why : str
    said : tuple of str
        What maintainers say; ``none`` where no task failed.
    ours : str
        Our primary cause, ``none`` where no task failed.
    finding : str or None
        What had to be present beside it.
    found : bool
        Whether it is, True where nothing had to.
    """

    issue: str
    about: str
    basis: str
    said: tuple[str, ...]
    ours: str
    finding: str | None
    found: bool
    why: str

    @property
    def agrees(self) -> bool:
        """Whether our verdict is one of theirs, or the finding that says it is present."""
        return (self.ours in self.said and self.found) or (
            self.finding is not None and self.found and self.ours in ("none", "unknown")
        )


def rows(every: int = 1) -> Iterator[Row]:
    """Rebuild and diagnose each report, or one of so many."""
    for case in yaml.safe_load((HERE / "practice.yaml").read_text("utf-8"))[::every]:
        with tempfile.TemporaryDirectory(prefix="dfly-practice-") as folder:
            _write(Path(folder), case)
            findings = dfly.diagnose(
                dfly.load(Path(folder), settings=dfly.Settings.resolve(client=case.get("release")))
            )
        wanted = case.get("finding")
        present = {one.id for one in findings.present()}
        yield Row(
            case["issue"],
            case["about"],
            case["basis"],
            tuple(case["said"]),
            findings.primary_cause or "none",
            wanted,
            wanted is None or wanted in present,
            case.get("why", ""),
        )


def render(table: Sequence[Row]) -> str:
    """Return the page."""
    agreed = sum(row.agrees for row in table)
    lines = [
        "# Evaluation on public failure reports",
        "",
        f"{len(table)} reports from public issue trackers, each rebuilt from its description as the smallest input with the reported failure, in Dragonfly's",
        f"formats. The verdict agrees with the maintainers, or with the change that fixed it, in **{agreed} of {len(table)}** ({agreed / len(table):.0%}).",
        "*None* means that no task failed. Written by `python -m tests.evaluation.practice`; a test repeats every fourth.",
        "",
        "| report | failure | maintainers | basis | this program | agreement |",
        "|---|---|---|---|---|---|",
    ]
    lines += [line_of(row) for row in table]
    lines += ["", "## Differences", ""]
    lines += [f"* **{row.issue}**: {row.why}" for row in table if not row.agrees]
    return "\n".join([*lines, ""])


def line_of(row: Row) -> str:
    """Return the line of a report in the page's table."""
    ours = f"{row.ours}{f', `{row.finding}`' if row.finding and row.found else ''}"
    agrees = "yes" if row.agrees else "no"
    return f"| {row.issue} | {row.about} | {', '.join(row.said)} | {row.basis} | {ours} | {agrees} |"


def _write(folder: Path, case: Mapping[str, Any]) -> None:
    settings = case.get("settings", {})
    for key, host in (("seed", SEED), ("client", CLIENT)):
        if key in case:
            _put(folder / host / "dfdaemon" / "dfdaemon.log", "".join(_rust(line, host) for line in case[key]))
            download = "".join(f"  {name}: {value}\n" for name, value in settings.items())
            is_seed = "true" if key == "seed" else "false"
            _put(
                folder / host / "dfdaemon.yaml",
                f"host:\n  hostname: {host}\ndownload:\n  concurrentPieceCount: 8\n{download}seedPeer:\n  enable: {is_seed}\n",
            )
    if "scheduler" in case:
        _put(folder / "scheduler-0" / "scheduler" / "core.log", "".join(_zap(line) for line in case["scheduler"]))
    if "go" in case:
        _put(
            folder / CLIENT / "daemon" / "core.log",
            "".join(_zap(line, "peer/peertask_conductor.go:1") for line in case["go"]),
        )
    if "job" in case:
        _put(folder / "jobs.json", json.dumps([_job(**case["job"])], indent=1))
    if "pods" in case:
        _put(folder / "pods.json", json.dumps(_pods(**case["pods"]), indent=1))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _split(line: str) -> tuple[datetime, str, str, str]:
    seconds, level, rest = line.split(" ", 2)
    text, _, of = rest.partition(" | ")
    return BEGIN + timedelta(seconds=float(seconds)), level, text, of


def _task(of: str) -> str:
    return (of.split("-", maxsplit=1)[0].encode().hex() * 64)[:64]


def _blob(of: str) -> str:
    number = re.match(r"\d+", of)
    return f"https://registry.example/v2/m/blobs/sha256:{_task(number[0] if number else '0')}"


def _rust(line: str, host: str) -> str:
    moment, level, text, of = _split(line)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%f000+00:00")
    if of == "start":
        return f"{stamp} {level:>5} dragonfly-client/src/tracing/mod.rs:131: {_RUST_TEXTS.get(text, text)}\n"
    suffix = "-seed" if host == SEED else ""
    task, piece = _task(of), of.partition("-")[2]
    if text == "task":
        text = f'download task started: Download {{ url: "{_blob(of)}", digest: None, range: None }}'
    elif text.startswith("copy "):
        text = f'copy "/var/lib/dragonfly/content/tasks/{task[:3]}/{task}" failed: {text.removeprefix("copy ")}'
    text = _RUST_TEXTS.get(text, text).replace("TASK", task).replace("PIECE", piece)
    ids = f'host_id="10.1.0.10-{host}{suffix}" task_id="{task}" peer_id="10.1.0.10-{host}-{of.split("-")[0]}{suffix}"'
    at = f' piece_id="{task}-{piece}"' if piece else ""
    return f"{stamp} {level:>5} download_task: dragonfly-client/src/resource/task.rs:1: {text} {ids}{at}\n"


def _zap(line: str, caller: str = "job/job.go:1") -> str:
    moment, level, text, of = _split(line)
    record = {"level": level, "ts": moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], "caller": caller}
    if text == "preheat":
        text = f"[preheat]: preheat {_blob(of)}"
    record["msg"] = text.replace("BLOB", _blob(of))
    if of:
        record |= (
            {"task": _task(of), "peer": f"10.1.0.4-{CLIENT}-{of}"} if "[preheat]" not in text else {"taskID": _task(of)}
        )
    return json.dumps(record, separators=(",", ":")) + "\n"


def _job(state: str, error: str) -> dict[str, Any]:
    created, ended = (BEGIN + timedelta(seconds=second) for second in (0, 900))
    part = {
        "task_uuid": "task_1",
        "task_name": "preheat",
        "state": state,
        "results": None,
        "error": error,
        "created_at": created.isoformat(),
        "ttl": 0,
    }
    return {
        "id": 1, "created_at": created.isoformat(), "updated_at": ended.isoformat(), "task_id": "group_1", "type": "preheat", "state": state,
        "args": {"type": "image", "url": "https://registry.example/v2/m/manifests/1"},
        "result": {"group_uuid": "group_1", "state": state, "job_states": [part]},
    }  # fmt: skip


def _pods(pod: str, reason: str, code: int, at: float) -> dict[str, Any]:
    ended = (BEGIN + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {
        "name": "c",
        "restartCount": 1,
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": ended}},
        "state": {},
    }
    item = {
        "kind": "Pod",
        "metadata": {"name": pod, "namespace": "d"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"containerStatuses": [status]},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [item]}


if __name__ == "__main__":
    made = list(rows())
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(made), "utf-8")
    for row in made:
        print("agree " if row.agrees else "DIFFER", row.issue, row.said, row.ours, row.finding, row.found)  # noqa: T201
    sys.exit(0)
