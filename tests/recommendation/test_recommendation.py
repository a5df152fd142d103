"""The rules: what they advise follows the data, names real keys, settles when followed, and says why where it is silent."""

import numpy as np
import pandas as pd
import pytest
from recommendation_cases import (
    GIB,
    MIB,
    PIECE,
    WRITE,
    dataset_of,
    drawn_pieces,
    drawn_tasks,
    fits_of,
    found,
    no_fits,
    timeouts,
)

from dfly_analysis.catalog.defaults import defaults_of, find_defaults
from dfly_analysis.config.helm_values_overlay import Overlay
from dfly_analysis.config.rendered_manifests import read_rendered
from dfly_analysis.config.resolve import Settings
from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Diagnosis
from dfly_analysis.models import fit_all, timeout_for_target
from dfly_analysis.recommendation import all_rules, make_context, recommend
from dfly_analysis.recommendation.piece_timeout import rounded_up
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.schema import EVENTS
from dfly_analysis.units import parse_duration

COLLECTED, SCHEDULE = "download.collectedPieceTimeout", "scheduler.scheduleTimeout"


def article(**resolve):
    """The article's set-up: chart 1.2.24, client v0.1.118, pieces of 16 MiB cut at 30 s."""
    settings = Settings.resolve(**{"chart": "1.2.24", **resolve})
    dataset = dataset_of(settings, drawn_pieces(), drawn_tasks())
    return dataset, timeouts(), fits_of()


def test_raises_the_seed_clients_piece_timeout():
    """Pieces cut at the chart's 30 s lead to a longer seedClient download.pieceTimeout, with interval and reasons."""
    dataset, findings, fits = article()
    item = recommend(dataset, findings, fits).get(PIECE, "seedClient")
    assert item.helm_path == "seedClient.config.download.pieceTimeout"
    assert (item.current.value, item.current.layer) == ("30s", "chart")
    assert item.unit == "s"
    assert 30.0 < item.low <= item.high
    assert parse_duration(item.proposed) >= item.high
    assert item.confidence == "medium"  # it lies more than half again beyond the longest time seen
    assert "reqwest_body_timed_out" in item.findings
    for text in ("30s", "chart 1.2.24", "16 MiB", "100 %", "of 900 attempts"):
        assert text in item.because
    assert "; ".join(item.reasons) == item.because


def test_the_proposal_meets_the_target_by_the_true_distribution():
    """The true distribution that pieces were drawn from loses fewer layers than asked at the proposed limit, and more now."""
    from scipy import stats

    dataset, findings, fits = article()
    item = recommend(dataset, findings, fits).get(PIECE, "seedClient")
    truth = stats.lognorm(0.6, scale=10.0)
    assert 1 - (1 - truth.sf(parse_duration(item.proposed)) ** 2) ** 1280 < 1e-3 < 1 - (1 - truth.sf(30.0) ** 2) ** 1280
    assert item.layer_failure_then.value < 1e-3 < item.layer_failure_now.value


def test_shows_the_articles_rule_and_the_demanded_bandwidth():
    """Beside the proposal stand the article's 600 s on the right key, and pieces in flight x piece length / limit."""
    dataset, findings, fits = article()
    item = recommend(dataset, findings, fits).get(PIECE, "seedClient")
    assert "600s" in item.rule_of_thumb
    assert PIECE in item.rule_of_thumb
    assert item.demanded_bandwidth_bps == pytest.approx(16 * 16 * MIB / parse_duration(item.proposed))


def test_how_to_check_names_the_command_and_a_count():
    """The check repeats the preheat, runs diagnose, and says how many of the layer's pieces may be cut."""
    dataset, findings, fits = article()
    text = recommend(dataset, findings, fits).get(PIECE, "seedClient").how_to_check
    assert "dfly-analysis diagnose" in text
    assert "of 1,280 pieces" in text


