"""Reports made by hand: a run with cut pieces and false successes, a healthy one, and an input without tasks."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import CauseProportion, Diagnosis, Evidence, Finding
from dfly_analysis.models import fit_all
from dfly_analysis.recommendation.recommendations import Advice, Current, NoRecommendation, Recommendation
from dfly_analysis.reporting import Report
from dfly_analysis.schema import COVERAGE, JOBS, PIECES, TASKS

MIB, GIB = 2**20, 2**30
BEGIN = pd.Timestamp("2026-03-01T10:00:00Z")
ATTACK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
LIMIT_S = 6.0
SECTIONS = (
    "verdict", "causes", "evidence", "timeline", "time_table", "waterfall", "durations", "failure_rates", "task_failures", "advice_table",
    "settings_table", "jobs_table", "data_quality", "method", "parameters_table", "sizing", "preheat_plan", "next_runs", "monitoring",
)  # fmt: skip


class Page(HTMLParser):
    """What a page holds: start tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


class TruthlessOverlay:
    """Stands for the Helm values."""

    def to_yaml(self) -> str:
        return "seedClient:\n  config:\n    download:\n      pieceTimeout: 60s\n"


def pieces(n: int = 600, *, limit_s: float = LIMIT_S, seed: int = 5) -> pd.DataFrame:
    """Draw log-normal times of pieces of 4 MiB over three seeds, cut at the limit, a few reset."""
    source = np.random.default_rng(seed)
    time = np.exp(source.normal(0.6, 0.65, n))
    reset = source.exponential(250.0, n)
    seen = np.minimum(np.minimum(time, reset), limit_s)
    outcome = np.where(seen == time, "ok", np.where(seen == limit_s, "timeout", "reset"))
    started = BEGIN + pd.to_timedelta(np.sort(source.uniform(0, 1500, n)), "s")
    return PIECES.frame(
        {
            "task_id": [f"{place % 40:064x}" for place in range(n)],
            "host": [f"seed-client-{place % 3}" for place in range(n)],
            "role": ["seedClient"] * n,
            "piece_number": np.arange(n) // 40,
            "attempt": np.where(source.random(n) < 0.1, 2, 1),
            "origin": ["source"] * n,
            "size_bytes": np.where(source.random(n) < 0.9, 4 * MIB, 3 * MIB),
            "started": started,
            "ended": started + pd.to_timedelta(seen, "s"),
            "duration_s": seen,
            "outcome": outcome,
            "timeout_s": [limit_s] * n,
            "censored": outcome != "ok",
            "log_path": ["seed-client-0/dfdaemon.log"] * n,
            "log_line": np.arange(n) + 1,
        }
    )


def tasks(n: int = 40, *, failed: int = 12) -> pd.DataFrame:
    """Make tasks of 16 MiB to 2 GiB, the larger ones failed, by a timeout but for three."""
    size = np.geomspace(16 * MIB, 2 * GIB, n).round()
    bad = np.arange(n) >= n - failed
    cause = np.where(bad, np.where(np.arange(n) < n - 3, "timeout_too_short", "network_instability"), None)
    started = BEGIN + pd.to_timedelta(np.linspace(0, 1400, n), "s")
    return TASKS.frame(
        {
            "task_id": [f"{place:064x}" for place in range(n)],
            "host": [f"seed-client-{place % 3}" for place in range(n)],
            "role": ["seedClient"] * n,
            "size_bytes": size,
            "started": started,
            "ended": started + pd.Timedelta(60, "s"),
            "duration_s": [60.0] * n,
            "outcome": np.where(bad, "failed", "ok"),
            "cause": cause,
            "confidence": np.where(bad, "high", None),
        }
    )


def coverage() -> pd.DataFrame:
    return COVERAGE.frame(
        [
            {
                "path": "seed-client-0/dfdaemon.log",
                "kind": "log",
                "host": "seed-client-0",
                "lines": 30000,
                "parsed": 29990,
                "continuation": 4,
                "rejected": 6,
                "first": BEGIN,
                "last": BEGIN + pd.Timedelta(1500, "s"),
                "sha256": "ab" * 32,
            }
        ]
    )


def jobs() -> pd.DataFrame:
    made = {"type": "preheat", "scope": "single_seed_peer", "state": "SUCCESS", "created": BEGIN, "layers": 8}
    return JOBS.frame(
        [
            {**made, "job_id": "group_1", "succeeded": 5, "failed": 3},
            {**made, "job_id": "group_2", "succeeded": 8, "failed": 0},
        ]
    )


