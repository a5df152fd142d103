"""Settings: the right layer wins, renamed keys are found, and what has no effect is named."""

from __future__ import annotations

import pickle
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.releases import releases
from dfly_analysis.config.helm_values import read_values
from dfly_analysis.config.ignored_keys import find_ignored_keys, ignored_paths
from dfly_analysis.config.rendered_manifests import RenderedFile, read_rendered
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import KEYS_THAT_MATTER
from dfly_analysis.errors import FactMissingError, SettingsError

DFDAEMON = """
host:
  ip: "10.1.0.10"
  hostname: "{host}"
download:
  server: {{socketPath: "/run/dfdaemon.sock"}}
  pieceTimeout: "{timeout}"
upload:
  bandwidthLimit: "50GB"
scheduler:
  scheduleTimeout: "3h"
seedPeer:
  enable: {seed}
storage:
  keep: false
proxy:
  registryMirror: {{addr: "https://user:hunter2@mirror.example"}}
  server: {{basicAuth: {{username: "u", password: "hunter2"}}}}
"""
SCHEDULER = """
server: {advertiseIP: "10.1.0.3", port: 8002, host: "scheduler-7"}
scheduler: {algorithm: default, retryLimit: 5, retryInterval: "500ms", gc: {pieceDownloadTimeout: "10m"}}
dynConfig: {refreshInterval: "10s"}
database: {redis: {addrs: ["10.1.0.4:6379"], password: "hunter2"}}
manager: {addr: "10.1.0.4:65003"}
"""
MANAGER = """
server: {grpc: {port: {start: 65003}}, rest: {addr: ":8080"}}
auth: {jwt: {realm: Dragonfly, key: "aHVudGVyMg==", timeout: 48h}}
database: {type: mysql, mysql: {user: d, password: hunter2}}
"""
DYNCONFIG = """
applications: []
seedPeerClusterConfig: {loadLimit: 2000}
schedulerClusterConfig: {candidateParentLimit: 4}
"""


def _dfdaemon(host: str, timeout: str = "6s", *, seed: bool = True) -> RenderedFile:
    text = DFDAEMON.format(host=host, timeout=timeout, seed=str(seed).lower())
    file = read_rendered(text, f"run/{host}/dfdaemon.yaml")
    assert file is not None
    return file


def _values(key: str, value: object, role: str = "seedClient") -> dict[str, object]:
    nested: object = value
    for step in reversed([role, "config", *key.split(".")]):
        nested = {step: nested}
    assert isinstance(nested, dict)
    return nested


def _layers(settings: Settings, key: str, role: str, host: str | None = None) -> list[str]:
    return [item.layer for item in settings.chain(key, role, host)]


def test_the_chart_default_wins_over_the_binary_default():
    """With chart 1.7.4 the seed client runs at 40 s though its binary would take 360 s."""
    settings = Settings.resolve(chart="1.7.4")
    assert settings.versions == {"client": "v1.4.0", "seedClient": "v1.4.0", "scheduler": "v2.5.0", "manager": "v2.5.0"}
    seed = settings.get("download.pieceTimeout", "seedClient")
    assert (seed.value, seed.seconds, seed.layer, seed.source) == ("40s", 40.0, "chart", "chart 1.7.4")
    assert settings.get("download.pieceTimeout", "client").seconds == 360
    assert _layers(settings, "download.pieceTimeout", "seedClient") == ["binary", "chart"]
    assert settings.get("resources.limits.memory", "seedClient").size_bytes == 16 * 1024**3


def test_without_a_chart_the_binary_default_holds():
    """A client's release alone gives binary defaults, for both client roles, and nothing for the scheduler."""
    settings = Settings.resolve(client="v0.1.118")
    found = settings.get("download.pieceTimeout", "seedClient")
    assert (found.seconds, found.layer, found.source) == (60, "binary", "client v0.1.118 (binary)")
    assert settings.get("scheduler.retryLimit", "scheduler").layer == "unknown"
    assert Settings.resolve(scheduler="v2.5.1").get("scheduler.gc.pieceDownloadTimeout", "scheduler").seconds == 1800


