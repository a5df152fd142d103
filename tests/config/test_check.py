"""check-config: silent on clean values of every era, lines that are right, feasibility that follows from the facts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dfly_analysis.catalog.releases import releases
from dfly_analysis.config.bandwidth_demand import demand_of, demanded_bps
from dfly_analysis.config.check import check_config
from dfly_analysis.config.resolve import Settings
from dfly_analysis.errors import DflyError

GiB = 1024**3
BIG = {"limits": {"cpu": 16, "memory": "64Gi"}, "requests": {"cpu": 4, "memory": "16Gi"}}
CHARTS = ["1.1.66", "1.2.24", "1.3.25", "1.3.26", "1.3.28", "1.4.1", "1.4.16", "1.5.2", "1.5.10", "1.6.0", "1.7.4"]


def clean_values(chart: str) -> dict[str, Any]:
    """Give values without a trap for a chart: limits of 6 min, the program's own concurrency, room on the volume."""
    from dfly_analysis.catalog.defaults import chart_run, defaults_of
    from dfly_analysis.catalog.releases import images_of

    client = images_of(chart)["client"]

    def read(key: str) -> bool:
        item = defaults_of("client", key)
        era = item.at(client) if item and client else None
        return era is not None and era.ignored is None

    def role(name: str) -> dict[str, Any]:
        download = {"pieceTimeout": "360s", "concurrentPieceCount": 8}
        if read("download.collectedPieceTimeout"):
            download["collectedPieceTimeout"] = "360s"
        storage: dict[str, Any] = {"keep": True}
        if read("storage.writePieceTimeout"):
            storage["writePieceTimeout"] = "360s"
        config: dict[str, Any] = {
            "download": download, "storage": storage, "scheduler": {"scheduleTimeout": "3h"}, "gc": {"policy": {"taskTTL": "168h"}},
        }  # fmt: skip
        if read("proxy.registryMirror.enableTaskIDBasedBlobDigest"):
            config["proxy"] = {"registryMirror": {"enableTaskIDBasedBlobDigest": False}}
        made: dict[str, Any] = {"config": config, "resources": BIG}
        return made | ({"persistence": {"size": "1Ti"}} if name == "seedClient" else {})

    gc = {"pieceDownloadTimeout": "30m", "peerTTL": "720h"}
    scheduler: dict[str, Any] = {"retryInterval": "2s", "gc": gc}
    assert chart_run("scheduler.config.scheduler.gc.pieceDownloadTimeout", chart)
    return {
        "client": role("client"),
        "seedClient": role("seedClient"),
        "scheduler": {"config": {"scheduler": scheduler}},
    }


def written(folder: Path, content: Any) -> Path:
    path = folder / "values.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), "utf-8")
    return path


@pytest.mark.parametrize("chart", CHARTS)
def test_clean_values_of_every_era_raise_nothing(chart, tmp_path):
    """With values that fit the chart's components, no trap is named, and every trap was looked for."""
    found = check_config(written(tmp_path, clean_values(chart)), chart=chart)
    assert [(one.id, one.reason) for one in found.present()] == []
    assert {one.verdict for one in found.findings} == {"absent"}
    assert all(one.severity == "info" for one in found.findings)


@pytest.mark.parametrize("client", ["v0.1.118", "v0.2.24", "v1.0.26", "v1.5.1"])
def test_clean_component_files_of_every_era_raise_nothing(client, tmp_path):
    """Rendered files with sensible limits hold no trap in the roles they are of; other roles are not judged."""
    newer = client >= "v1"
    for seed in (True, False):
        content: dict[str, Any] = {
            "host": {"hostname": f"h-{seed}"}, "seedPeer": {"enable": seed}, "scheduler": {"scheduleTimeout": "3h"},
            "download": {"pieceTimeout": "360s", "concurrentPieceCount": 8} | ({"collectedPieceTimeout": "360s"} if newer else {}),
            "storage": {"dir": "/d", "keep": True} | ({"writePieceTimeout": "360s"} if newer else {}),
        }  # fmt: skip
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "dfdaemon.yaml").write_text(yaml.safe_dump(content), "utf-8")
    found = check_config(tmp_path, client=client)
    assert [(one.id, one.reason) for one in found.present()] == []