def diagnosis(line_text: str = ATTACK) -> Diagnosis:
    lines = (
        Evidence("seed-client-0/dfdaemon.log", 18231, "2026-03-01T10:02:07Z ERROR download piece failed: error decoding response body"),
        Evidence("seed-client-0/dfdaemon.log", 18260, line_text),
    )  # fmt: skip
    first, last = "2026-03-01T10:02:07+00:00", "2026-03-01T10:24:40+00:00"
    findings = [
        Finding("content_write_failed", "Content write failed", "present", "medium", 9, 9, first, last, reason="9 writes ended with the body.", echo_of="error_decoding_response_body", evidence=lines[:1]),
        Finding("error_decoding_response_body", "Error decoding response body", "present", "critical", 9, 9, first, last, knob="download.pieceTimeout", reason="9 pieces ended at 6.00 s, the limit in force.", evidence=lines),
        Finding("scheduler_silent", "Scheduler silent", "unknown", "info", reason="the scheduler's log is not in the input"),
        Finding("disk_full", "Disk full", "absent", "info"),
    ]  # fmt: skip
    shares = (
        CauseProportion("timeout_too_short", 0.75, 0.4677, 0.9111, 9),
        CauseProportion("network_instability", 0.25, 0.0889, 0.5323, 3),
    )
    return Diagnosis(findings, shares, "timeout_too_short")


def advice() -> Advice:
    proposal = Recommendation(
        key="download.pieceTimeout",
        role="seedClient",
        helm_path="seedClient.config.download.pieceTimeout",
        current=Current("6s", "user", "values.yaml:12"),
        proposed="60s",
        unit="s",
        low=13.0,
        high=60.0,
        because="11 % of the pieces reached the limit of 6 s; 99.9 % of them would finish within 14 s.",
        confidence="high",
        findings=("error_decoding_response_body",),
        how_to_check="Preheat again: no piece ends at the limit.",
        demanded_bandwidth_bps=17.9e6,
        rule_of_thumb="600 s for images of 20 GB and more",
    )
    return Advice(
        (proposal,), (NoRecommendation("resources", "no restart was seen", "kubectl top"),), (), 20 * GIB, 1e-3
    )


def make_report(*, line_text: str = ATTACK, n_pieces: int = 600) -> Report:
    """Make the failing report, with the text of one log line to choose."""
    values = {"seedClient": {"config": {"download": {"pieceTimeout": "6s"}}}}
    dataset, fits = _failing(n_pieces, Settings.resolve(values, chart="1.3.26"))
    return Report(
        dataset,
        diagnosis(line_text),
        fits,
        advice(),
        TruthlessOverlay(),
        {"paths": ["logs"], "size": "20GiB", "target_failure_rate": 1e-3},
    )


@cache
def failing_report() -> Report:
    """Make the failing report once."""
    return make_report()


_MADE: dict = {}


def _failing(n_pieces: int, settings: Settings):
    if n_pieces not in _MADE:
        dataset = Dataset.from_frames(
            settings, pieces=pieces(n_pieces), tasks=tasks(), jobs=jobs(), coverage=coverage(), missing_inputs=("No scheduler log: who chose the parents cannot be told.",)
        )  # fmt: skip
        _MADE[n_pieces] = dataset, fit_all(dataset)
    return _MADE[n_pieces]


@cache
def healthy_report() -> Report:
    """Make a report in which all tasks finished and no limit was near."""
    values = {"seedClient": {"config": {"download": {"pieceTimeout": "360s"}}}}
    drawn = pieces(limit_s=360.0)
    drawn = drawn[drawn["outcome"] == "ok"]
    dataset = Dataset.from_frames(
        Settings.resolve(values, client="v1.4.0"), pieces=drawn, tasks=tasks(failed=0), coverage=coverage()
    )  # fmt: skip
    fits, nothing = fit_all(dataset), Advice(size_bytes=1 * GIB)
    return Report(dataset, Diagnosis([]), fits, nothing)


@cache
def no_tasks_report() -> Report:
    """Make a report of an input in which nothing was found."""
    dataset = Dataset.from_frames()
    fits, nothing = fit_all(dataset), Advice(no_advice=(NoRecommendation("timeouts", "no pieces were seen", "logs"),))
    return Report(dataset, Diagnosis([]), fits, nothing)