def test_with_nothing_given_only_the_user_is_known():
    """No release, no chart: a value the user gave is known, everything else is unknown, with a reason."""
    settings = Settings.resolve(_values("download.pieceTimeout", "90s"))
    assert settings.get("download.pieceTimeout", "seedClient").seconds == 90
    other = settings.get("download.pieceTimeout", "client")
    assert (other.value, other.layer, other.seconds) == (None, "unknown", None)
    assert "unknown release" in other.source


@pytest.mark.parametrize("prefix", ["", "dragonfly", "p2p"])
def test_values_file_with_and_without_a_parent_chart(tmp_path, prefix):
    """A file's values are understood at the top and under a parent chart's name, and the source names file and path."""
    body = "seedClient:\n  config:\n    download:\n      pieceTimeout: 600s\n"
    text = f"{prefix}:\n{textwrap.indent(body, '  ')}" if prefix else body
    path = tmp_path / "my-values.yaml"
    path.write_text(text, "utf-8")
    found = Settings.resolve(path, chart="1.7.4").get("download.pieceTimeout", "seedClient")
    dot = f"{prefix}." if prefix else ""
    assert found.source == f"my-values.yaml: {dot}seedClient.config.download.pieceTimeout"
    assert (found.seconds, found.layer) == (600, "user")


def test_null_takes_the_chart_value_away():
    """As Helm does: a value or a section set to null falls to the binary's default."""
    for values in (_values("download.pieceTimeout", None), {"seedClient": {"config": {"download": None}}}):
        found = Settings.resolve(values, chart="1.7.4").get("download.pieceTimeout", "seedClient")
        assert (found.value, found.layer) == ("360s", "binary")


DURATIONS = st.integers(1, 99_999).map(lambda seconds: f"{seconds}s")
KEYS = st.sampled_from(["download.pieceTimeout", "scheduler.scheduleTimeout", "gc.interval", "gc.policy.taskTTL"])


@given(KEYS, DURATIONS, st.sampled_from(["client", "seedClient"]), st.sampled_from(releases("chart")[-150:]))
def test_the_user_always_beats_chart_and_binary(key, value, role, chart):
    """Whatever the chart, a value the user gave is in force, and the chain still shows what lies below it."""
    settings = Settings.resolve(_values(key, value, role), chart=chart)
    found = settings.get(key, role)
    assert (found.value, found.layer) == (value, "user")
    assert _layers(settings, key, role) == ["binary", "chart", "user"]


@given(DURATIONS, DURATIONS, st.sampled_from(releases("chart")[-150:]))
def test_the_rendered_file_beats_all(user, rendered, chart):
    """What lay on the host is in force there, whatever chart and values say."""
    settings = Settings.resolve(_values("download.pieceTimeout", user), chart=chart).with_rendered(
        [_dfdaemon("seed-0", rendered)]
    )
    found = settings.get("download.pieceTimeout", "seedClient", "seed-0")
    assert (found.value, found.layer, found.source) == (rendered, "rendered", "run/seed-0/dfdaemon.yaml")
    assert settings.get("download.pieceTimeout", "client").layer == "chart"


def test_what_a_rendered_file_leaves_out_falls_to_the_binary():
    """Chart and values never reached a file that does not hold them."""
    settings = Settings.resolve(_values("storage.writePieceTimeout", "77s"), chart="1.5.1")
    assert settings.get("storage.writePieceTimeout", "seedClient").seconds == 77
    found = settings.with_rendered([_dfdaemon("seed-0")]).get("storage.writePieceTimeout", "seedClient", "seed-0")
    assert (found.value, found.layer) == ("360s", "binary")
    assert "run/seed-0/dfdaemon.yaml does not set it" in found.source


def test_an_upgrade_changes_what_is_in_force_on_each_host():
    """Only the keys it names, of the role it names; the run's other settings stay."""
    upgrade = read_values({"seedClient.config.download.pieceTimeout": "120s"})
    run = Settings.resolve(chart="1.7.4").with_rendered([_dfdaemon("seed-0"), _dfdaemon("node-1", seed=False)])
    after = run.with_upgrade(upgrade)
    assert after.get("download.pieceTimeout", "seedClient", "seed-0").seconds == 120
    assert after.get("download.pieceTimeout", "client", "node-1") == run.get(
        "download.pieceTimeout", "client", "node-1"
    )
    assert after.get("scheduler.scheduleTimeout", "seedClient") == run.get("scheduler.scheduleTimeout", "seedClient")
    assert run.with_upgrade(read_values(None)).rendered == run.rendered


