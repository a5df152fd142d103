"""The simulated pipeline does what chance says it must, and a run replayed agrees with what was seen."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.catalog.piece_length_rules import CONCURRENCY_KEYS
from dfly_analysis.cli import main
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.errors import SettingsError
from dfly_analysis.models import LayerShape, layer_failure_chance
from dfly_analysis.recommendation import recommend
from dfly_analysis.recommendation.prediction import predict
from dfly_analysis.simulation import WhatIf, parse_changes, simulate
from dfly_analysis.simulation.pipeline import (
    SCORES,
    Assumptions,
    ClientBehaviour,
    Layers,
    run_independent,
    run_pipeline,
)
from dfly_analysis.simulation.setting_changes import why_ignored
from dfly_analysis.simulation.workload import read_workload
from tests.synthetic import CASES, write_run

MIB = 2**20


def layers(*pieces: int, passes: int = 2, arrival_s: float = 0.0) -> Layers:
    count = len(pieces)
    zero = np.zeros(count, dtype=np.intp)
    return Layers(np.array(pieces), np.full(count, passes), zero, zero, zero, np.full(count, arrival_s))


def assumptions(median_s: float = 1.0, sigma: float = 0.5, **other) -> Assumptions:
    """Log-normal times of pieces of 4 MiB, one variant."""
    table = np.broadcast_to(np.log(median_s) + sigma * SCORES, (1, 2, 1, len(SCORES))).copy()
    plain = {
        "hazard_per_s": np.zeros((1, 2)), "at_start": np.zeros((1, 2)), "contention": np.zeros(1), "usual_contention": np.zeros(1),
        "usual_load": 1.0, "contention_exponent": 4.0, "class_bytes": np.array([4.0 * MIB]),
    }  # fmt: skip
    return Assumptions(table, **{**plain, **other})


def run(
    what: Layers,
    client_behaviour: ClientBehaviour,
    duration_model: Assumptions,
    copies: int = 3000,
    seed: int = 3,
    how=run_pipeline,
):
    return how(what, client_behaviour, duration_model, np.zeros(copies, dtype=np.intp), np.random.default_rng(seed))


@pytest.mark.parametrize(("cancelled", "passes"), [(True, 1), (False, 1), (False, 2), (True, 2)])
def test_layers_fail_as_often_as_the_closed_form_says(cancelled, passes):
    """One pass and running siblings are exact; cancelled siblings agree with the approximation to a few points."""
    timeout_s = float(np.exp(0.5 * 1.8))  # 3.6 % of attempts
    made = run(
        layers(60, passes=passes),
        ClientBehaviour(8, 1, (timeout_s, timeout_s), cancelled, not cancelled),
        assumptions(),
    )
    shape = LayerShape(60 * 4 * MIB, 4 * MIB, 8, passes, cancelled)
    expected = layer_failure_chance(0.0359, shape)
    assert float((~made.ok).mean()) == pytest.approx(expected, abs=0.03 if cancelled and passes == 2 else 0.02)


def test_cancelled_siblings_make_layers_fail_more_often():
    """A piece that a lost round took with it has one try left: the independent formula is far too hopeful."""
    chance = 0.01
    independent = layer_failure_chance(chance, LayerShape(300 * 4 * MIB, 4 * MIB, 16, 2, siblings_cancelled=False))
    cancelled = layer_failure_chance(chance, LayerShape(300 * 4 * MIB, 4 * MIB, 16, 2, siblings_cancelled=True))
    assert cancelled > 3 * independent


@given(st.floats(1e-9, 0.5), st.floats(1e-9, 0.5), st.integers(1, 400), st.integers(1, 64), st.booleans())
def test_layer_failure_grows_with_attempt_failure(one, other, pieces, slots, cancelled):
    """Between 0 and 1, and never less for a worse source."""
    shape = LayerShape(pieces * 4.0 * MIB, 4.0 * MIB, slots, 2, cancelled)
    low, high = (layer_failure_chance(chance, shape) for chance in sorted((one, other)))
    assert 0.0 <= low <= high + 1e-6 * high + 1e-9
    assert high <= 1.0


@given(st.floats(1e-12, 0.9), st.floats(0, 1), st.floats(0, 1), st.integers(1, 400), st.integers(1, 64), st.booleans())
def test_the_closed_form_grows_with_retry_correlation(chance, one, other, pieces, slots, cancelled):
    """More failures that repeat never make a layer safer, also where chances are tiny."""
    shape = LayerShape(pieces * 4.0 * MIB, 4.0 * MIB, slots, 2, cancelled)
    low, high = (
        layer_failure_chance(chance, shape, retry_failure_correlation=retry_correlation)
        for retry_correlation in sorted((one, other))
    )
    assert 0.0 <= low <= high * (1 + 1e-9) + 1e-15
    assert high <= 1.0


@given(st.floats(1e-9, 0.9), st.floats(0, 1), st.integers(1, 400))
def test_one_piece_in_flight_has_exactly_its_two_tries(chance, retry_correlation, pieces):
    """A lone piece loses nothing by cancelling; where all failures repeat, no pass after the first helps."""
    lone = (
        layer_failure_chance(chance, LayerShape(1.0, 1.0, 8, 2, cancels), retry_failure_correlation=retry_correlation)
        for cancels in (True, False)
    )
    assert next(lone) == pytest.approx(next(lone), rel=1e-9)
    will_time_out = layer_failure_chance(chance, LayerShape(float(pieces), 1.0, 8), retry_failure_correlation=1.0)
    assert will_time_out == pytest.approx(1.0 - (1.0 - chance) ** pieces, rel=1e-6)


@settings(max_examples=examples(25))
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.booleans(),
    st.floats(0.2, 5.0),
    st.floats(0.0, 0.5),
)
def test_every_layer_ends_and_a_whole_one_took_all_its_pieces(pieces, slots, lanes, cancelled, timeout_s, contention):
    """Whatever the settings: no layer hangs, and failures are counted among the attempts."""
    duration_model = assumptions(contention=np.array([contention]), usual_contention=np.array([contention]))
    made = run(
        layers(*pieces),
        ClientBehaviour(slots, lanes, (timeout_s, timeout_s), cancelled, not cancelled),
        duration_model,
        copies=8,
    )
    assert np.isfinite(made.ended_s).all()
    assert (made.ended_s >= made.started_s).all()
    whole = made.ok.all(axis=1)
    assert (made.attempts[whole] >= sum(pieces)).all()
    assert (made.timed_out <= made.failed).all()
    assert (made.failed <= made.attempts).all()


def test_a_full_link_carries_what_it_carries():
    """With many pieces in flight a layer takes its bytes over the bandwidth, however many there are."""
    duration_model = assumptions(
        1.0, 0.01, contention=np.array([0.25]), usual_contention=np.zeros(1)
    )  # the link carries four at a time
    times = [
        float(np.median(run(layers(200), ClientBehaviour(slots, 1, (1e9, 1e9)), duration_model, copies=20).ended_s))
        for slots in (2, 20, 40)
    ]
    assert times[0] == pytest.approx(100.0, rel=0.05)
    assert times[1:] == pytest.approx([50.0, 50.0], rel=0.05)


def test_the_rate_limiter_holds_pieces_back_outside_their_limit():
    """A layer takes as long as its bytes at the limit, and no piece is cut for waiting."""
    made = run(layers(50), ClientBehaviour(10, 1, (3.0, 3.0), limit_bps=4.0 * MIB), assumptions(1.0, 0.05), copies=20)
    assert made.ok.all()
    assert float(np.median(made.ended_s)) == pytest.approx(50.0, rel=0.05)


def test_independent_layers_agree_with_the_pipeline():
    """Where nothing ties them, the quick way and the general one agree on rates and times."""
    what, client_behaviour = layers(5, 40, 12, 90), ClientBehaviour(6, 2, (2.3, 2.3))
    together, apart = (
        run(what, client_behaviour, assumptions(), copies=1500, how=how) for how in (run_pipeline, run_independent)
    )
    assert together.ok.mean(axis=0) == pytest.approx(apart.ok.mean(axis=0), abs=0.04)
    assert np.median(together.ended_s, axis=0) == pytest.approx(np.median(apart.ended_s, axis=0), rel=0.05)
    assert together.failed.sum() == pytest.approx(apart.failed.sum(), rel=0.06)


def test_resets_fail_attempts_at_their_hazard():
    """Half a reset a second against pieces of a second."""
    made = run(
        layers(40),
        ClientBehaviour(4, 1, (1e9, 1e9)),
        assumptions(1.0, 0.001, hazard_per_s=np.full((1, 2), 0.05)),
        copies=500,
    )
    assert float(made.failed.sum() / made.attempts.sum()) == pytest.approx(1 - np.exp(-0.05), abs=0.01)
    assert made.timed_out.sum() == 0


@pytest.fixture(scope="module")
def slow(slow_sample):
    dataset = dfly.load([slow_sample])
    return dataset, dfly.fit_all(dataset)


def test_the_run_replayed_agrees_with_what_was_seen(slow):
    """Failed layers, the middle time of a layer and the makespan of a real run lie in what its own settings predict."""
    found = simulate(*slow, copies=60)
    assert [one.inside for one in found.agreement] == [True, True, True]
    assert found.observed.n_layers == 32
    assert (
        found.run_now.attempt_failure_rate.low
        <= found.observed.attempt_failure_rate.value
        <= found.run_now.attempt_failure_rate.high
    )
    assert found.run_then is found.run_now
    assert not found.changed


@pytest.mark.parametrize("tied", [False, True])
def test_a_part_of_a_large_run_is_like_the_whole(slow, monkeypatch, tied):
    """Of a run with too many pieces a part is run again that holds its share of them; where layers feel each other, as many at a time."""
    dataset = slow[0]
    whole = read_workload(dataset, "seedClient", one_link=False, tied=tied)
    monkeypatch.setattr("dfly_analysis.simulation.workload._MAX_PIECES", 400)
    part = read_workload(dataset, "seedClient", one_link=False, tied=tied)
    assert part.every > 1
    assert part.layers.n_pieces.sum() * part.every == pytest.approx(whole.layers.n_pieces.sum(), rel=0.35)
    assert part.lanes == min(whole.lanes if tied else round(whole.lanes / part.every), len(part.layers.n_pieces))
    assert (np.diff(part.layers.arrival_s) >= 0).all()


def test_a_longer_timeout_fails_less_and_the_input_stays(slow):
    """The change is what differs, and neither frames nor settings are touched."""
    dataset, fits = slow
    before = dataset.pieces.copy()
    found = simulate(dataset, fits, changes=["download.pieceTimeout=30s"], copies=30)
    assert found.layer_then.failure_rate.value < found.layer_now.failure_rate.value
    assert found.settings_then.source_timeout_s == 30.0
    assert dataset.pieces.equals(before)
    assert dfly.simulate(dataset, fits, changes=["download.pieceTimeout=30s"], copies=30) == found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.seed = 2


def test_concurrency_changes_time_and_sizes_their_pieces(slow):
    """Concurrency acts on time; a layer of 20 GiB has pieces of 64 MiB on this client, or what the request names."""
    found = simulate(*slow, changes=["download.concurrentPieceCount=2"], size="256MiB", copies=10)
    assert found.layer_then.layer_time_s.value > 3 * found.layer_now.layer_time_s.value
    assert (found.n_pieces, found.piece_bytes) == (64, 4 * MIB)
    named = simulate(*slow, size="256MiB", piece_length="16MiB", copies=5)
    assert named.n_pieces == 16


def test_missing_inputs_are_named(slow):
    """Without a fit or a timeout there is a NotFitted with what to collect."""
    dataset, fits = slow
    nothing = simulate(dataset, {name: one for name, one in fits.items() if "piece" not in name})
    assert isinstance(nothing, dfly.NotFitted)
    bare = dataset.with_frames(pieces=dataset.pieces.assign(timeout_s=np.nan))
    unbounded = simulate(bare, fits, dfly.Settings.resolve())
    assert isinstance(unbounded, dfly.NotFitted)
    assert "dfdaemon.yaml" in unbounded.collect


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("download.pieceTimout=1s", "did you mean download.pieceTimeout"),
        ("scheduler.scheduleTimeout=1h", "does not support"),
        ("download.pieceTimeout", "not KEY=VALUE"),
        ("download.pieceTimeout=fast", "not a duration"),
        ("download.pieceTimeout=0s", "out of range"),
        ("download.concurrentPieceCount=0", "out of range"),
        ("download.concurrentPieceCount=many", "not a non-negative integer"),
        ("proxy.disableBackToSource=perhaps", "true or false"),
    ],
)
def test_a_wrong_change_is_one_line_with_a_way_out(text, expected):
    """Misspelt keys are answered with the nearest, values with what they should be."""
    with pytest.raises(SettingsError, match=expected) as caught:
        parse_changes([text])
    assert "\n" not in str(caught.value)


def test_changes_are_read_by_key_or_by_the_charts_path():
    """The path names the role, old names of a key count, units are those of configuration files."""
    made = parse_changes(
        ["client.config.download.pieceTimeout=2m", "download.concurrentPieceCount=4", "download.bandwidthLimit=20GB/s"]
    )
    assert [(one.role, one.value) for one in made] == [("client", 120.0), ("seedClient", 4.0), ("seedClient", 20e9)]


def test_a_change_ignored_by_the_release_does_nothing(article_sample):
    """Client v0.1.118 reads no storage.writePieceTimeout."""
    dataset = dfly.load([article_sample])
    found = simulate(dataset, dfly.fit_all(dataset), changes=["storage.writePieceTimeout=1s"], copies=10)
    assert found.run_then == found.run_now
    assert any("does not read" in note for note in found.notes)


@pytest.mark.parametrize(
    ("role", "client", "key"),
    [
        ("seedClient", "v1.5.10", "concurrentPieceCount"), ("client", "v1.5.10", "backToSourceConcurrentPieceCount"),
        ("seedClient", "v1.5.3", "backToSourceConcurrentPieceCount"),
    ],
)  # fmt: skip
def test_a_concurrency_that_rules_other_pieces_is_ignored(role, client, key):
    """Which key limits the pieces in flight depends on the release and on where they come from."""
    in_force = dfly.Settings.resolve(client=client)
    changes = {one.key: one for one in parse_changes([f"{one}=4" for one in CONCURRENCY_KEYS], role=role)}
    ignored = {one for one, change in changes.items() if why_ignored(in_force, change)}
    assert ignored == {f"download.{key}"}


def test_twenty_gib_fails_at_the_charts_timeout_only(root):
    """A real layer of 20 GiB at 40 s, and the same at 180 s: from the first run alone, what both did."""
    before, after = (dfly.load([root / "data" / "samples" / f"twenty-{name}.tar.gz"]) for name in ("before", "after"))
    found = simulate(before, dfly.fit_all(before), changes=["download.pieceTimeout=180s"], copies=40)
    assert all(one.inside for one in found.agreement)
    assert found.layer_now.failure_rate.low > 0.5
    assert found.layer_then.failure_rate.value < 0.01
    worked = after.tasks[after.tasks["size_bytes"] > 2**30].iloc[0]
    assert worked["outcome"] == "ok"
    took = found.layer_then.layer_time_s
    assert took.low < worked["duration_s"] < took.high
    assert took.value == pytest.approx(worked["duration_s"], rel=0.1)


@pytest.fixture(scope="module")
def article(article_sample):
    dataset = dfly.load([article_sample])
    return dataset, dfly.fit_all(dataset)


@pytest.mark.parametrize("run_name", ["article", "slow", "small"])
def test_whatif_and_the_prediction_agree(run_name, request):
    """Both know what repeats from pass to pass: each one's failure rate of the largest layer lies in the other's interval."""
    dataset, fits = request.getfixturevalue(run_name)
    found = simulate(dataset, fits, copies=60)
    advice = recommend(dataset, diagnose(dataset), fits, size=found.size_bytes)
    predicted, simulated = predict(dataset, fits, advice).now, found.layer_now.failure_rate
    assert predicted.low <= simulated.value <= predicted.high
    assert simulated.low <= predicted.value <= simulated.high


@pytest.mark.parametrize("cancelled", [True, False])
def test_retry_correlation_agrees_with_the_closed_form(cancelled):
    """A third of what failed fails again: the simulated share of lost layers agrees with the formula to a few points."""
    timeout_s = float(np.exp(0.5 * 2.2))  # 1.4 % of attempts
    duration_model = assumptions(retry_failure_correlation=np.array([1 / 3]))
    made = run(layers(60), ClientBehaviour(8, 1, (timeout_s, timeout_s), cancelled, not cancelled), duration_model)
    shape = LayerShape(60 * 4 * MIB, 4 * MIB, 8, 2, cancelled)
    expected = layer_failure_chance(0.0139, shape, retry_failure_correlation=1 / 3)
    assert float((~made.ok).mean()) == pytest.approx(expected, abs=0.03)
    assert expected > 2 * layer_failure_chance(0.0139, shape) or cancelled


def test_a_fast_piece_loads_a_link_for_more_than_one():
    """A full link carries its bandwidth whatever the rates of its pieces: their spread changes no layer's time."""
    bandwidth, usual = 4.0 * MIB, 4.0 * MIB  # one usual piece a second
    what = {
        "contention": np.array([1.0]),
        "usual_contention": np.zeros(1),
        "usual_bps": usual,
        "contention_exponent": 12.0,
    }
    times = [
        float(
            np.median(
                run(layers(300), ClientBehaviour(8, 1, (1e9, 1e9)), assumptions(1.0, sigma, **what), copies=30).ended_s
            )
        )
        for sigma in (0.01, 0.8)
    ]
    assert times == pytest.approx([300 * 4.0 * MIB / bandwidth] * 2, rel=0.05)


