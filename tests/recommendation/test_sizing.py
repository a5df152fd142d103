"""The rules on network, volumes, requests and limits, and compression: evidence first, no change without trouble, no contradiction."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommendation_cases import PIECE, dataset_of, drawn_pieces, drawn_tasks, fits_of, found

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import PARENT_CONCURRENCY
from dfly_analysis.catalog.sizing_guide import article_shares, documented_sizing, held_in_memory_bytes
from dfly_analysis.config.check import check_settings
from dfly_analysis.config.helm_values_overlay import Overlay
from dfly_analysis.config.resolve import Settings
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import Message
from dfly_analysis.models import fit_all
from dfly_analysis.models.storage import fit_unpack
from dfly_analysis.recommendation import make_context, recommend
from dfly_analysis.recommendation.compression import break_even_bps
from dfly_analysis.recommendation.concurrency import slowed
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.storage import HIGH, LOW
from dfly_analysis.schema import PIECES, PODS, RUNS, TASKS
from dfly_analysis.units import parse_duration, parse_size

MIB, GIB = 2**20, 2**30
UNITS = {"duration": "s", "count": "1", "rate": "B/s", "size": "bytes", "percent": "percent"}
CHART = "1.7.4"
BEGIN = pd.Timestamp("2026-03-01T10:00:00Z")


def on_one_link(
    bandwidth_bps: float, slots: int = 16, rounds: int = 40, limit_s: float = 40.0, spread: float = 0.35
) -> pd.DataFrame:
    """Draw pieces of 64 MiB of one host that share a link evenly, a third of the time with a quarter of them in flight."""
    source, rows, now = np.random.default_rng(8), [], BEGIN
    for number in range(rounds):
        count = slots if number % 3 else max(1, slots // 4)
        time = 64 * MIB * count / bandwidth_bps * np.exp(spread * source.standard_normal(count) - 0.5 * spread**2)
        rows += [
            {
                "started": now,
                "duration_s": min(one, limit_s),
                "outcome": "ok" if one < limit_s else "timeout",
                "retry_round": number,
            }
            for one in time
        ]
        now += pd.Timedelta(float(min(time.max(), limit_s)) + 0.5, "s")
    frame = pd.DataFrame(rows)
    return PIECES.frame(
        {
            "task_id": [f"task-{number}" for number in frame["retry_round"]], "host": ["seed-0"] * len(frame), "role": ["seedClient"] * len(frame),
            "piece_number": np.arange(len(frame)), "attempt": [1] * len(frame), "origin": ["source"] * len(frame),
            "size_bytes": [64 * MIB] * len(frame), "started": frame["started"], "ended": frame["started"] + pd.to_timedelta(frame["duration_s"], "s"),
            "duration_s": frame["duration_s"], "outcome": frame["outcome"], "timeout_s": [limit_s] * len(frame), "censored": frame["outcome"] != "ok",
        }
    )  # fmt: skip


def tasks_of(
    cause: str | None, *, failed: int = 4, n: int = 9, role: str = "seedClient", size_bytes: int = 2 * GIB
) -> pd.DataFrame:
    rows = [
        {"task_id": f"task-{number}", "host": f"seed-{number % 3}", "role": role, "size_bytes": size_bytes,
         "outcome": "failed" if number < failed else "ok", "cause": cause if number < failed else None}
        for number in range(n)
    ]  # fmt: skip
    return TASKS.frame(rows)


def gauges(**values: dict[str, int]) -> pd.DataFrame:
    """Make metrics of hosts: metric to value by host."""
    names = {
        "disk": "dragonfly_client_disk_space_total", "used": "dragonfly_client_disk_usage_space_total",
        "resident": "process_resident_memory_bytes", "processor": "process_cpu_seconds_total",
    }  # fmt: skip
    common = {"tool": "prometheus", "role": "seedClient", "started": BEGIN}
    rows = [
        {**common, "kind": "gauge", "metric": names[name], "host": host, "n": number}
        for name, by_host in values.items()
        for host, number in by_host.items()
        if name != "fetched"
    ]
    rows += [
        {
            **common,
            "kind": "counter",
            "metric": "dragonfly_client_download_traffic",
            "host": host,
            "n": number,
            "bytes_from_source": number,
        }
        for host, number in values.get("fetched", {}).items()
    ]
    return RUNS.frame(rows)


def oom(limit_bytes: int = 2 * GIB) -> pd.DataFrame:
    row = {"kind": "ending", "pod": "seed-0", "container": "seed-client", "role": "seedClient", "reason": "OOMKilled", "exit_code": 137,
           "time": BEGIN, "restarts": 3, "memory_limit_bytes": limit_bytes}  # fmt: skip
    return PODS.frame([row])


def with_frames(dataset, **frames):
    return dataset.with_frames(**frames)


def disk_full(volume_gib: int | None = 5, **resolve):
    """Seeds of a chart with a small volume, asked for more than it holds."""
    values = {"seedClient": {"persistence": {"size": f"{volume_gib}Gi"}}} if volume_gib else {}
    settings = Settings.resolve(**{"values": values, "chart": CHART, **resolve})
    return dataset_of(settings, tasks=tasks_of("disk_full")), found("disk_full", cause="disk_full"), {}


def out_of_memory(**resolve):
    settings = Settings.resolve(
        **{"values": {"seedClient": {"resources": {"limits": {"memory": "2Gi"}}}}, "chart": CHART, **resolve}
    )
    dataset = with_frames(dataset_of(settings, tasks=tasks_of("resource_limit")), pods=oom())
    return dataset, found("pod_ended_badly", cause="resource_limit"), {}


def killed(**resolve):
    settings = Settings.resolve(**{"chart": "1.3.10", **resolve})
    return (
        dataset_of(settings, tasks=tasks_of("resource_limit")),
        found("restart_without_goodbye", cause="resource_limit"),
        {},
    )


def throttled():
    dataset = dataset_of(Settings.resolve(chart=CHART), drawn_at_once(), tasks_of("rate_limited"))
    return dataset, found("registry_status", cause="rate_limited"), {}


@cache
def drawn_at_once() -> pd.DataFrame:
    """Sixteen pieces of a layer at a time, at rates of their own."""
    pieces = drawn_pieces(n=160, size_bytes=64 * MIB, median_s=10.0, sigma=0.2, limit_s=40.0).copy()
    rounds = np.arange(160) // 16
    pieces["task_id"] = [f"task-{number}" for number in rounds]
    pieces["host"] = "seed-0"
    pieces["started"] = BEGIN + pd.to_timedelta(30.0 * rounds, "s")
    return PIECES.frame(pieces.to_dict("list"))


@cache
def thin_link():
    """A link so thin that no sensible limit suffices for sixteen pieces of 64 MiB at a time."""
    settings = Settings.resolve({"seedClient": {"config": {"download": {"pieceTimeout": "600s"}}}}, chart=CHART)
    dataset = dataset_of(settings, on_one_link(1.4e6, limit_s=600.0), drawn_tasks())
    return dataset, found("reqwest_body_timed_out", cause="timeout_too_short"), fit_all(dataset)


def slow_limit(**resolve):
    values = {"seedClient": {"config": {"download": {"bandwidthLimit": "5MB"}}}}
    return (
        dataset_of(Settings.resolve(**{"values": values, "chart": CHART, **resolve}), tasks=tasks_of(None, failed=0)),
        Diagnosis([]),
        {},
    )


@cache
def cut_on_one_link():
    """Connections are cut, and pieces of one host share a link: those that are in flight shorter are cut less often."""
    dataset = dataset_of(Settings.resolve(chart=CHART), on_one_link(200e6, rounds=15), tasks_of("network_instability"))
    return dataset, found("connection_reset", cause="network_instability"), fit_all(dataset)


@cache
def busy_processor():
    """A seed that takes nearly all of the two cores it may."""
    settings = Settings.resolve({"seedClient": {"resources": {"limits": {"cpu": 2}}}}, chart=CHART)
    dataset = dataset_of(settings, on_one_link(200e6, rounds=15), tasks_of("origin_registry"))
    fits = fit_all(dataset)
    rate = make_context(dataset, [], fits)[0].capacity.goodness["busiest_bps"]
    seconds = round(1.9 * 100 * GIB / rate)
    return (
        with_frames(dataset, runs=gauges(processor={"seed-0": seconds}, fetched={"seed-0": 100 * GIB})),
        found(cause="origin_registry"),
        fits,
    )


CASES = {
    "disk full": disk_full, "disk full, volume unknown": lambda: disk_full(None, chart=None, values=None, client="v1.5.1"),
    "room above the threshold": lambda: disk_full(60), "out of memory": out_of_memory, "killed": killed, "throttled": throttled,
    "thin link": thin_link, "slow limit": slow_limit, "slow limit of old": lambda: slow_limit(values={"seedClient": {"config": {"download": {"rateLimit": "5MiB"}}}}, chart="1.3.26"),
    "processor": busy_processor, "cut on one link": cut_on_one_link,
}  # fmt: skip
WANTED = {
    "disk full": {"persistence.size"}, "disk full, volume unknown": {"persistence.size"},
    "room above the threshold": {"gc.policy.distHighThresholdPercent", "gc.policy.distLowThresholdPercent"},
    "out of memory": {"resources.limits.memory", "resources.requests.memory"}, "killed": {"resources.limits.memory", "resources.requests.memory"},
    "throttled": {PARENT_CONCURRENCY}, "thin link": {PARENT_CONCURRENCY}, "slow limit": {"download.bandwidthLimit"}, "slow limit of old": {"download.rateLimit"},
    "processor": {"resources.limits.cpu"}, "cut on one link": {PARENT_CONCURRENCY},
}  # fmt: skip


@cache
def advice_of(name: str) -> Advice:
    return recommend(*CASES[name]())


@pytest.mark.parametrize("name", CASES)
def test_contract_of_the_sizing_rules(name):
    """What is wanted is there; each names a known key at its path, in its unit, an interval that holds the proposal's need, and a check."""
    advice = advice_of(name)
    assert {item.key for item in advice} >= WANTED[name]
    for item in advice:
        known = defaults_of(item.role, item.key)
        assert item.helm_path == known.helm_path
        assert item.unit in {
            UNITS.get(known.unit),
            "bytes" if known.unit == "quantity" else None,
            "cores" if known.unit == "quantity" else None,
        }
        assert 0.0 <= item.low <= item.high
        assert np.isfinite(item.low)
        assert item.because and item.how_to_check  # noqa: PT018 - both are texts
        assert item.confidence in {"high", "medium", "low"}
    for one in advice.estimates:
        assert one.low <= one.value <= one.high
        assert one.because


