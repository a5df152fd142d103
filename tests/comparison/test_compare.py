"""Comparing two runs: helped, worse, no difference or cannot tell, each with an interval that tells the truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import SAMPLES, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import coverage, pieces, tasks

from dfly_analysis import compare
from dfly_analysis.cli.compare import compare as command
from dfly_analysis.comparison import compare_datasets
from dfly_analysis.comparison.proportions import Proportion, count_pieces, effect_of
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset

BEFORE, AFTER = (SAMPLES / f"twenty-{name}.tar.gz" for name in ("before", "after"))


def run(*, limit_s=6.0, seed=5, failed=12, n=600, values=None, quicker=1.0, all_ok=False):
    """Make a run: pieces cut at a limit, tasks that failed, and a file of its own."""
    drawn = pieces(n, limit_s=limit_s, seed=seed)
    if all_ok:
        drawn = drawn[drawn["outcome"] == "ok"]
    drawn = drawn.assign(duration_s=drawn["duration_s"] * quicker)
    read = coverage().assign(sha256=f"{seed:064x}")
    return Dataset.from_frames(Settings.resolve(values), pieces=drawn, tasks=tasks(failed=failed), coverage=read)


@pytest.fixture(scope="module")
def twenty():
    """Compare the real layer of 20 GiB before and after its timeout was raised, once."""
    return compare(BEFORE, AFTER)


def test_the_real_change_helped_and_says_why(twenty):
    """One layer each proves nothing; that a tenth of the pieces was cut and then none, and that many outlasted the old limit, does."""
    found = twenty.comparison
    assert found.verdict == "helped"
    assert found.get("layers_failed").direction == 0
    cut = found.get("pieces_cut")
    assert cut.direction == -1
    assert (cut.bad_before >= 30, cut.bad_after) == (True, 0)
    assert cut.difference.high < -0.05
    assert found.outlasted > 30
    assert any("repeat the run" in text for text in found.cautions)


def test_the_setting_that_differs_stands_first(twenty):
    """Both roles' piece timeout, from 40 s to 180 s; everything else is listed as the same."""
    first = twenty.comparison.settings[:2]
    assert {(pair.role, pair.key, pair.before, pair.after) for pair in first} == {
        ("client", "download.pieceTimeout", "40s", "180s"),
        ("seedClient", "download.pieceTimeout", "40s", "180s"),
    }
    assert not any(pair.changed for pair in twenty.comparison.settings[2:])


def test_the_other_way_round_it_is_worse():
    """The verdict turns with the order."""
    assert compare(AFTER, BEFORE).comparison.verdict == "worse"


def test_the_same_files_make_no_difference():
    """Whatever failed in them."""
    assert compare(BEFORE, BEFORE).comparison.verdict == "no difference"


def test_clear_changes_of_tasks_decide():
    """A third of forty tasks failed and then none, or the reverse."""
    bad, good = run(), run(seed=6, failed=0, all_ok=True, limit_s=360.0)
    assert compare_datasets(bad, good).verdict == "helped"
    assert compare_datasets(good, bad).verdict == "worse"


def test_two_runs_of_one_distribution_do_not_differ():
    """With the same failure rates and times the verdict is never that something changed."""
    for seed in range(6, 12):
        found = compare_datasets(run(), run(seed=seed))
        assert found.verdict in ("no difference", "cannot tell"), seed


def test_large_quiet_runs_make_no_difference():
    """Where nothing failed among many, the interval leaves no room for a difference that matters."""
    quiet = {"failed": 0, "all_ok": True, "limit_s": 360.0, "n": 2000}
    assert compare_datasets(run(**quiet), run(seed=6, **quiet)).verdict == "no difference"


def test_little_data_cannot_tell():
    """Two tasks that went well on both sides say next to nothing."""
    few = [
        one.with_frames(tasks=one.tasks.tail(2), pieces=one.pieces.head(0))
        for one in (run(failed=0), run(seed=6, failed=0))
    ]
    assert compare_datasets(*few).verdict == "cannot tell"
    none = [one.with_frames(tasks=one.tasks.head(0)) for one in few]
    assert compare_datasets(*none).verdict == "cannot tell"
    assert compare_datasets(*none).effects == ()


def test_times_decide_where_nothing_failed():
    """Pieces that take half the time are a help, twice the time are worse."""
    quiet = {"failed": 0, "all_ok": True, "limit_s": 360.0}
    assert compare_datasets(run(**quiet), run(seed=6, quicker=0.5, **quiet)).verdict == "helped"
    slower = compare_datasets(run(**quiet), run(seed=6, quicker=2.0, **quiet))
    assert slower.verdict == "worse"
    assert slower.times.ratio.low < 2.0 < slower.times.ratio.high


def with_resets(dataset, every: int):
    """Let each so many-th finished piece be reset instead."""
    drawn = dataset.pieces.copy()
    ok = drawn.index[drawn["outcome"] == "ok"]
    drawn.loc[ok[::every], "outcome"] = "reset"
    return dataset.with_frames(pieces=drawn)


def test_where_resets_hide_the_rest_attempts_cut_decide():
    """Timeouts are gone, resets are not: all failures together are not clear, and the cut ones are; they may not go against it."""
    before, after = with_resets(run(failed=12), 4), with_resets(run(limit_s=60.0, seed=6, failed=11), 4)
    found = compare_datasets(before, after)
    assert [found.get(one).direction for one in ("tasks_failed", "pieces_failed", "pieces_cut")] == [0, 0, -1]
    assert found.verdict == "helped"
    assert "timed out" in " ".join(found.because)
    worse = compare_datasets(before, with_resets(run(limit_s=60.0, seed=6, failed=11), 3))
    assert worse.get("pieces_cut").direction == -1
    assert worse.verdict != "helped"