def test_a_finding_names_file_and_line(tmp_path):
    """The evidence of a trap is the line of the key, under a parent chart's name too, comments and all."""
    text = "# ours\ndragonfly:\n  seedClient:\n    config:\n      download:\n        # from an article\n        pieceDownloadTimeout: 600s\n        pieceTimeout: 30s\n"
    path = written(tmp_path, text)
    found = check_config(path, chart="1.7.4")
    wrong, demand = found.get("wrong_timeout_key"), found.get("demands_more_than_a_link")
    assert wrong is not None
    assert demand is not None
    assert [(one.path, one.line, one.text) for one in wrong.evidence] == [(str(path), 7, "pieceDownloadTimeout: 600s")]
    assert wrong.reason.startswith("dragonfly.seedClient.config.download.pieceDownloadTimeout: ")
    assert [one.line for one in demand.evidence] == [8]
    assert "30s (values.yaml: dragonfly.seedClient.config.download.pieceTimeout)" in demand.reason


def test_without_a_release_what_needs_one_is_unknown():
    """Values alone: key traps are told, what depends on defaults is unknown, with the way to know."""
    found = check_config({"seedClient.config.download.pieceTimeout": "30s"})
    assert found.get("demands_more_than_a_link").verdict == "unknown"
    assert found.get("wrong_timeout_key").verdict == "absent"
    assert any("--chart" in note for note in found.notes)
    assert found.feasibility.feasible is None


@pytest.mark.parametrize(
    ("chart", "mb_per_s"),
    [("1.3.25", 8.9), ("1.3.26", 35.8), ("1.3.27", 17.9), ("1.3.28", 11.9), ("1.4.1", 35.8), ("1.4.13", 71.6), ("1.5.2", 35.8), ("1.7.4", 26.8)],
)  # fmt: skip
def test_demanded_bandwidth_of_charts(chart, mb_per_s):
    """What each chart's defaults demand of the source for a layer of 20 GB is that of the table in the facts."""
    assert check_config(None, chart=chart, size="20GB").feasibility.demanded_bps == pytest.approx(
        mb_per_s * 1e6, rel=0.01
    )


def test_a_job_of_eight_layers_demands_eight_times_as_much():
    """Chart 1.7.4: about 215 MB/s for the eight layers a job fetches at a time; 1.5 MB/s a layer without a chart."""
    found = check_config(None, chart="1.7.4").feasibility
    assert found.job_layers == 8
    assert found.job_demanded_bps == pytest.approx(215e6, rel=0.01)
    assert check_config(None, client="v1.5.1").feasibility.demanded_bps == pytest.approx(1.5e6, rel=0.01)


@pytest.mark.parametrize(("bandwidth", "feasible", "factor"), [("13.4MB/s", False, 0.5), ("53.7MB/s", True, 2.0)])
def test_feasible_or_not_and_by_what_factor(bandwidth, feasible, factor):
    """With size and bandwidth the answer is yes or no, with the factor between what is there and what is asked for."""
    found = check_config(None, chart="1.7.4", size="20GiB", bandwidth=bandwidth)
    assert found.feasibility.feasible is feasible
    assert found.feasibility.factor == pytest.approx(factor, rel=0.01)
    assert found.feasibility.governed_by == "download.pieceTimeout"
    assert (found.get("not_feasible").verdict == "present") is not feasible
    assert ("not feasible" in found.feasibility.reason) is not feasible


def test_the_real_layer_of_20_gib_is_told_beforehand():
    """48 pieces in flight at 2.4 MB/s each were lost at 40 s and came through at 180 s: so says the check."""
    values = {
        "seedClient.config.download.concurrentPieceCount": 48,
        "seedClient.config.storage.writePieceTimeout": "360s",
    }
    for limit, feasible in (("40s", True), ("25s", False)):
        asked = values | {"seedClient.config.download.pieceTimeout": limit}
        found = check_config(asked, chart="1.7.4", size="20GiB", bandwidth=48 * 2.4e6).feasibility
        assert found.feasible is feasible
        assert found.pieces == 320


def test_config_maps_are_read_with_the_lines_of_their_file(tmp_path):
    """What kubectl prints of ConfigMaps is opened, and evidence names the line of that print."""
    body = "\n".join(
        f"    {line}"
        for line in [
            "download:",
            "  pieceTimeout: 40s",
            "  pieceDownloadTimeout: 600s",
            "storage:",
            "  keep: true",
            "seedPeer:",
            "  enable: true",
        ]
    )
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: seed\ndata:\n  dfdaemon.yaml: |-\n{body}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\ndata:\n  a: b\n"
    found = check_config(written(tmp_path, text), client="v1.4.0").get("wrong_timeout_key")
    assert found.verdict == "present"
    assert text.splitlines()[found.evidence[0].line - 1].strip() == "pieceDownloadTimeout: 600s"


