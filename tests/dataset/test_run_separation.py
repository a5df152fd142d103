"""Runs that were pooled are told apart: each is what it is alone, judged by its own settings, and nothing counts across them."""

import shutil

import pytest
from clock_shifts import shift_times
from conftest import SAMPLES
from reading_cases import generated

from dfly_analysis.dataset import ReadOptions, load
from dfly_analysis.dataset.export import write_tables
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import fit_all
from dfly_analysis.recommendation import recommend

BEFORE, AFTER, SLOW, ARTICLE = (
    SAMPLES / f"{name}.tar.gz" for name in ("twenty-before", "twenty-after", "slow-v1.5.1", "article-v0.1.118")
)
HOST = r"regexp_replace(host, ' \(.*\)$', '')"
TASKS = (
    f"SELECT {HOST}, peer_id, outcome, cause, job_id, nanoseconds(started), nanoseconds(ended) FROM tasks ORDER BY ALL"
)
PIECES = f"SELECT {HOST}, peer_id, piece_number, attempt, outcome, duration_s, timeout_s FROM pieces ORDER BY ALL"


def rows_of(*datasets):
    return [sorted(str(row) for one in datasets for row in one.rows(query)) for query in (TASKS, PIECES)]


def names(dataset):
    return [run.name for run in dataset.input_runs]


def other_times(folder, seconds):
    """Move all times of a run."""
    for path in [*folder.rglob("*.log"), *folder.rglob("jobs.json")]:
        path.write_text(shift_times(path.read_text("utf-8"), seconds), "utf-8")
    return folder


def tree(case, client, target, seconds=0, seed=3):
    shutil.copytree(generated(case, client, seed)[0], target)
    return other_times(target, seconds)


@pytest.mark.parametrize("pair", [(BEFORE, AFTER), (ARTICLE, SLOW)], ids=["settings", "releases"])
def test_each_run_is_what_it_is_alone(pair):
    """Two runs of hosts with the same names, minutes apart, in other settings or releases."""
    alone, both = [load(path) for path in pair], load(pair)
    assert sorted(names(both)) == sorted(path.name.removesuffix(".tar.gz") for path in pair)
    assert rows_of(both) == rows_of(*alone)


def test_runs_are_named_and_no_restart_is_invented():
    dataset = load([BEFORE, AFTER])
    found = diagnose(dataset)
    assert "twenty-before" in found.get("inputs_of_different_runs").reason
    assert "twenty-before" in dataset.notices[0]
    assert {found.get(name).verdict for name in ("restart_without_goodbye", "bad_hour", "host_outlier")} & {"present"} == set()  # fmt: skip


def test_settings_are_those_of_each_run():
    """A host of one run is never judged by the file of the other; the last run's is in force."""
    dataset = load([BEFORE, AFTER])
    limits = dataset.rows(
        "SELECT DISTINCT run_of(host), timeout_s FROM pieces WHERE timeout_s IS NOT NULL ORDER BY ALL"
    )
    assert limits == [("twenty-after", 180), ("twenty-before", 40)]
    assert dataset.settings.get("download.pieceTimeout", "seedClient").seconds == 180
    assert dataset.settings.get("download.pieceTimeout", "seedClient", "seed-client-0 (twenty-before)").seconds == 40


def test_nothing_is_fitted_or_recommended_over_several_runs():
    """What failed under the 40 s of one run is no reason to change the 180 s of the other."""
    dataset = load([BEFORE, AFTER])
    fits = fit_all(dataset)
    assert {type(fit) for fit in fits.values()} == {NotFitted}
    advice = recommend(dataset, diagnose(dataset), fits)
    assert list(advice) == []
    assert all("several runs" in one.reason for one in advice.no_advice)


def test_tables_of_pooled_runs_are_the_same_when_loaded_again(tmp_path):
    write_tables([BEFORE, AFTER], tmp_path / "out", ReadOptions())
    assert rows_of(load(tmp_path / "out" / "events.parquet")) == rows_of(load([BEFORE, AFTER]))