@pytest.mark.parametrize(("saved", "verdict"), [(4, "cannot tell"), (5, "helped")])
def test_pieces_that_outlast_the_old_timeout_decide(saved, verdict):
    """Too few failed to tell, but five pieces finished where the old limit would have cut them."""
    values = {"seedClient": {"config": {"download": {"pieceTimeout": "60s"}}}}
    before, after = (run(limit_s=60.0, n=40, seed=seed, failed=1, values=values, all_ok=True) for seed in (5, 6))
    short = after.pieces.assign(duration_s=before.pieces["duration_s"].median())
    short.loc[short.index[:saved], "duration_s"] = 61.0
    found = compare_datasets(before, after.with_frames(pieces=short))
    assert found.outlasted == saved
    assert found.verdict == verdict


@pytest.mark.parametrize(("slower", "verdict"), [(1.0, "helped"), (3.0, "worse")])
def test_saved_pieces_count_beside_failures_that_grew_by_chance(slower, verdict):
    """One more task failed, which says nothing; pieces outlasted the old limit, which tells unless all of them became slower."""
    values = {"seedClient": {"config": {"download": {"pieceTimeout": "60s"}}}}
    before, after = (run(limit_s=60.0, n=80, seed=n, failed=n, values=values, all_ok=True) for n in (5, 6))
    drawn = after.pieces.assign(duration_s=slower * np.resize(before.pieces["duration_s"], len(after.pieces)))
    drawn.loc[drawn.index[:6], "duration_s"] = 61.0
    found = compare_datasets(before, after.with_frames(pieces=drawn))
    assert found.get("tasks_failed").difference.value > 0.0
    assert (found.outlasted, found.verdict) == (6, verdict)


def test_failures_in_bursts_count_for_less():
    """The same counts in groups that fail together give a wider interval than spread evenly."""
    even, bursts = Proportion(((2, 20, 10),)), Proportion(((20, 20, 1), (0, 20, 9)))
    none = Proportion(((0, 20, 10),))
    narrow, wide = effect_of("x", even, none), effect_of("x", bursts, none)
    assert narrow.difference.value == wide.difference.value == pytest.approx(-0.1)
    assert wide.difference.low < narrow.difference.low < narrow.difference.high < wide.difference.high
    assert (narrow.direction, wide.direction) == (-1, 0)


def test_cancelled_siblings_are_no_failures_of_their_own():
    """They count neither as failed nor as finished."""
    drawn = pieces(100)
    drawn["outcome"] = np.where(np.arange(100) < 30, "cancelled", drawn["outcome"])
    assert count_pieces(Dataset.from_frames(pieces=drawn), ("timeout", "reset")).n == 70


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=20), st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=20))  # fmt: skip
@settings(max_examples=examples(60))
def test_intervals_are_ordered_and_symmetric(before, after):
    """The value lies in its interval, the strict one holds the other, and exchanging the runs changes the sign."""
    runs = [Proportion(tuple((min(b, n), n, 1) for b, n in rows)) for rows in (before, after)]
    there, back = effect_of("x", *runs), effect_of("x", *reversed(runs))
    for one in (there.difference, there.strict):
        assert -1.0 <= one.low <= one.value <= one.high <= 1.0
    assert there.strict.low <= there.difference.low
    assert there.strict.high >= there.difference.high
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert there.direction == -back.direction


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Of two hundred pairs of runs in which groups fail together, at least nine in ten intervals hold the true difference."""
    draw, held = np.random.default_rng(3), 0
    for _ in range(200):
        runs = []
        for mean in (0.2, 0.1):
            chance = draw.beta(mean * 20, (1 - mean) * 20, 30)
            runs.append(Proportion(tuple((int(draw.binomial(20, one)), 20, 1) for one in chance)))
        found = effect_of("x", *runs).difference
        held += found.low <= -0.1 <= found.high
    assert held >= 180


def test_the_command_prints_verdict_effects_and_what_differs():
    """For people; in JSON the same with all settings; CSV the effects."""
    done = CliRunner().invoke(command, [str(BEFORE), str(AFTER)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Verdict: helped")
    assert "Settings that differ" in done.stdout
    found = json.loads(CliRunner().invoke(command, [str(BEFORE), str(AFTER), "--format", "json"]).stdout)
    assert (found["schema_version"], found["verdict"]) == (1, "helped")
    assert [pair["changed"] for pair in found["settings"]][:3] == [True, True, False]
    assert found["causes"] == {"before": {"timeout_too_short": 1}, "after": {}}


def test_what_holds_no_tasks_is_not_enough(tmp_path):
    """Exit code 4 and one line."""
    from dfly_analysis.errors import NotEnoughDataError

    (tmp_path / "a.log").write_text((SAMPLES / "dfbench-readme.txt").read_text("utf-8"))
    with pytest.raises(NotEnoughDataError, match="nothing can be counted in both runs") as caught:
        CliRunner().invoke(command, [str(tmp_path), str(tmp_path)], catch_exceptions=False, standalone_mode=False)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_comparison_shows_itself_in_both_languages(twenty, lang):
    """Verdict, effects, causes and settings; nothing of it without words in the other language."""
    shown = replace(twenty, lang=lang)
    for view in (shown.verdict, shown.effects, shown.causes_table, shown.settings_table):
        assert '<span lang="en">' not in view.html()
    assert ("有效" if lang == "zh" else "The change helped") in shown.verdict.html()