def test_config_maps_in_json_are_read_too(tmp_path):
    """In a list as kubectl prints it in JSON, the line is that of the text."""
    body = "download:\n  pieceDownloadTimeout: 600s\nstorage:\n  keep: true\nseedPeer:\n  enable: true\n"
    content = {
        "kind": "List",
        "items": [{"kind": "ConfigMap", "metadata": {"name": "seed"}, "data": {"dfdaemon.yaml": body}}],
    }
    text = json.dumps(content, indent=1)
    found = check_config(written(tmp_path, text), client="v1.4.0").get("wrong_timeout_key")
    assert found.verdict == "present"
    assert "pieceDownloadTimeout" in text.splitlines()[found.evidence[0].line - 1]


def test_hosts_that_differ_are_judged_each(tmp_path):
    """Of three seeds one has a short limit: that one is named."""
    for number, limit in enumerate(("360s", "30s", "360s")):
        content = {
            "host": {"hostname": f"seed-{number}"},
            "seedPeer": {"enable": True},
            "download": {"pieceTimeout": limit, "concurrentPieceCount": 16},
        }
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "dfdaemon.yaml").write_text(yaml.safe_dump(content), "utf-8")
    found = check_config(tmp_path, client="v1.5.1").get("demands_more_than_a_link")
    assert found.count == 1
    assert found.reason.startswith("seedClient on seed-1: ")
    assert found.evidence[0].path.endswith("1/dfdaemon.yaml")


def test_an_empty_file_checks_the_defaults(tmp_path):
    """No key is ignored in a file without keys; the chart's own defaults are judged."""
    found = check_config(written(tmp_path, "# nothing yet\n"), chart="1.7.4")
    assert {one.verdict for one in found.findings} == {"present", "absent"}
    assert found.get("wrong_timeout_key").verdict == "absent"
    assert found.get("demands_more_than_a_link").verdict == "present"


def test_roles_that_do_not_run_are_not_judged():
    """A role that is switched off, and the new clients of a chart whose old daemon is configured, hold no trap."""
    off = check_config(
        {"seedClient.enable": False, "client.enable": False, "client.config.download.pieceTimeout": "30s"},
        chart="1.7.4",
    )
    assert [one.id for one in off.present()] == []
    old = check_config({"dfdaemon.config.download.pieceDownloadTimeout": "600s"}, chart="1.1.60")
    assert [one.id for one in old.present()] == []
    assert check_config({"seedClient.enable": True, "dfdaemon.enable": True}, chart="1.1.60").present()


@pytest.mark.parametrize("tag", ["v0.0.1", "v99.0.0", "latest", "1.4", 7, None, "v1.4.0@sha256:00"])
def test_any_image_tag_is_taken(tag):
    """A tag that is no known release leaves its role's release unknown, or is read as the newest; it breaks nothing."""
    found = check_config(
        {"seedClient": {"image": {"tag": tag}, "config": {"download": {"pieceTimeout": "30s"}}}}, client=None
    )
    assert {one.verdict for one in found.findings} <= {"present", "absent", "unknown"}


@pytest.mark.parametrize(("scheduler", "verdict"), [("v2.5.1", "present"), ("v2.9.0", "unknown"), ("v0.5.0", "absent")])
def test_of_a_release_of_tomorrow_no_problem_is_called_absent(scheduler, verdict):
    """A problem that the newest known release still has may be there or not in one that is not known."""
    found = check_config({}, client="v1.5.10", scheduler=scheduler)
    assert found.get("preheat_not_used").verdict == verdict


@given(st.integers(1, 10**13), st.integers(1, 10**13), st.sampled_from(releases("chart")[-120:]))
def test_demanded_bandwidth_grows_with_the_layer(one, other, chart):
    """A larger layer never demands less."""
    resolved = Settings.resolve(chart=chart)
    small, large = (demand_of(resolved, "seedClient", size).bps for size in sorted((one, other)))
    assert small <= large


@given(st.floats(1, 1e12), st.floats(0.001, 1e6), st.floats(1.0001, 1000))
def test_demanded_bandwidth_is_inverse_in_the_limit(in_flight, limit_s, factor):
    """A limit times as long demands that much less."""
    assert demanded_bps(in_flight, limit_s * factor) == pytest.approx(
        demanded_bps(in_flight, limit_s) / factor, rel=1e-9
    )