def test_the_command_prints_predictions_and_observations(slow_sample):
    """As JSON and as a table; the table names the change and the agreement."""
    requested = ["whatif", str(slow_sample), "--set", "download.pieceTimeout=12s", "--size", "300MiB"]
    shown = CliRunner().invoke(main, requested)
    assert shown.exit_code == 0, shown.output
    assert "seedClient download.pieceTimeout=12s" in shown.stdout
    assert "figures of the run are within their prediction intervals" in " ".join(shown.stdout.split())
    data = json.loads(CliRunner().invoke(main, [*requested, "--format", "json"]).stdout)
    assert data["then"]["settings"]["piece_timeout_s"] == 12.0
    assert data["now"]["run"]["failure_rate"]["value"] > data["then"]["run"]["failure_rate"]["value"]
    assert {one["figure"] for one in data["agreement"]} >= {"failed layers"}


def test_the_command_refuses_a_misspelt_key_before_reading(tmp_path):
    """Exit codes 2 and 4, one line each."""
    wrong = CliRunner().invoke(main, ["whatif", "nowhere", "--set", "download.pieceTimout=1s"])
    assert wrong.exit_code == 2
    assert "did you mean" in wrong.stderr
    bench = tmp_path / "bench.csv"
    bench.write_text("size_bytes,duration_s\n16MiB,1\n16MiB,2\n")
    empty = CliRunner().invoke(main, ["whatif", str(bench)])
    assert (empty.exit_code, empty.stderr.count("\n")) == (4, 1)