def test_only_hosts_that_agree_speak_for_their_role():
    """A host without a file takes what all files of its role say; where they differ, chart and values count."""
    base = Settings.resolve(chart="1.7.4")
    same = base.with_rendered([_dfdaemon("seed-0"), _dfdaemon("seed-1")])
    assert same.get("download.pieceTimeout", "seedClient", "seed-9").seconds == 6
    apart = base.with_rendered([_dfdaemon("seed-0"), _dfdaemon("seed-1", "9s"), _dfdaemon("seed-2", "9s")])
    assert apart.get("download.pieceTimeout", "seedClient", "seed-0").seconds == 6
    assert apart.get("download.pieceTimeout", "seedClient", "seed-9").layer == "chart"
    most = apart.get("download.pieceTimeout", "seedClient")
    assert (most.seconds, most.source) == (9, "run/seed-1/dfdaemon.yaml (hosts differ)")


def test_rendered_files_are_known_by_content():
    """Component, role and host come from the content; secrets stay behind."""
    seed, client = _dfdaemon("seed-0"), _dfdaemon("node-1", seed=False)
    assert (seed.component, seed.role, seed.host) == ("client", "seedClient", "seed-0")
    assert (client.component, client.role, client.host) == ("client", "client", "node-1")
    scheduler = read_rendered(SCHEDULER, "x/whatever.txt")
    manager = read_rendered(MANAGER, "run.tar.gz!run/manager-0/manager.yaml")
    assert scheduler is not None
    assert manager is not None
    assert (scheduler.role, scheduler.host) == ("scheduler", "scheduler-7")
    assert (manager.role, manager.host) == ("manager", "manager-0")
    assert scheduler.values["scheduler.gc.pieceDownloadTimeout"] == "10m"
    for file in (seed, scheduler, manager):
        assert not any(secret in repr(file) for secret in ("hunter2", "aHVudGVyMg"))


@pytest.mark.parametrize(
    "text",
    [
        DYNCONFIG, "scheduler:\n  addrs: ['10.1.0.3:8002']\n", "download: [1, 2\n", "", "download: 5\nserver: 3\n",
        "seedClient:\n  config:\n    download: {pieceTimeout: 5s}\nscheduler: {config: {}}\n",
        "aliveTime: 0s\ngcInterval: 1m\ndownload: {calculateDigest: true}\nupload: {rateLimit: 1Gi}\nstorage: {taskExpireTime: 6h}\n",
        "2025-01-01 INFO download: started\n", "download: &a {b: *a}\nserver: {}\n", "server: 2024-13-45\n",
    ],
)  # fmt: skip
def test_other_files_are_not_rendered_files(text):
    """Dynamic configuration, Helm values, the Go daemon's file, logs and broken YAML are no such file, and no error."""
    assert read_rendered(text, "host/dfdaemon.yaml") is None


@given(st.text(max_size=60), st.sampled_from(["download", "storage", "server", "scheduler", "seedPeer"]))
def test_no_text_breaks_the_reader(text, head):
    """Whatever follows a section's name, the reader answers."""
    file = read_rendered(f"{head}:\n{text}", "a/b.yaml")
    assert file is None or file.component in {"client", "scheduler", "manager"}


@pytest.mark.parametrize(
    ("key", "client", "found", "value"),
    [
        ("download.bandwidthLimit", "v1.2.7", "download.rateLimit", "10GiB"),
        ("download.rateLimit", "v1.2.8", "download.bandwidthLimit", "10GB"),
        ("download.rateLimit", "v1.5.1", "download.bandwidthLimit", "50GB"),
        ("gc.policy.diskHighThresholdPercent", "v1.1.14", "gc.policy.distHighThresholdPercent", 80),
        ("gc.policy.distHighThresholdPercent", "v1.1.15", "gc.policy.diskHighThresholdPercent", 80),
    ],
)
def test_a_renamed_key_is_found_under_either_name(key, client, found, value):
    """Asked by any of its names, a setting answers under the name that release reads."""
    setting = Settings.resolve(client=client).get(key, "seedClient")
    assert (setting.key, setting.value) == (found, value)