@given(st.integers(1, 3600), st.integers(1, 3600), st.integers(1, 128))
def test_a_longer_limit_never_demands_more_in_values(one, other, streams):
    """In values too: of two limits the longer demands less or as much, and by the same factor."""
    seen = [
        check_config(
            {"seedClient": {"config": {"download": {"pieceTimeout": f"{seconds}s", "concurrentPieceCount": streams}, "storage": {"writePieceTimeout": "2h"}}}},
            chart="1.7.4",
        ).feasibility.demanded_bps * seconds
        for seconds in (one, other)
    ]  # fmt: skip
    assert seen[0] == pytest.approx(seen[1], rel=1e-9)


KEYS = st.sampled_from([
    "seedClient", "client", "scheduler", "manager", "config", "download", "pieceTimeout", "storage", "gc", "policy", "resources",
    "limits", "memory", "cpu", "persistence", "size", "dragonfly", "proxy", "rules", "concurrentPieceCount", "scheduleTimeout",
    "diskHighThresholdPercent", "image", "tag", "server", "pieceDownloadTimeout", "dfdaemon", "enable", "writePieceTimeout",
])  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8)
    | st.sampled_from(["30s", "0s", "20GiB", "9" * 400 + "s", "-5s", "1e999", "500m", "v1.4.0", "latest", "v0.0.1", "v99.0.0"])
)  # fmt: skip
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4), max_leaves=12)  # fmt: skip
DEEP = st.tuples(
    st.sampled_from(["client", "seedClient", "scheduler", "manager"]), st.lists(KEYS, min_size=1, max_size=4), TREES
)


def answers(text: str | bytes, folder: Path) -> None:
    """Check that a file gets an answer in JSON, or one line that names it."""
    path = folder / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    for asked in ({"chart": "1.7.4"}, {"client": "v0.1.118", "bandwidth": 1e6}):
        try:
            found = check_config(path, **asked)
        except DflyError as problem:
            said = [str(problem)] if "any.yaml" in str(problem) else []
        else:
            said = [one.reason for one in found.findings]
            assert not any(math.isnan(bound.limit_s) for bound in found.feasibility.bounds)
        assert said
        assert all("\n" not in text for text in said)


@given(TREES)
@settings(max_examples=examples(150))
def test_any_structure_is_answered(tmp_path_factory, tree):
    """Whatever types stand where, numbers without bounds included, the check answers or says one line."""
    answers(yaml.safe_dump(tree, allow_unicode=True), tmp_path_factory.getbasetemp())


@given(st.lists(DEEP, max_size=4))
@example([("client", ["seedClient"], {"\n": False})])
@settings(max_examples=examples(150))
def test_any_value_at_a_known_key_is_answered(tmp_path_factory, parts):
    """Wrong types at the right places do not break the check."""
    content: dict[str, Any] = {}
    for role, steps, value in parts:
        node = content.setdefault(role, {}).setdefault("config", {})
        for step in steps[:-1]:
            node = node.setdefault(step, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict):
            node[steps[-1]] = value
    answers(yaml.safe_dump(content, allow_unicode=True), tmp_path_factory.getbasetemp())


@given(st.text(max_size=80) | st.binary(max_size=80))
@settings(max_examples=examples(150))
def test_any_text_or_bytes_are_answered(tmp_path_factory, text):
    """Text that is no YAML, and bytes that are no text, get one line."""
    answers(text, tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 200_000, "nested deeper"), ("- " * 50_000, "nested deeper"), ("download:\n  " + "[" * 200_000, "nested deeper"),
        ("a: &a [*a]\n", "contains itself"), ("a: *b\n", "undefined alias"), ("a: 1\n---\nb: 2\n", "another document"), ("a: !x 1\n", "not YAML"),
        ("a:\n\t- b\n", "not YAML"), ("- a\n- b\n", "a list, not a mapping"), ("just words\n", "a str, not a mapping"), ("7\n", "an? int, not a mapping"),
        ("x0: &x0 [1,1,1,1,1,1,1,1,1]\n" + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12)), "more than 200000"),
        ("a: " + "9" * 6000 + "\n", "not YAML"), ("\x00\x01", "not YAML"),
    ],
    ids=range(14),
)  # fmt: skip
def test_hostile_files_are_one_clear_line(tmp_path, text, words):
    """Depth, anchors that hold themselves or double, second documents and control characters are refused with file and reason."""
    path = written(tmp_path, text)
    with pytest.raises(DflyError, match=words) as caught:
        check_config(path, chart="1.7.4")
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_one_clear_line(tmp_path):
    """A file that is missing, binary, too large, or a folder without configuration is named with the way out."""
    (tmp_path / "empty").mkdir()
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    large = tmp_path / "l.yaml"
    large.write_bytes(b"# " + b"x" * 4_000_001)
    for path, words in ((tmp_path / "none.yaml", "No such file"), (binary, "not UTF-8"), (large, "more than 4 MB"), (tmp_path / "empty", "no configuration")):  # fmt: skip
        with pytest.raises(DflyError, match=words) as caught:
            check_config(path)
        assert caught.value.hint


