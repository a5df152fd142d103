"""The timeout that failures show, where the configuration is not among the input."""

import dataclasses
from pathlib import Path

import pytest
from reconstruction_cases import TIMED_OUT, client, failed, finished, planned, rebuilt, started

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import load
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.models import fit_all
from dfly_analysis.recommendation import recommend
from tests.synthetic import CASES, write_run


def run_without_configuration(folder: Path, client: str, piece_timeout_s: float) -> Path:
    """Write a run of a slow registry and take its configuration files away."""
    write_run(
        folder,
        case=dataclasses.replace(CASES["slow-source"], piece_timeout_s=piece_timeout_s),
        client=client,
        seed=3,
        scale=1.0,
    )
    for file in (folder / "run").rglob("*.yaml"):
        file.unlink()
    return folder / "run"


@pytest.mark.parametrize("client", ["v0.1.118", "v1.0.26", "v1.5.1"])
def test_the_limit_is_learned_from_where_failures_pile_up(tmp_path, client):
    """With the release alone a default is believed; pieces cut at 6 s show that 6 s was in force."""
    dataset = load([run_without_configuration(tmp_path, client, 6.0)], settings=Settings.resolve(client=client))
    cut = dataset.pieces[dataset.pieces["outcome"] == "timeout"]
    assert len(cut) >= 5
    assert (cut["timeout_s"] - 6.0).abs().max() < 0.4
    assert diagnose(dataset).primary_cause == "timeout_too_short"


def test_advice_warns_of_a_timeout_that_is_not_in_force(tmp_path):
    """The reader is asked for the configuration instead of being told a figure that rests on the wrong limit."""
    dataset = load([run_without_configuration(tmp_path, "v1.5.1", 6.0)], settings=Settings.resolve(client="v1.5.1"))
    advice = recommend(dataset, diagnose(dataset), fit_all(dataset), size="1GiB")
    assert any("6 s" in text and "360" in text for text in advice.warnings), advice.warnings


def test_a_limit_that_is_known_is_left_alone(tmp_path):
    """Where the configuration is there, failures at its limit change nothing and nothing is warned of."""
    write_run(tmp_path, case="slow-source", client="v1.5.1", seed=3)
    dataset = load([tmp_path / "run"], settings=Settings.resolve(client="v1.5.1"))
    known = dataset.settings.get("download.pieceTimeout", "seedClient").seconds
    cut = dataset.pieces[dataset.pieces["outcome"] == "timeout"]
    assert set(cut["timeout_s"]) == {known}
    assert not recommend(dataset, diagnose(dataset), fit_all(dataset), size="1GiB").warnings


def cut(count, at_s=6.0):
    """Return the lines of pieces that failed after the same time."""
    return [
        one
        for number in range(count)
        for one in (started(10 * number, number), failed(10 * number + at_s, number, TIMED_OUT))
    ]


@pytest.mark.parametrize(
    ("count", "extra", "expected"), [(5, (), 6.0), (4, (), 60.0), (5, (started(90, 7), finished(97, 7)), 60.0)]
)
def test_failures_at_one_time_show_the_timeout(count, extra, expected):
    """Five of them do, unless a request that came through took longer."""
    pieces, _ = rebuilt(client(*cut(count), *extra), timeout_s=60.0)
    assert set(pieces["timeout_s"].round(2)) == {expected}


def test_without_starts_two_failures_since_the_plan_show_it():
    """The first pieces of a round begin with it; one alone shows nothing."""
    plan = planned(0, range(4), "downloading from local")
    for fails, expected in (((0, 1), 6.0), ((0,), 60.0)):
        pieces, _ = rebuilt(
            client(plan, *(failed(6 + number / 100, number, TIMED_OUT) for number in fails)), timeout_s=60.0
        )
        assert set(pieces["timeout_s"].round(2)) == {expected}