def test_a_renamed_key_of_the_chart_is_found():
    """Charts ship the dist spelling that newer clients still take; the answer names the spelling in the values."""
    setting = Settings.resolve(chart="1.7.4").get("gc.policy.diskHighThresholdPercent", "client")
    assert (setting.value, setting.layer, setting.key) == (90, "chart", "gc.policy.distHighThresholdPercent")


def test_a_chart_value_its_client_does_not_read_is_not_in_force():
    """Chart 1.6.9 sets bandwidthLimit for a client that only knows rateLimit: the binary's limit holds."""
    setting = Settings.resolve(chart="1.6.9").get("download.bandwidthLimit", "seedClient")
    assert (setting.key, setting.value, setting.layer) == ("download.rateLimit", "10GiB", "binary")


def test_a_user_value_under_a_dead_name_is_not_in_force():
    """The old name of the rate limit in an overlay loses its effect with v1.2.8; the charts of v1.2.9 set 50GB under the new one."""
    values = _values("download.rateLimit", "1GiB")
    assert Settings.resolve(values, client="v1.2.7").get("download.bandwidthLimit", "seedClient").size_bytes == 1024**3
    newer = Settings.resolve(values, client="v1.2.9")
    assert newer.get("download.rateLimit", "seedClient").value == "50GB"
    assert "renamed to download.bandwidthLimit" in dict(ignored_paths(newer))["seedClient.config.download.rateLimit"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seedClient.config.download.pieceDownloadTimeout", "600s", "the Rust client v1.4.0 ignores it"),
        ("seedClient.config.download.pieceDownloadTimeout", "600s", "set download.pieceTimeout instead"),
        ("client.config.backend.requestTimeout", "600s", "download.pieceTimeout"),
        ("scheduler.config.scheduler.gc.pieceDownloadTimeout", "600s", "it does not limit transfers"),
        ("scheduler.config.scheduler.gc.pieceDownloadTimeout", 600, "it does not limit transfers"),
        ("scheduler.config.scheduler.retryInterval", 2, "nanoseconds"),
        ("scheduler.config.job.localWorkerNum", 4, "template does not pass it on"),
        ("manager.config.job.preheat.registryTimeout", "5m", "the manager v2.5.0 ignores it"),
        ("seedClient.config.download.pieceTimeout", 600, "write 600s"),
        ("seedClient.config.download.piecetimeout", "600s", "write download.pieceTimeout"),
        ("seedClient.config.download.writePieceTimeout", "600s", "write storage.writePieceTimeout"),
        ("seedClient.download.pieceTimeout", "600s", "under seedClient.config.download.pieceTimeout"),
        ("seedClient.config.gc.policy.diskHighThresholdPercent", 80, "distHighThresholdPercent"),
        ("dfdaemon.config.download.pieceDownloadTimeout", "600s", "old Go daemon"),
    ],
)
def test_what_has_no_effect_is_named(path, value, words):
    """Each known trap in the values is listed with its reason."""
    assert words in dict(ignored_paths(Settings.resolve({path: value}, chart="1.7.4")))[path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seedClient.config.download.pieceTimeout", "600s"),
        ("scheduler.config.scheduler.gc.pieceDownloadTimeout", "1h"),
        ("seedClient.config.log.level", "debug"),
        ("seedClient.image.tag", "v1.4.0"),
        ("seedClient.config.gc.policy.distHighThresholdPercent", 80),
        ("seedClient.config.scheduler.scheduleTimeout", None),
        ("global.imageRegistry", "registry.example"),
    ],
)
def test_what_has_an_effect_or_is_not_known_is_left_alone(path, value):
    """Good keys, raised limits, and keys that the facts do not know are not called ignored."""
    assert ignored_paths(Settings.resolve({path: value}, chart="1.7.4")) == ()