def nested(entries):
    made: dict = {}
    for path, value in entries.items():
        *sections, leaf = path.split(".")
        node = made
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return made


def followed(dataset, advice: Advice):
    """Return the dataset with the advice applied to its values; with its first value a run gets a chart's thresholds too, unless it says its own."""
    settings = dataset.settings
    own = {key: settings.get(key, "seedClient") for key in (HIGH, LOW)}
    kept = {f"seedClient.config.{key}": one.value for key, one in own.items() if one.layer == "binary"}
    values = {**kept, **settings.user.entries, **Overlay.from_advice(advice).paths}
    return dataset.with_settings(Settings.resolve(values, chart=settings.chart, client=settings.versions["seedClient"]))


@pytest.mark.parametrize("name", CASES)
def test_following_the_sizing_advice_settles_it(name):
    """With the overlay applied to the values, the same data lead to no further change."""
    dataset, findings, fits = CASES[name]()
    again = recommend(followed(dataset, advice_of(name)), findings, fits)
    assert [f"{item.role} {item.key} {item.proposed}" for item in again] == []


def estimate(advice: Advice, what: str, role: str = "seedClient"):
    return next(one for one in advice.estimates if one.what.startswith(what) and one.role == role)


@pytest.mark.parametrize("chart", ["1.2.24", "1.3.10", CHART])
def test_nothing_is_changed_where_nothing_is_wrong(chart):
    """Defaults below the documented sizes are estimates; no task failed, so no setting is proposed."""
    advice = recommend(dataset_of(Settings.resolve(chart=chart), tasks=tasks_of(None, failed=0)), Diagnosis([]), {})
    assert advice.recommendations == ()
    assert estimate(advice, "documented memory limit").basis == "documented"