def test_a_fit_of_smaller_pieces_is_called_extrapolated():
    """A fit of 4 MiB pieces asked for a layer of 16 MiB pieces answers with low confidence and says so."""
    key = (900, 4 * MIB, 6.0, 2.5)
    settings = Settings.resolve({"seedClient": {"config": {"download": {"pieceTimeout": "6s"}}}}, chart="1.2.24")
    dataset = dataset_of(settings, drawn_pieces(*key), drawn_tasks(size_bytes=GIB))
    item = recommend(dataset, timeouts(), fits_of(*key), size="20GiB").get(PIECE, "seedClient")
    assert item.confidence == "low"
    assert "extrapolated" in item.because
    assert item.current.layer == "user"


def test_a_limit_that_is_long_enough_is_left_alone():
    """Where the value in force meets the target there is no recommendation, and the reason says what was predicted."""
    dataset, findings, fits = article(values={"seedClient": {"config": {"download": {"pieceTimeout": "900s"}}}})
    advice = recommend(dataset, findings, fits)
    assert advice.get(PIECE, "seedClient") is None
    refused = next(item for item in advice.no_advice if (item.topic, item.role) == (PIECE, "seedClient"))
    assert refused.reason.startswith("the current value meets the target; at 900s, timeouts fail")
    assert refused.collect == ""


@pytest.mark.parametrize("cause", ["network_instability", "disk_full", "auth"])
def test_other_causes_are_not_cured_by_timeouts(cause):
    """Where tasks failed for another cause and the fit is well below the timeout, raising is not advised."""
    key = (400, 16 * MIB, 30.0, 2.0, 0.3)
    dataset = dataset_of(Settings.resolve(chart="1.2.24"), drawn_pieces(*key), drawn_tasks(cause=cause))
    advice = recommend(dataset, found(cause=cause), fits_of(*key))
    assert advice.get(PIECE, "seedClient") is None
    refused = next(item for item in advice.no_advice if (item.topic, item.role) == (PIECE, "seedClient"))
    assert "no failed task of a seed client timed out, so a longer timeout does not help" in refused.reason
    assert cause in refused.reason


def test_predicted_failures_count_without_observed_timeouts():
    """Tasks failed by resets, but the fit predicts that larger pieces time out: advised, with medium confidence at most."""
    key = (400, 4 * MIB, 30.0, 8.0, 0.3)
    pieces = drawn_pieces(*key)
    assert not (pieces["outcome"] == "timeout").any()
    dataset = dataset_of(Settings.resolve(chart="1.2.24"), pieces, drawn_tasks(cause="network_instability"))
    item = recommend(dataset, found("connection_reset", cause="network_instability"), fits_of(*key)).get(
        PIECE, "seedClient"
    )
    assert item.confidence in {"medium", "low"}
    assert "this is the prediction for the requested size" in item.because


def test_without_a_fit_a_proven_timeout_gives_a_rule_of_thumb():
    """The finding alone, without pieces, leads to the article's 600 s, labelled, with low confidence and no upper end."""
    dataset = dataset_of(Settings.resolve(chart="1.2.24"), tasks=drawn_tasks())
    item = recommend(dataset, timeouts(), no_fits(), size="20GiB").get(PIECE, "seedClient")
    assert (item.proposed, item.confidence, item.high) == ("600s", "low", np.inf)
    assert "rule of thumb" in item.because
    assert "no piece was seen" in item.because


def test_few_attempts_give_low_confidence():
    """Some ten attempts give a fit, but little confidence in the slowest of a thousand."""
    key = (12, 16 * MIB, 30.0, 20.0)
    settings = Settings.resolve({"seedClient": {"config": {"download": {"pieceTimeout": "30s"}}}}, chart="1.2.24")
    item = recommend(dataset_of(settings, drawn_pieces(*key), drawn_tasks()), timeouts(), fits_of(*key)).get(
        PIECE, "seedClient"
    )
    assert "distribution" in item.because
    assert item.confidence == "low"