SMALL = dataclasses.replace(
    CASES["slow-source"], layer_sizes_bytes=(13_000_000, 42_400_000, 95_000_000, 168_300_000), images=8, pulls=0
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a made-up run with a slow registry, cut at 6 s, and its fits."""
    folder = tmp_path_factory.mktemp("small")
    write_run(folder, case=SMALL, client="v1.5.1", seed=11)
    dataset = dfly.load([folder / "run"])
    return dataset, dfly.fit_all(dataset)


def test_a_changed_timeout_is_predicted_from_one_run(small, tmp_path):
    """The evaluation in small: from a run cut at 6 s the share of attempts cut at 4.5 s and 8 s, within 2 points and in the interval."""
    dataset, fits = small
    for timeout_s in (4.5, 8.0):
        changed = dataclasses.replace(SMALL, piece_timeout_s=timeout_s, images=16)
        happened = write_run(tmp_path / f"{timeout_s}", case=changed, client="v1.5.1", seed=12).requests_at_origin
        share = happened["cut at the limit"] / (happened["cut at the limit"] + happened["sent"])
        found = simulate(dataset, fits, changes=[f"download.pieceTimeout={timeout_s}s"], copies=40)
        assert isinstance(found, WhatIf)
        predicted = found.run_then.attempt_failure_rate
        assert abs(predicted.value - share) < 0.02
        assert predicted.low <= share <= predicted.high