def test_fewer_pieces_and_the_limit_belong_together():
    """The limit proposed beside fewer pieces in flight holds for them, by the estimate, and not for as many as now."""
    dataset, findings, fits = thin_link()
    advice = advice_of("thin link")
    slots, limit_s = (
        int(advice.get(PARENT_CONCURRENCY, "seedClient").proposed),
        parse_duration(advice.get(PIECE, "seedClient").proposed),
    )
    case, _ = make_context(dataset, findings, fits)
    needed_s, reduced_concurrency = case.needs["seedClient", PIECE].needed.value, case.reduced_concurrency["seedClient"]
    assert needed_s > limit_s >= needed_s * reduced_concurrency.times
    assert reduced_concurrency.slots == slots
    assert advice.get(PIECE, "seedClient").demanded_bandwidth_bps == pytest.approx(slots * 64 * MIB / limit_s)
    assert advice.get(PIECE, "seedClient").low <= limit_s


def test_a_limit_that_suffices_leaves_the_pieces_in_flight():
    """Where raising the limit cures it, pieces in flight are not lowered as well."""
    key = (900, 64 * MIB, 40.0, 27.0, 0.3)
    advice = recommend(dataset_of(Settings.resolve(chart=CHART), drawn_pieces(*key), drawn_tasks()), found("reqwest_body_timed_out", cause="timeout_too_short"), fits_of(*key))  # fmt: skip
    assert advice.get(PIECE, "seedClient") is not None
    assert advice.get(PARENT_CONCURRENCY, "seedClient") is None