def test_without_a_fit_the_reached_timeout_is_multiplied():
    """Three timed-out pieces give no fit; four times the timeout that they reached is proposed, and not again once it is set."""
    pieces = drawn_pieces(n=3, median_s=300.0, sigma=0.1)
    assert set(pieces["outcome"]) == {"timeout"}
    for values, proposed in (
        (None, "120s"),
        ({"seedClient": {"config": {"download": {"pieceTimeout": "120s"}}}}, None),
    ):
        dataset = dataset_of(Settings.resolve(values, chart="1.2.24"), pieces, drawn_tasks())
        item = recommend(dataset, timeouts(), fit_all(dataset)).get(PIECE, "seedClient")
        assert (item.proposed if item else None) == proposed


def test_nothing_known_gives_reasons_and_no_recommendation():
    """An empty dataset gives no recommendation; each rule that lacks something says what to collect."""
    dataset = dataset_of(Settings())
    advice = recommend(dataset, Diagnosis([]), fit_all(dataset))
    assert advice.recommendations == ()
    assert {item.topic for item in advice.no_advice} >= {PIECE, SCHEDULE}
    for item in advice.no_advice:
        assert item.reason
        assert item.collect
    assert any("release is not known" in text for text in advice.warnings)


def modern(chart="1.7.4", **extra):
    """Chart 1.7.4 with pieces of 64 MiB cut at its 40 s."""
    key = (900, 64 * MIB, 40.0, 27.0, 0.3)
    return (
        dataset_of(Settings.resolve(chart=chart, **extra), drawn_pieces(*key), drawn_tasks()),
        timeouts(),
        fits_of(*key),
    )


def test_write_timeout_follows_piece_timeout():
    """In charts where writePieceTimeout is the shorter one, both are raised and stay in order."""
    dataset, findings, fits = modern(chart="1.4.10")
    advice = recommend(dataset, findings, fits)
    piece, write = (advice.get(key, "seedClient") for key in (PIECE, WRITE))
    assert (piece.current.value, write.current.value) == ("40s", "30s")
    assert parse_duration(write.proposed) >= parse_duration(piece.proposed) > 40.0


def test_write_timeout_is_not_advised_where_nothing_reads_it():
    """The client v0.1.118 has no storage.writePieceTimeout, so nothing is recommended for it."""
    advice = recommend(*article())
    assert all(WRITE not in (item.key) for item in advice)
    assert all(item.topic != WRITE for item in advice.no_advice)


def test_a_child_waits_as_long_as_a_parents_first_pieces():
    """Clients of a chart with 10 s of patience, fetching from seeds whose pieces take longer, get a longer one."""
    dataset, findings, fits = modern(chart="1.4.10")
    child = drawn_pieces(n=50, size_bytes=64 * MIB, median_s=1.0, sigma=0.2, role="client", origin="parent")
    dataset = dataset.with_frames(pieces=pd.concat([dataset.pieces, child], ignore_index=True))
    findings = found("reqwest_body_timed_out", "parent_silent", cause="timeout_too_short")
    item = recommend(dataset, findings, fits).get(COLLECTED, "client")
    assert item.current.value == "10s"
    assert parse_duration(item.proposed) >= item.high > 27.0
    assert item.findings == ("parent_silent",)
    alone = recommend(*modern(chart="1.4.10"))
    assert alone.get(COLLECTED, "client") is None
    assert any(no.topic == COLLECTED and "from another host" in no.reason for no in alone.no_advice)


def test_schedule_timeout_of_old_charts_goes_to_three_hours():
    """The chart's 30 s are shorter than a round over 1280 pieces, so 3 h are advised, for both roles."""
    dataset, findings, fits = article()
    advice = recommend(dataset, findings, fits)
    for role in ("seedClient", "client"):
        assert parse_duration(advice.get(SCHEDULE, role).proposed) == 10_800.0
    assert all(item.key != SCHEDULE for item in recommend(*modern()))


