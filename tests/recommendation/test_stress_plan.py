"""`plan-stress`: repeats from the wanted interval, a file to fill, and what the filled file says."""

import csv
import io
import json
import subprocess

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.catalog.job_api import job_api
from dfly_analysis.cli import main
from dfly_analysis.errors import DflyError, NotEnoughDataError
from dfly_analysis.estimates import wilson
from dfly_analysis.recommendation.stress_plan import Setup, plan_stress, read_stress, repeats_for, repeats_for_target

GIB = 2**30


def plan(**more):
    return plan_stress([GIB, 20 * GIB], [60.0, 180.0], [8, 16], api=job_api("v2.5.1"), **more)


def fill(text, rule):
    """Fill a results file: `rule` gives the time and the outcome of a row, or None to leave it open."""
    rows = list(csv.DictReader(io.StringIO(text)))
    for number, row in enumerate(rows):
        found = rule(number, row)
        if found:
            row["duration_s"], row["outcome"] = str(found[0]), found[1]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def invoke(*arguments, **more):
    return CliRunner().invoke(main, ["plan-stress", *map(str, arguments)], **more)


@given(st.floats(0.02, 0.9), st.floats(0, 1))
def test_repeats_are_the_fewest_for_a_narrow_interval(width, expected):
    """With that many runs Wilson's interval, by its own formula, is as narrow as wanted; with one fewer it is not."""

    def wide(n):
        found = wilson(expected * n, n)
        return found.high - found.low

    n = repeats_for(width, expected)
    if 0.05 < expected < 0.95:  # near the edges the interval that is shown is cut at 0 and 1
        assert wide(n) <= width + 1e-9
        assert n == 1 or wide(n - 1) > width - 1e-9
    else:
        assert wide(n) <= width + 1e-9


@pytest.mark.parametrize(("width", "expected"), [(0.0, 0.1), (1.0, 0.1), (0.1, 1.5), (1e-6, 0.5)])
def test_a_width_that_cannot_be_had_is_refused(width, expected):
    """One line with the way out."""
    with pytest.raises(DflyError):
        repeats_for(width, expected)


def test_the_matrix_is_full_and_settings_change_seldom():
    """Every combination stands there once, with its repeats; Helm runs once for each pair of timeout and concurrency."""
    made = plan(width=0.3)
    assert len(set(made.setups)) == len(made.setups) == 8
    rows = list(csv.DictReader(io.StringIO(made.to_csv())))
    assert len(rows) == 8 * made.repeats
    assert len({row["label"] for row in rows}) == len(rows)
    helm = [command for _, command in made.steps if command.startswith("helm")]
    assert len(helm) == 4
    assert all("seedClient.config.download.pieceTimeout=" in one for one in helm)
    assert any(command.startswith("dfbench dragonfly") for _, command in made.steps)


