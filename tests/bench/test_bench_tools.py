"""The benchmark's own tools: logs as they are said to be, figures as they were measured."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis import load
from dfly_analysis.units import parse_duration
from tests.bench import models
from tests.bench.big_log import write_client_log, write_scheduler_log
from tests.bench.distributions import FAMILIES, MIB, sample
from tests.bench.measure import Command, Figure, Run, run
from tests.bench.models import peer_row, score, summed
from tests.bench.page import page
from tests.bench.rendering import costs, stamps

STAMP = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3,6}")


@pytest.mark.parametrize("write", [write_client_log, write_scheduler_log])
def test_a_log_is_as_big_as_asked_and_the_same_each_time(write, tmp_path):
    """Size and seed alone decide; the last line is whole."""
    n_lines = write(tmp_path / "a.log", 200_000, 7)
    write(tmp_path / "b.log", 200_000, 7)
    write(tmp_path / "c.log", 200_000, 8)
    first, again, other = ((tmp_path / f"{name}.log").read_bytes() for name in "abc")
    assert first == again != other
    assert 150_000 < len(first) <= 200_000
    assert first.endswith(b"\n")
    assert first.count(b"\n") == n_lines


@pytest.mark.parametrize("write", [write_client_log, write_scheduler_log])
def test_times_rise_where_no_line_is_broken(write, tmp_path):
    """Both versions in the file go on from one another."""
    write(tmp_path / "a.log", 400_000, broken_share=0)
    times = [STAMP.search(line)[0].replace(b" ", b"T") for line in (tmp_path / "a.log").open("rb")]
    assert [time[:23] for time in times] == sorted(time[:23] for time in times)


def test_about_two_lines_of_a_hundred_are_warnings_or_errors(tmp_path):
    """And a tenth of one is broken."""
    n_lines = write_client_log(tmp_path / "a.log", 40_000_000)
    text = (tmp_path / "a.log").read_bytes()
    assert 0.01 < len(re.findall(rb"^\S+ (?: WARN|ERROR) ", text, re.MULTILINE)) / n_lines < 0.03
    whole = len(re.findall(rb"^\d{4}-\d\d-\d\dT\S+ +[A-Z]+ .*\.rs:\d+: ", text, re.MULTILINE))
    assert 0.0001 < 1 - whole / n_lines < 0.003


def test_the_package_reads_whole_lines_without_a_remainder(tmp_path):
    """Starts and ends belong together: pieces that were not cut by the end of the file have an outcome."""
    write_client_log(tmp_path / "dfdaemon.log", 1_000_000, broken_share=0)
    dataset = load([tmp_path / "dfdaemon.log"])
    assert dataset.coverage["rejected"].sum() == 0
    outcomes = dataset.pieces["outcome"].value_counts(normalize=True)
    assert outcomes["ok"] > 0.9
    assert dataset.pieces["duration_s"].dropna().gt(0).all()


TIMES = st.lists(st.integers(0, 4 * 10**18), min_size=1, max_size=20)


@given(TIMES)
def test_stamps_say_the_time(times_ns):
    """Nanoseconds are kept; the scheduler's stamps are cut to milliseconds."""
    times = np.array(times_ns)
    read = np.array(
        [stamp.removesuffix(b"+00:00").decode() for stamp in stamps(times, "nanoseconds")], "datetime64[ns]"
    )
    assert (read.astype(np.int64) == times).all()
    milli = np.array([stamp.decode() for stamp in stamps(times, "zap")], "datetime64[ms]")
    assert (milli.astype(np.int64) == times // 10**6).all()


@given(st.integers(1, 10**12))
def test_costs_read_back(duration_ns):
    """A cost in Go's words is the duration to the nearest unit it prints."""
    said = parse_duration(costs(np.array([duration_ns]))[0].decode())
    assert said == pytest.approx(duration_ns / 1e9, abs=1e-6)


def test_a_run_counts_its_rows_and_the_memory_of_its_children():
    """Two processes of 60 MB at a time are 120 MB, whoever started them."""
    hold = "import time; held = bytearray(60_000_000); time.sleep(0.5)"
    both = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; child.wait()"
    assert run(Command("both", (sys.executable, "-c", both))).peak_bytes > 120_000_000
    assert run(Command("one", (sys.executable, "-c", hold))).peak_bytes < 110_000_000


def test_a_benchmark_that_is_cut_off_ends_what_it_measures(tmp_path):
    """What `timeout` sends reaches the command that runs just then, in its session of its own."""
    told = tmp_path / "told"
    hold = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(60)"
    measured = (
        f"from tests.bench.measure import *; end_when_told(); run(Command('held', (sys.executable, '-c', {hold!r})))"
    )
    benchmark = subprocess.Popen([sys.executable, "-c", measured], cwd=Path(__file__).resolve().parents[2])
    while not (told.exists() and told.read_text()):
        assert benchmark.poll() is None
        time.sleep(0.02)
    benchmark.terminate()
    assert benchmark.wait() == 128 + signal.SIGTERM
    left = Path(f"/proc/{told.read_text()}/stat")

    def ended():  # an entry may stay until its new parent asks
        return not left.exists() or left.read_text().rpartition(")")[2].split()[0] in "ZX"

    assert any(ended() or time.sleep(0.02) for _ in range(500))


def test_a_failure_says_its_last_words():
    """A command that fails gives a reason instead of a figure, and one that is missing says so."""
    assert run(Command("bad", (sys.executable, "-c", "raise SystemExit('/a/b.d/c: no such thing')"))).failure == (
        "exit code 1: c: no such thing"
    )
    assert run(Command("absent", ("no-such-command-here",))).failure == "not installed"
    assert Figure("bad", [Run(1.0), Run(failure="broke")]).record() == {"name": "bad", "failure": "broke"}


def test_the_page_shows_what_the_store_holds():
    """Ratios are taken within a table; what did not run says why; an area that is missing is left out."""
    stamp = {"date": "2026-01-02", "machine": "a machine"}
    fast = Figure("polars_split", [Run(2.0, 5_000_000, 9), Run(4.0, 7_000_000, 9), Run(3.0, 6_000_000, 9)]).record()
    ours = Figure("`dfly-analysis load`", [Run(1.0, 1_000_000, 9)]).record()
    failed = Figure("duckdb_split", [Run(failure="exit code 1")]).record()
    group = {**stamp, "title": "Client log", "raw_bytes": 10**9, "file_bytes": 10**9, "rows": [ours, fast, failed]}
    text = page(json.loads(json.dumps({"reading": {"client": group}})))
    assert "| polars_split | 0.333 | 1 | 3.00 s | 2.00 to 4.00 s | 7 | 9 |" in text
    assert "| `dfly-analysis load` | 1.000 | 3 | 1.00 s |" in text
    assert "did not run: exit code 1" in text
    assert "## Commands" not in text
    assert "## Time" not in text


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_drawn_times_follow_the_law_that_is_the_truth(name):
    """What attempts are drawn from and what scores are counted against is one law, for every family."""
    law = FAMILIES[name](np.random.default_rng(3))
    size = 16 * MIB
    drawn = law.draw(np.full(40_000, size), np.random.default_rng(4))
    for p in (0.5, 0.9):
        shared = 0.15 if name == "tasks share their luck" else 0.04
        assert np.quantile(drawn, p) == pytest.approx(law.quantile(size, p), rel=shared)
    assert 0.0 <= law.survival(30.0, size) <= law.failure(size, 30.0) <= 1.0


def test_a_fit_is_scored_against_its_law():
    """Errors and coverage of one sample, and their sum over samples of a law."""
    law = FAMILIES["log-normal"](np.random.default_rng(5))
    row = score(law, sample(law, np.random.default_rng(6), 600))
    assert abs(row["tail_error"]) < 0.5
    summed_up = summed("log-normal", [row, row])
    assert summed_up["tail_error"] == pytest.approx(abs(row["tail_error"]), abs=1e-4)
    assert summed_up["tail_held"] in (0.0, 1.0)


def test_more_samples_of_one_law_replace_its_figures_alone(monkeypatch):
    """The law's row counts its own samples, the first of them those of the known figures; all other rows stay."""
    known = json.loads((Path(__file__).resolve().parents[2] / "docs" / "bench.json").read_text("utf-8"))["models"]
    row = score(*models.drawn("gamma", 0))
    seen = []
    monkeypatch.setattr(models, "score", lambda law, pieces: seen.append(pieces) or row)
    (made,) = models.measure_laws(["gamma"], 3, known)
    assert seen[0].equals(models.drawn("gamma", 0)[1])
    fits = {law["name"]: law.get("fits") for law in made["laws"]}
    assert fits.pop("gamma") == 3
    assert [law for law in made["laws"] if law["name"] != "gamma"] == [
        law for law in known["laws"] if law["name"] != "gamma"
    ]
    assert "3 of gamma" in page({"models": made})


def test_peers_are_summed_up_over_laws_without_stalls():
    """The median over laws of the median error, the worst law, and how often there was no answer."""
    handed = [{"law": law, "truth": [10.0, 5.0]} for law in ("a", "a", "b", "stalls, even")]
    row = peer_row("one", [[11.0, 5.0], [11.0, 5.0], [13.0, None], [99.0, 5.0]], handed)
    assert row["tail_error"] == pytest.approx(0.2)
    assert row["tail_worst"] == pytest.approx(0.3)
    assert row["inside_none"] == 0.25