def test_a_stream_timeout_counts_for_the_role_that_logged_it():
    """TokioStreamElapsed in a client's log, without any fit, raises the client's limit alone."""
    events = EVENTS.frame([{"role": "client", "signature": "tokio_stream_elapsed", "message": "x"}])
    dataset = dataset_of(Settings.resolve(chart="1.2.24"), events=events)
    advice = recommend(dataset, found("tokio_stream_elapsed"), no_fits())
    assert advice.get(SCHEDULE, "client").findings == ("tokio_stream_elapsed",)
    assert advice.get(SCHEDULE, "seedClient") is None


def test_a_stream_timeout_does_not_raise_the_piece_timeout():
    """Tasks that failed by TokioStreamElapsed alone have another knob, so no rule of thumb is given for pieces."""
    dataset = dataset_of(Settings.resolve(chart="1.2.24"), tasks=drawn_tasks())
    advice = recommend(dataset, found("tokio_stream_elapsed", cause="timeout_too_short"), no_fits())
    assert advice.get(PIECE, "seedClient") is None
    assert advice.get(SCHEDULE, "seedClient") is not None


def test_the_articles_key_is_warned_of_and_never_advised():
    """pieceDownloadTimeout in a client's values is ignored, in the scheduler's it lowers a rule: both are warned of."""
    values = {
        "seedClient": {"config": {"download": {"pieceDownloadTimeout": "600s"}}},
        "scheduler": {"config": {"scheduler": {"gc": {"pieceDownloadTimeout": "45s"}}}},
    }
    advice = recommend(*modern(values=values))
    assert any("ignores it" in text and "set download.pieceTimeout instead" in text for text in advice.warnings)
    assert any("lowered from 30 min" in text for text in advice.warnings)
    assert any("tries of download.pieceTimeout" in text for text in advice.warnings)
    assert advice.recommendations
    assert all("pieceDownloadTimeout" not in item.helm_path for item in advice)


def test_a_proposal_stays_below_the_schedulers_collector():
    """However slow the source, a piece with its retries ends before the scheduler would remove its peer."""
    key = (300, 64 * MIB, 40.0, 900.0, 3.0)
    dataset = dataset_of(Settings.resolve(chart="1.7.4"), drawn_pieces(*key), drawn_tasks())
    item = recommend(dataset, timeouts(), fits_of(*key)).get(PIECE, "seedClient")
    assert parse_duration(item.proposed) * 2 < 1800.0
    assert item.confidence == "low"


def test_rendered_files_count_by_majority():
    """With files of three hosts the value that most of them have is the one in force."""
    text = "download:\n  pieceTimeout: {limit}\nstorage:\n  dir: /x\nseedPeer:\n  enable: true\nupload:\n  x: 1\nhost:\n  hostname: {host}\n"
    files = [read_rendered(text.format(limit=limit, host=host), f"{host}/dfdaemon.yaml") for host, limit in (("a", "30s"), ("b", "30s"), ("c", "9s"))]  # fmt: skip
    dataset, findings, fits = article()
    dataset = dataset.with_settings(Settings.resolve(client="v0.1.118").with_rendered(files))
    item = recommend(dataset, findings, fits).get(PIECE, "seedClient")
    assert (item.current.value, item.current.layer) == ("30s", "rendered")


def test_size_defaults_to_the_largest_layer_seen():
    """Without a size the largest layer seen is taken, and the advice says so; without one, 20 GiB."""
    dataset, findings, fits = article()
    dataset = dataset.with_frames(tasks=drawn_tasks(size_bytes=6 * GIB))
    advice = recommend(dataset, findings, fits, size=None)
    assert advice.size_bytes == 6 * GIB
    assert any("largest layer seen, 6 GiB" in text for text in advice.warnings)
    assert recommend(dataset_of(Settings()), Diagnosis([]), {}, size=None).size_bytes == 20 * GIB
    assert recommend(dataset, findings, fits, size=GIB).size_bytes == GIB