def test_a_key_newer_than_the_client_is_named():
    """What a release does not know yet is ignored by it; without a release nothing is claimed."""
    values = _values("storage.writePieceTimeout", "360s")
    assert "does not read it; v0.2.27" in dict(ignored_paths(Settings.resolve(values, client="v0.1.118"))).popitem()[1]
    assert ignored_paths(Settings.resolve(values)) == ()
    wrong = _values("download.pieceDownloadTimeout", "600s")
    assert "download.pieceTimeout" in dict(ignored_paths(Settings.resolve(wrong))).popitem()[1]


def test_the_wrong_key_in_rendered_files_is_named_once():
    """A wrong timeout key counts in the files on the hosts too; a chart's own dead keys there do not."""
    text = DFDAEMON.format(host="s-{n}", timeout="40s", seed="true").replace(
        "pieceTimeout:", "pieceDownloadTimeout: 600s\n  pieceTimeout:"
    )
    files = [read_rendered(text.replace("{n}", str(n)), f"{n}/dfdaemon.yaml") for n in range(3)]
    ignored = ignored_paths(Settings.resolve(client="v1.4.0").with_rendered([*filter(None, files), _scheduler()]))
    assert [path for path, _ in ignored] == [
        "0/dfdaemon.yaml: download.pieceDownloadTimeout", "x/scheduler.yaml: scheduler.gc.pieceDownloadTimeout",
    ]  # fmt: skip


def _scheduler() -> RenderedFile:
    file = read_rendered(SCHEDULER, "x/scheduler.yaml")
    assert file is not None
    return file


def test_versions_from_arguments_tags_chart_and_input():
    """An argument goes before an image tag, that before what was seen running, that before the chart's image."""
    tagged = {"seedClient": {"image": {"tag": "v1.3.8"}}, "client": {"image": {"tag": "latest"}}}
    settings = Settings.resolve(tagged, chart="1.7.4", scheduler="2.5.1")
    assert settings.versions == {"client": "v1.4.0", "seedClient": "v1.3.8", "scheduler": "v2.5.1", "manager": "v2.5.0"}
    seen = settings.with_versions(client="v1.5.1", scheduler="v2.4.0")
    assert seen.versions == {"client": "v1.5.1", "seedClient": "v1.3.8", "scheduler": "v2.5.1", "manager": "v2.5.0"}
    assert seen.with_versions() == seen
    with pytest.raises(FactMissingError, match="not a release"):
        Settings.resolve(client="newest")


def test_a_newer_chart_is_read_as_the_newest_known_and_says_so():
    """Tomorrow's chart resolves, and each source tells how."""
    setting = Settings.resolve(chart="1.99.0").get("download.pieceTimeout", "seedClient")
    assert setting.value == "40s"
    assert setting.source == "chart 1.99.0 (read as 1.7.4, the newest known before it)"