def test_what_cures_the_cause_stands_first():
    """A full disk is cured by a volume, so that stands before any timeout."""
    assert next(iter(advice_of("disk full"))).key == "persistence.size"


def test_a_volume_holds_what_is_kept_and_a_layer_above():
    """The proposal holds the layer asked for above the high threshold, and what was kept below the low one."""
    item = advice_of("disk full").get("persistence.size", "seedClient")
    volume = parse_size(item.proposed)
    assert volume * (1 - 0.9) >= 20 * GIB * (1 - 1e-6)
    assert volume * 0.7 >= 6 * GIB
    assert "1 TiB" in item.rule_of_thumb


def test_a_disk_smaller_than_the_values_say_is_doubted():
    """Where metrics show another disk than the values believed in force, there is a warning and no proposal."""
    dataset, findings, _ = disk_full(500)
    runs = gauges(disk={"seed-0": GIB}, used={"seed-0": GIB})
    advice = recommend(dataset.with_frames(runs=runs), findings, {})
    assert advice.get("persistence.size", "seedClient") is None
    assert any("has 1 GiB by its metrics" in text for text in advice.warnings)


def test_a_container_killed_below_the_believed_limit_is_doubted():
    """Kubernetes names the limit a container was ended at; another one in the values is called into doubt."""
    dataset, findings, _ = out_of_memory(values=None)
    advice = recommend(dataset, findings, {})
    assert any("killed at a limit of 2 GiB" in text for text in advice.warnings)


def test_a_process_far_below_its_limit_was_not_ended_for_memory():
    """What it held when its metrics were read speaks against memory, so no limit is raised and more is asked for."""
    dataset, findings, _ = killed()
    advice = recommend(dataset.with_frames(runs=gauges(resident={"seed-0": 100 * MIB})), findings, {})
    assert not [item for item in advice if item.key.startswith("resources.")]
    reason = next(one for one in advice.no_advice if one.topic == "resources")
    assert "memory is hardly the reason" in reason.reason
    assert "kubectl get pods" in reason.collect


def test_the_articles_figures_are_a_fallback_and_called_so():
    """Without a measurement the article's figures are proposed from 20 GB on, with low confidence, the guide's below."""
    large, small = advice_of("killed"), recommend(*killed(), size="2GiB")
    assert large.get("resources.limits.memory", "seedClient").proposed == "32Gi"
    assert "a fallback without a measurement" in large.get("resources.limits.memory", "seedClient").because
    assert small.get("resources.limits.memory", "seedClient").proposed == "16Gi"
    assert {item.confidence for item in large if item.key.startswith("resources.")} == {"low"}
    assert article_shares("seedClient").limit_memory_bytes > documented_sizing("seedClient").memory_bytes