def test_jobs_of_a_repeat_are_cold_and_valid():
    """Run through a shell, each repeat's payload is JSON with a tag of its own and a deadline in nanoseconds."""
    made = plan_stress([GIB], [60.0], [8], width=0.6, api=job_api("v2.5.1"))
    command = next(command for what, command in made.steps if "jobs" in what)
    printed = subprocess.run(
        ["bash", "-c", command.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    )
    payloads = [json.loads(line) for line in printed.stdout.splitlines() if line.startswith("{")]
    assert len(payloads) == made.repeats
    assert len({one["args"]["tag"] for one in payloads}) == made.repeats
    assert payloads[0]["args"]["timeout"] == 3600 * 10**9


def test_the_filled_file_closes_the_loop():
    """Rates, medians, runs still needed and the quickest combination that meets the target come out of the filled file."""
    made = plan(width=0.3)

    def rule(number, row):
        slow = float(row["timeout_s"]) == 60 and int(row["size_bytes"]) == 20 * GIB
        if slow and number % 2:
            return 60.0, "timeout"
        return (300.0 if row["settings"].endswith("=8") else 200.0) + number % 7, "ok"

    found = read_stress(fill(made.to_csv(), rule), "r.csv", width=0.3, target_failure_rate=0.3)
    assert len(found.tested) == 8
    assert found.open_rows == 0
    assert found.problems == ()
    for one in found.tested:
        assert one.n == made.repeats
        assert one.failure_rate == wilson(one.failures, one.n)
        if one.median_s:
            assert one.median_s.low <= one.median_s.value <= one.median_s.high
    assert found.best[20 * GIB] == Setup(20 * GIB, 180.0, 16)
    half = next(one for one in found.tested if one.setup == Setup(20 * GIB, 60.0, 8))
    assert half.more_runs == repeats_for(0.3, half.failure_rate.value) - half.n
    assert half.more_runs > 0


def test_rows_that_are_not_filled_are_counted_and_not_taken():
    """A file in the making is read; lines of problems are those of the file."""
    text = fill(plan(width=0.5).to_csv(), lambda number, row: (100.0, "ok") if number == 2 else None)
    found = read_stress(text, "r.csv")
    assert [one.n for one in found.tested] == [1]
    assert found.open_rows == 8 * plan(width=0.5).repeats - 1
    broken = text.replace("100.0,ok", "soon,ok")
    with pytest.raises(NotEnoughDataError, match="no row is completed"):
        read_stress(broken, "r.csv")


def test_cancelled_runs_say_nothing_of_failure():
    """A run that was cancelled counts neither as failed nor as fine."""
    text = fill(plan(width=0.5).to_csv(), lambda number, row: (10.0, "cancelled" if number else "ok"))
    found = read_stress(text, "r.csv")
    assert sum(one.n for one in found.tested) == 1


def test_the_filled_file_is_an_input_of_fit():
    """The same file, given to `load`, becomes samples with their limit and outcome."""
    import tempfile
    from pathlib import Path

    text = fill(
        plan(width=0.5).to_csv(), lambda number, row: (50.0 + number, "ok") if number % 3 else (60.0, "timeout")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stress.csv")
        path.write_text(text)
        runs = dfly.load([path]).runs
    assert len(runs) == 8 * plan(width=0.5).repeats
    assert set(runs["outcome"]) == {"ok", "timeout"}
    assert dfly.fit_duration(runs).n == len(runs)


def test_runs_without_failure_that_show_a_target():
    """So many runs, none failed, put the upper end of the interval at the target, and one fewer do not."""
    for target in (0.3, 0.05, 0.001):
        n = repeats_for_target(target)
        assert wilson(0, n).high <= target + 1e-12
        assert wilson(0, n - 1).high > target


def test_the_command_plans_writes_and_reads_back(tmp_path):
    """`-o` writes the file, `--results` reads it; both speak JSON; an open file exits with 4."""
    path = tmp_path / "stress.csv"
    done = invoke("--size", "1GiB", "--timeout", "60s", "--concurrency", "8", "--width", "0.5", "-o", path)
    assert done.exit_code == 0
    assert "repeats of each" in done.stdout
    assert str(path) in done.stdout
    opened = invoke("--results", path)
    assert opened.exit_code == 4
    assert opened.stderr.count("\n") == 1
    path.write_text(fill(path.read_text(), lambda number, row: (30.0 + number, "ok")))
    shown = invoke("--results", path, "--target-failure-rate", "0.5")
    assert "1 GiB: use 60s with 8 pieces at a time" in shown.stdout
    content = json.loads(invoke("--results", path, "--format", "json", "--target-failure-rate", "0.5").stdout)
    assert content["best"] == {str(GIB): {"size_bytes": GIB, "timeout_s": 60.0, "concurrency": 8}}
    strict = invoke("--results", path)
    assert "no combination is shown to fail at most 0.001" in strict.stdout


@pytest.mark.parametrize("text", ["", "hello\n", "size_bytes,duration_s\n5,soon\n"])
def test_what_is_no_results_file_is_one_line(text, tmp_path):
    """File and way out on one line."""
    path = tmp_path / "x.csv"
    path.write_text(text)
    done = invoke("--results", path)
    assert done.exit_code in (3, 4)
    assert done.stderr.startswith(f"dfly-analysis: {path}: ")
    assert done.stderr.count("\n") == 1