@pytest.mark.parametrize(
    ("tag", "chart", "client", "words"),
    [
        (None, "1.99.0", None, "v1.4.0 (of chart 1.7.4: which seedClient chart 1.99.0 ships is not known"),
        ("main-abc123", "1.7.4", None, "v1.4.0 (of chart 1.7.4: the image tag main-abc123 names no release of the seedClient)"),
        ("v1.99.0", "1.7.4", None, "v1.99.0 (read as v1.5.10, the newest known before it)"),
        ("latest", "1.99.0", "v1.5.10-mycorp.3", "v1.5.10-mycorp.3 (read as v1.5.10, the newest known before it)"),
        ("latest", None, "v1.5.1", "v1.5.1"), ("v1.5.1", "1.99.0", None, "v1.5.1"), (None, "1.7.4", None, "v1.4.0"),
    ],
)  # fmt: skip
def test_an_assumed_release_says_so_and_ignores_nothing(tag, chart, client, words):
    """Of a chart of tomorrow, a build of one's own or a fork, defaults are marked, and keys are not called ignored, misspelt or unread."""
    config = {"download": {"turbo": True, "pieceTimeoutt": "5s"}, "proxy": {"rateLimit": "1GiB"}}
    values = {"seedClient": {"config": config, **({"image": {"tag": tag}} if tag else {})}}
    settings = Settings.resolve(values, chart=chart, client=client)
    assert words in settings.get("fixed:parent.connectTimeout", "seedClient").source
    is_sure = words in ("v1.5.1", "v1.4.0")
    assert (settings.release_note("seedClient") is None) == is_sure
    kinds = {one.kind for one in find_ignored_keys(settings)}
    assert (kinds == {"unknown_release"}) == (not is_sure)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seedClient:\n  config: {a: 1\n  b: [", r"values\.yaml:\d+: not YAML"),
        ("- a\n- b\n", r"values\.yaml:1: a list, not a mapping"),
        ("download: {pieceTimeout: 5s}\nhost: {ip: 1}\n", "not Helm values"),
        ("a: 2024-13-45\n", "not YAML"),
    ],
)
def test_a_bad_values_file_is_one_error_with_file_line_and_hint(tmp_path, text, words):
    """Broken YAML, a list, and a component's own file are told apart, with a way out."""
    path = tmp_path / "values.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=words) as caught:
        Settings.resolve(path)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_missing_values_file_is_one_error(tmp_path):
    """A path that is not there, or is a folder, is named."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            read_values(path)


def test_secrets_of_the_values_stay_behind():
    """Passwords and tokens never enter the settings."""
    values = {"manager": {"config": {"auth": {"jwt": {"key": "hunter2"}}}}, "mysql": {"auth": {"password": "hunter2"}},
              "seedClient": {"config": {"backend": {"requestHeader": {"Authorization": "hunter2"}}, "list": [{"token": "hunter2"}]}}}  # fmt: skip
    assert "hunter2" not in repr(Settings.resolve(values))


def test_an_unknown_role_offers_the_right_one():
    """A misspelt role is an error; the role of a host that is not known has unknown settings."""
    with pytest.raises(SettingsError, match="seedClient"):
        Settings.resolve().get("download.pieceTimeout", "seed_client")
    assert Settings.resolve(chart="1.7.4").get("download.pieceTimeout", "unknown").layer == "unknown"


def test_units_of_a_value():
    """A setting reads as what its key is: a duration is no number of bytes, a count no duration."""
    settings = Settings.resolve(
        {"scheduler.config.scheduler.gc.peerTTL": 600, "client.config.download.bandwidthLimit": "a lot"}, chart="1.7.4"
    )
    count = settings.get("download.concurrentPieceCount", "seedClient")
    assert (count.number, count.seconds, count.size_bytes) == (16.0, None, None)
    timeout = settings.get("download.pieceTimeout", "seedClient")
    assert (timeout.number, timeout.seconds, timeout.size_bytes) == (None, 40.0, None)
    assert settings.get("scheduler.gc.peerTTL", "scheduler").seconds == pytest.approx(6e-7)
    assert settings.get("download.bandwidthLimit", "client").size_bytes is None
    assert settings.get("storage.keep", "client").number is None


def test_table_of_what_matters():
    """One row per role and key, one per host only where hosts differ; the piece length rule is among them."""
    frame = Settings.resolve(chart="1.7.4").table()
    assert list(frame.columns) == ["role", "host", "key", "value", "layer", "source"]
    assert not frame.duplicated(["role", "key"]).any()
    seed = frame[frame["role"] == "seedClient"].set_index("key")
    assert seed.loc["download.pieceTimeout", "value"] == "40s"
    assert "64 MiB" in seed.loc["piece length", "value"]
    assert set(frame["key"]) == set(KEYS_THAT_MATTER)
    apart = (
        Settings.resolve().with_rendered([_dfdaemon("s-0"), _dfdaemon("s-1", "9s")]).table(["download.pieceTimeout"])
    )
    rows = apart[apart["role"] == "seedClient"]
    assert rows[["host", "value"]].to_numpy().tolist() == [["s-0", "6s"], ["s-1", "9s"]]


def test_settings_travel_between_processes():
    """Settings pickle, so that workers can have them."""
    settings = Settings.resolve(_values("download.pieceTimeout", "9s"), chart="1.7.4").with_rendered([_dfdaemon("s")])
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert hash(settings) == hash(pickle.loads(pickle.dumps(settings)))


def test_a_value_equal_to_the_charts_is_the_charts_doing():
    """Who starts from the chart's whole values is not told of its dead keys, but of those they changed."""
    path = "manager.config.job.rateLimit.capacity"
    assert find_ignored_keys(Settings.resolve({path: 10}, chart="1.7.4")) == ()
    (found,) = find_ignored_keys(Settings.resolve({path: 100}, chart="1.7.4"))
    assert (found.kind, found.role, found.value, found.line, found.sure) == ("no_longer", "manager", 100, 0, True)