def test_anchors_and_merged_sections_count_as_helm_counts_them(tmp_path):
    """A section taken over by ``<<`` is in force, its own keys go before, and lines are those of the anchor."""
    text = "common: &c\n  download: {pieceTimeout: 30s}\nseedClient:\n  config:\n    <<: *c\nclient:\n  config:\n    <<: *c\n    download: {pieceTimeout: 90s}\n"
    found = check_config(written(tmp_path, text), chart="1.7.4").settings
    assert found.get("download.pieceTimeout", "seedClient").seconds == 30
    assert found.get("download.pieceTimeout", "client").seconds == 90
    assert found.user.lines["seedClient.config.download.pieceTimeout"] == 2


def test_secrets_of_the_values_are_in_no_answer(tmp_path):
    """Passwords and keys appear neither in findings nor in settings."""
    text = "manager: {config: {auth: {jwt: {key: hunter2}}, databse: {mysql: {password: hunter2}}}}\nseedClient: {config: {backend: {requestHeader: {Authorization: hunter2}}}}\n"
    found = check_config(written(tmp_path, text), chart="1.7.4")
    assert "hunter2" not in repr(found)


def test_the_same_input_gives_the_same_answer(tmp_path):
    """The order of findings is settled by verdict, severity and name."""
    path = written(tmp_path, {"seedClient": {"config": {"download": {"pieceTimeout": "30s"}}}})
    first, second = (check_config(path, chart="1.7.4") for _ in range(2))
    assert first == second
    assert json.dumps([one.id for one in first.findings]) == json.dumps([one.id for one in second.findings])