def test_old_releases_hold_pieces_between_peers_in_memory():
    """From v1.0.22 on a piece in flight holds a buffer; between v1.0.27 and v1.2.5 a window to the registry as well."""
    sizes = [held_in_memory_bytes("parent", 64 * MIB, 4 * MIB, version) for version in ("v1.0.21", "v1.0.22", "v1.5.1")]
    assert sizes == [64 * MIB, 4 * MIB, 4 * MIB]
    assert held_in_memory_bytes("source", 64 * MIB, 4 * MIB, "v1.2.0") == 20 * MIB


@given(st.floats(1.01, 8.0), st.floats(1e6, 1e9), st.floats(1e7, 2e9))
def test_at_the_break_even_both_take_equally_long(ratio, unpack, plain):
    """Fetching and unpacking, one after the other, take the same time compressed and plain; below it compressed is quicker."""
    bandwidth = break_even_bps(ratio, unpack, plain)

    def seconds(rate: float, shrunk: float, speed: float) -> float:
        return 1.0 / (shrunk * rate) + 1.0 / (shrunk * speed)

    if np.isinf(bandwidth):
        assert seconds(1e12, ratio, unpack) <= seconds(1e12, 1.0, plain) * (1 + 1e-9) + 1e-12
        return
    assert seconds(bandwidth, ratio, unpack) == pytest.approx(seconds(bandwidth, 1.0, plain), rel=1e-6)
    assert seconds(0.5 * bandwidth, ratio, unpack) < seconds(0.5 * bandwidth, 1.0, plain)


def test_compression_is_judged_at_the_bandwidth_seen_only():
    """Without a bandwidth there is no advice; with one each algorithm is judged, and a ratio that is named narrows it."""
    silent = next(one for one in advice_of("killed").no_advice if one.topic == "compression")
    assert "bandwidth to a node is not known" in silent.reason
    assert silent.collect
    wide = estimate(advice_of("thin link"), "gzip pays off below this bandwidth, programs", "client")
    named = recommend(*thin_link(), compression_ratio=2.5)
    narrow = estimate(named, "gzip pays off below this bandwidth, ratio 2.5", "client")
    assert narrow.low >= wide.low
    assert "gzip pays off at" in narrow.because
    with pytest.raises(DflyError, match="compression ratio must be above 1"):
        recommend(*killed(), compression_ratio=0.9)


def test_measured_unpacking_goes_before_what_is_assumed():
    """Three runs whose label speaks of unpacking give the speed; two do not."""
    rows = [
        {"tool": "csv", "kind": "sample", "label": "unpack gzip", "size_bytes": GIB, "duration_s": one}
        for one in (10.0, 11.0, 12.0)
    ]
    fit = fit_unpack(RUNS.frame(rows), "gzip")
    assert fit.speed_bps.low < GIB / 11.0 < fit.speed_bps.high
    assert fit_unpack(RUNS.frame(rows[:2]), "gzip") is None
    assert fit_unpack(RUNS.frame(rows), "zstd") is None


def test_fewer_in_flight_are_never_slower():
    """By the fitted throughput a piece among fewer never takes longer."""
    capacity = make_context(*thin_link())[0].capacity
    assert not isinstance(capacity, NotFitted)
    times = [slowed(capacity, n) for n in (1, 2, 4, 8, 16, 32)]
    assert times == sorted(times)


@pytest.mark.parametrize("name", CASES)
def test_texts_of_the_advice_are_messages(name):
    """Every sentence knows its msgid, so that a page can show it in another language."""
    advice = advice_of(name)
    texts = [*advice.warnings, *(one.reason for one in advice.no_advice)]
    texts += [text for one in advice for text in (*one.reasons, one.how_to_check, one.rule_of_thumb or "")]
    texts += [text for one in advice.estimates for text in (one.what, one.because, one.how_to_check)]
    assert [text for text in texts if text and not isinstance(text, Message)] == []


@pytest.mark.parametrize("name", CASES)
def test_check_config_accepts_what_is_advised(name):
    """No trap lies in a key that was advised: it is read, spelt right, and its value holds the layer asked for."""
    dataset, advice = followed(CASES[name]()[0], advice_of(name)), advice_of(name)
    advised = {item.key for item in advice if not item.key.endswith("Timeout")}
    present = [one for one in check_settings(dataset.settings, size="20GiB").findings if one.verdict == "present"]
    assert [one.id for one in present if one.knob in advised and one.severity in {"critical", "high"}] == []