@pytest.mark.parametrize(
    "wrong", [{"size": "0"}, {"size": "a lot"}, {"size": float("nan")}, {"target_failure_rate": 0.0}]
)
def test_impossible_questions_are_refused(wrong):
    """A size or a target out of range is an error with a way out, not a guess."""
    with pytest.raises(DflyError):
        recommend(dataset_of(Settings()), Diagnosis([]), {}, **wrong)


def test_rounding_is_upward_in_steps_people_write():
    """10 s to a minute by 5 s, to five minutes by 30 s, above by minutes; never down, and a step stays itself."""
    for given, wanted in ((0.3, 10), (11, 15), (60, 60), (61, 90), (271, 300), (301, 360), (600, 600), (601, 660)):
        assert rounded_up(given) == wanted


def test_lower_targets_need_longer_limits():
    """A stricter target never shortens the need."""
    dataset, findings, fits = article()
    case, _ = make_context(dataset, findings, fits)
    needs = [timeout_for_target(fits["piece_from_source"], case.layer("seedClient"), target).high for target in (0.1, 0.01, 0.001)]  # fmt: skip
    assert needs == sorted(needs)


CASES = {
    "article": article,
    "modern": modern,
    "shorter write": lambda: modern(chart="1.4.10"),
    "rule of thumb": lambda: (dataset_of(Settings.resolve(chart="1.3.26"), tasks=drawn_tasks()), timeouts(), no_fits()),
    "nothing": lambda: (dataset_of(Settings()), Diagnosis([]), {}),
    "silent scheduler": lambda: (dataset_of(Settings.resolve(chart="1.3.20")), found("scheduler_silent"), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_contract_of_all_rules(name):
    """Each recommendation names a key of the facts, its path, a value that parses, an interval, a reason and a check."""
    advice = recommend(*CASES[name]())
    for item in advice:
        assert any(one.component == item.role for one in find_defaults(item.key))
        assert item.helm_path == defaults_of(item.role, item.key).helm_path
        assert (defaults_of(item.role, item.key).unit, item.unit) == ("duration", "s")
        assert parse_duration(item.proposed) > (parse_duration(item.current.value) if item.current.value else 0.0)
        assert 0.0 <= item.low <= item.high
        assert np.isinf(item.high) == ("rule of thumb" in item.because)
        assert item.because
        assert item.how_to_check
        assert item.confidence in {"high", "medium", "low"}
    assert all(item.topic and item.reason for item in advice.no_advice)


@pytest.mark.parametrize("name", CASES)
def test_following_the_advice_settles_it(name):
    """With the overlay applied to the values, the same data lead to no further change."""
    dataset, findings, fits = CASES[name]()
    overlay = Overlay.from_advice(recommend(dataset, findings, fits))
    chart = dataset.settings.chart
    settings = Settings.resolve(overlay.values, chart=chart)
    again = recommend(dataset.with_settings(settings), findings, fits)
    assert again.recommendations == ()


@pytest.mark.parametrize("name", all_rules())
def test_each_rule_alone_answers_an_empty_case(name):
    """A rule that is given nothing answers with reasons or not at all, and never recommends."""
    case, _ = make_context(dataset_of(Settings()), [], {})
    advice = Advice.of(all_rules()[name](case))
    assert advice.recommendations == ()


def test_rules_are_found_by_scanning():
    """The folder holds the rules; modules without ``advise`` are none."""
    assert list(all_rules()) == sorted(all_rules())
    assert {
        "piece_timeout",
        "write_piece_timeout",
        "collected_piece_timeout",
        "schedule_timeout",
        "timeout_warnings",
    } <= set(all_rules())
    assert "context" not in all_rules()