SEED, CLIENT = "seedClient.config", "client.config"
KNOWN_TRAPS: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    # the wrong key, in each of the three places it can stand, and what it does there
    ("0.1 Rust client", "wrong_timeout_key", {f"{SEED}.download.pieceDownloadTimeout": "600s"}, {"chart": "1.7.4"}, "ignores it"),
    ("0.1 scheduler", "wrong_timeout_key", {"scheduler.config.scheduler.gc.pieceDownloadTimeout": "600s"}, {"chart": "1.7.4"}, "lowered from 30 min"),
    ("0.1 Go client", "wrong_timeout_key", {"dfdaemon.config.download.pieceDownloadTimeout": "600s"}, {"chart": "1.7.4"}, "old Go daemon"),
    ("0.1 margin", "collector_removes_slow_peers", {f"{SEED}.download.pieceTimeout": "16m"}, {"chart": "1.7.4"}, "not longer than 2 attempts"),
    # limits on a piece, and the shorter one that acts first
    ("0.2 limit", "demands_more_than_a_link", {f"{SEED}.download.pieceTimeout": "30s"}, {"chart": "1.7.4"}, "demand 35.8 MB/s"),
    ("0.2 body", "write_timeout_below_piece_timeout", {f"{SEED}.download.pieceTimeout": "10m"}, {"chart": "1.5.1"}, "30s"),
    ("0.2 binary", "write_timeout_below_piece_timeout", {}, {"client": "v1.0.35"}, "90s"),
    # patience with scheduler and parents
    ("0.3 scheduler", "schedule_timeout_too_short", {f"{SEED}.scheduler.scheduleTimeout": "30s"}, {"chart": "1.7.4"}, "TokioStreamElapsed"),
    ("0.3 binary", "schedule_timeout_too_short", {}, {"client": "v0.2.5"}, "10s"),
    ("0.3 parents", "collected_timeout_below_piece_timeout", {f"{SEED}.download.collectedPieceTimeout": "5s"}, {"chart": "1.7.4"}, "215 MB/s"),
    # defaults of charts, row by row
    ("2 1.3.26", "demands_more_than_a_link", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.3.26"}, "demand 35.8 MB/s"),
    ("2 1.3.27", "demands_more_than_a_link", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.3.27"}, "demand 17.9 MB/s"),
    ("2 1.4.1", "demands_more_than_a_link", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.4.1"}, "demand 35.8 MB/s"),
    ("2 1.4.13", "demands_more_than_a_link", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.4.13"}, "demand 71.6 MB/s"),
    ("2 1.4.13 streams", "too_many_pieces_in_flight", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.4.13"}, "32"),
    ("2 1.7.4", "demands_more_than_a_link", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.7.4"}, "215 MB/s for the 8 layers"),
    ("2 seed left behind", "seed_limits_below_client_limits", {f"{CLIENT}.download.pieceTimeout": "10m"}, {"chart": "1.7.4"}, "40s"),
    ("2 lazy loading", "limits_for_lazy_loading", {f"{SEED}.storage.writePieceTimeout": "30s"}, {"chart": "1.7.4"}, "40s, 5s and 30s"),
    ("2 asked", "not_feasible", {f"{SEED}.storage.dir": "/d"}, {"chart": "1.7.4", "size": "20GB", "bandwidth": "10MB/s"}, "26.8 MB/s"),
    # the knob each log line leads to, set so that the line will come
    ("4 retries", "retries_do_not_cover_bodies", {f"{SEED}.backend.maxRetries": 9}, {"chart": "1.7.4"}, "not retried"),
    ("4 no timeout key", "wrong_timeout_key", {f"{SEED}.backend.requestTimeout": "5m"}, {"chart": "1.7.4"}, "download.pieceTimeout"),
    ("4 upload limit", "upload_limit_starves_children", {f"{SEED}.upload.bandwidthLimit": "5MB"}, {"chart": "1.7.4"}, "5MB"),
    ("4 space", "volume_below_layer", {"seedClient.persistence.size": "8Gi"}, {"chart": "1.7.4"}, "rejected before its first piece"),
    ("4 disk threshold", "disk_threshold_below_layer", {f"{SEED}.gc.policy.diskThreshold": "8GiB"}, {"client": "v1.4.0"}, "8GiB"),
    ("4 job deadline", "rate_limit_outlasts_the_job", {f"{SEED}.download.backToSourceBandwidthLimit": "1MB"}, {"chart": "1.7.4"}, "60m"),
    ("4 retry of parents", "sent_to_source_too_soon", {"scheduler.config.scheduler.retryInterval": "50ms"}, {"chart": "1.7.4"}, "50ms"),
    ("4 rounds", "schedule_rounds_lowered", {f"{CLIENT}.scheduler.maxScheduleCount": 1}, {"chart": "1.7.4"}, "costs a round"),
    ("4 calls", "request_limit_lowered", {f"{SEED}.upload.server.requestRateLimit": 10}, {"chart": "1.7.4"}, "RESOURCE_EXHAUSTED"),
    # preheats that succeed and are not used
    ("5 digest", "preheat_not_used", {f"{CLIENT}.proxy.registryMirror.enableTaskIDBasedBlobDigest": True}, {"chart": "1.7.4"}, "v2.5.1"),
    ("5 default", "preheat_not_used", {f"{CLIENT}.storage.dir": "/d"}, {"chart": "1.5.10"}, "True"),
    ("5 other capitals", "renamed_key", {f"{CLIENT}.proxy.registryMirror.enableTaskIDBasedBlobDigest": True}, {"client": "v1.1.6"}, "enableTaskIdBasedBlobDigest"),
    ("5 parameters", "query_parameters_in_task_id", {f"{CLIENT}.proxy.rules": [{"regex": ".*", "filteredQueryParams": ["X"]}]}, {"chart": "1.7.4"}, "the task id"),
]  # fmt: skip


@pytest.mark.parametrize(("trap", "values", "asked", "words"), [row[1:] for row in KNOWN_TRAPS], ids=[row[0] for row in KNOWN_TRAPS])  # fmt: skip
def test_each_known_trap_is_named_on_a_file_that_holds_it(tmp_path, trap, values, asked, words):
    """One minimal values file for each trap: its finding is present, and its reason says what the trap is."""
    content: dict[str, Any] = {}
    for path, value in values.items():
        node = content
        *sections, leaf = path.split(".")
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    found = check_config(written(tmp_path, content), **asked).get(trap)
    assert found.verdict == "present"
    assert words in found.reason