def test_sections_of_the_go_daemon_count_in_its_charts():
    """Up to chart 1.1.65 the old sections count; before 1.1.12 there is no client to configure."""
    old = {"dfdaemon.config.download.pieceDownloadTimeout": "600s"}
    assert ignored_paths(Settings.resolve(old, chart="1.1.65")) == ()
    assert ignored_paths(Settings.resolve(old, chart="1.1.66"))
    early = Settings.resolve({"seedClient.config.download.pieceTimeout": "600s"}, chart="1.1.11")
    assert "it exists from chart 1.1.12" in ignored_paths(early)[0][1]


def test_only_go_components_read_names_in_any_capitals():
    """A scheduler's key in other capitals is in force as far as it goes; a client's is lost."""
    assert ignored_paths(Settings.resolve({"scheduler.config.scheduler.retrylimit": 9}, scheduler="v2.5.1")) == ()
    assert ignored_paths(Settings.resolve({"client.config.download.piecetimeout": "9s"}, client="v1.5.1"))


def test_what_is_not_known_is_told_apart_from_what_is_ignored():
    """A name that no release is known to read is a trap of its own, and not among what is surely ignored."""
    settings = Settings.resolve({"seedClient.config.download.turbo": True}, chart="1.7.4")
    (found,) = find_ignored_keys(settings)
    assert (found.kind, found.sure) == ("unknown", False)
    assert ignored_paths(settings) == ()


def test_unknown_keys_are_reported_up_to_a_bound():
    """Twenty thousand unknown keys are not each compared with every name."""
    values = {f"client.config.download.x{number}": number for number in range(20_000)}
    assert len(find_ignored_keys(Settings.resolve(values, chart="1.7.4"))) == 500


def test_a_look_up_reads_no_other_hosts_files(monkeypatch):
    """Looking a key up on each host of a fleet reads each file a bounded number of times."""
    settings = Settings.resolve(client="v1.5.1").with_rendered(_dfdaemon(f"s-{number}") for number in range(100))
    reads, first = [], RenderedFile.first
    monkeypatch.setattr(RenderedFile, "first", lambda file, names: reads.append(file) or first(file, names))
    for number in range(100):
        assert settings.get("download.pieceTimeout", "seedClient", f"s-{number}").value == "6s"
    assert settings.get("download.pieceTimeout", "seedClient", "other").value == "6s"
    assert len(reads) < 500


@pytest.mark.parametrize(
    ("client", "origin", "number", "key"),
    [
        ("v1.5.3", "source", 16, "concurrentPieceCount"), ("v1.5.4", "source", 8, "backToSourceConcurrentPieceCount"),
        ("v1.5.10", "source", 8, "backToSourceConcurrentPieceCount"), ("v1.5.10", "parent", 16, "concurrentPieceCount"),
        (None, "source", 16, "concurrentPieceCount"), ("v9.9.9", "source", 8, "backToSourceConcurrentPieceCount"),
    ],
)  # fmt: skip
def test_pieces_in_flight_follow_the_key_of_the_release(client, origin, number, key):
    """From v1.5.4 on a key of its own limits the pieces from the source; of an unknown release, what the file sets counts."""
    settings = Settings.resolve({"seedClient": {"config": {"download": {"concurrentPieceCount": 16}}}}, client=client)
    found = settings.pieces_in_flight("seedClient", origin=origin)
    assert (found.number, found.key) == (number, f"download.{key}")