def test_two_clusters_at_the_same_time_are_told_apart(tmp_path):
    """The same host names and addresses, the same hour, other processes."""
    one = tree("slow-source", "v1.5.1", tmp_path / "in" / "cluster-a")
    other = tree("resets", "v1.5.1", tmp_path / "in" / "cluster-b", seconds=20, seed=5)
    both = load(tmp_path / "in")
    assert sorted(names(both)) == ["cluster-a", "cluster-b"]
    assert rows_of(both) == rows_of(load(one), load(other))


def test_runs_weeks_apart_are_told_apart(tmp_path):
    one = tree("healthy", "v1.5.1", tmp_path / "in" / "may")
    other = tree("slow-source", "v1.5.1", tmp_path / "in" / "june", seconds=30 * 86_400, seed=5)
    both = load(tmp_path / "in")
    assert names(both) == ["may", "june"]
    assert rows_of(both) == rows_of(load(one), load(other))


def test_one_run_in_several_places_stays_one(tmp_path):
    """Logs by component, rotated files, and a second copy of a pod's log are of one run."""
    run = tree("slow-source", "v1.5.1", tmp_path / "in")
    log = run / "seed-client-0" / "dfdaemon" / "dfdaemon.log"
    lines = log.read_text("utf-8").splitlines(keepends=True)
    half = len(lines) // 2
    (run / "older" / "seed-client-0").mkdir(parents=True)
    (run / "older" / "seed-client-0" / "dfdaemon.log").write_text("".join(lines[:half]), "utf-8")
    log.write_text("".join(lines[half:]), "utf-8")
    dataset = load(run)
    assert dataset.input_runs == ()
    assert rows_of(dataset) == rows_of(load(generated("slow-source", "v1.5.1")[0]))


def test_seed_client_and_client_of_one_node_are_one_run(tmp_path):
    """With hostNetwork both name the node; they are two processes at once."""
    run = tree("slow-source", "v1.5.1", tmp_path / "in")
    for path in run.rglob("*.log"):
        text = path.read_text("utf-8")
        path.write_text(text.replace("seed-client-0", "node-1").replace("client-0", "node-1"), "utf-8")
    dataset = load(run)
    assert dataset.input_runs == ()
    assert {role for (role,) in dataset.rows("SELECT DISTINCT role FROM tasks WHERE host = 'node-1'")} == {"client", "seedClient"}  # fmt: skip


@pytest.mark.parametrize("name", ["copy-of-seed/dfdaemon.log", "seed-client-0/dfdaemon/pod.txt", "a.log"])
def test_same_log_under_another_name_counts_once(tmp_path, name):
    run = tree("slow-source", "v1.5.1", tmp_path / "in")
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "seed-client-0" / "dfdaemon" / "dfdaemon.log", run / name)
    dataset = load(run)
    assert dataset.input_runs == ()
    assert rows_of(dataset) == rows_of(load(generated("slow-source", "v1.5.1")[0]))
    found = diagnose(dataset)
    assert found.get("restart_without_goodbye").verdict == "absent"
    assert "count once" in found.get("inputs_of_different_runs").reason


def test_two_configurations_of_a_host_are_named(tmp_path):
    run = tree("slow-source", "v1.5.1", tmp_path / "in")
    text = (run / "seed-client-0" / "dfdaemon.yaml").read_text("utf-8")
    (run / "seed-client-0" / "dfdaemon.old.yaml").write_text(
        text.replace("pieceTimeout:", "pieceTimeout: 7s #"), "utf-8"
    )
    reason = diagnose(load(run)).get("inputs_of_different_runs").reason
    assert "several configurations of seed-client-0" in reason
    assert "download.pieceTimeout" in reason


@pytest.mark.parametrize("archive", [BEFORE, SLOW, ARTICLE], ids=lambda path: path.name)
def test_one_run_is_one_run(archive):
    dataset = load(archive)
    assert dataset.input_runs == ()
    assert diagnose(dataset).get("inputs_of_different_runs").verdict == "absent"
