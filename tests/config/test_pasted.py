"""Configurations as people paste them: one line, a part, manifests, with prose and marks around it."""

import textwrap
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.key_places import find_places
from dfly_analysis.config.check import ConfigCheck, check_config
from dfly_analysis.config.config_files import is_configuration, read_config_text
from dfly_analysis.errors import DflyError
from dfly_analysis.reporting.explanation import explain

TWO_LINES = "download:\n  pieceTimeout: 5m\n"
OWN_FILE = "host: {idc: a}\nmanager: {addr: 'http://m:65003'}\ndownload:\n  pieceTimeout: 5m\n  concurrentPieceCount: 4\nstorage: {writePieceTimeout: 5m}\n"
GO_CLIENT = """aliveTime: 0s
gcInterval: 1m
download:
  totalRateLimit: 1024Mi
  pieceDownloadTimeout: 30s
  pieceTimeout: 60s
upload: {rateLimit: 1024Mi}
storage: {taskExpireTime: 6h, strategy: io.d7y.storage.v2.simple}
"""
TEMPLATE = """walk.go:74: found symbolic link in path
---
# Source: dragonfly/charts/mysql/templates/secrets.yaml
apiVersion: v1
kind: Secret
metadata: {name: d7y-mysql}
---
# Source: dragonfly/templates/client/client-configmap.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: d7y-dragonfly-client
  labels: {component: client}
data:
  dfdaemon.yaml: |-
    download:
      pieceTimeout: 360s
    manager: {addr: "http://m:65003"}
---
# Source: dragonfly/templates/seed-client/seed-client-configmap.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: d7y-dragonfly-seed-client
  labels: {component: seed-client}
data:
  dfdaemon.yaml: |-
    download:
      pieceDownloadTimeout: 600s
      pieceTimeout: 40s
    manager: {addr: "http://m:65003"}
---
# Source: dragonfly/templates/client/client-daemonset.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d7y-dragonfly-client}
spec: {template: {spec: {containers: [{name: client, image: "docker.io/dragonflyoss/client:v1.1.6"}]}}}
"""
DESCRIBED = """$ kubectl describe cm dragonfly-seed-client
Name:         dragonfly-seed-client
Namespace:    dragonfly-system

Data
====
dfdaemon.yaml:
----
download:
  pieceTimeout: 5m
manager:
  addr: http://m:65003

BinaryData
====

Events:  <none>
"""


def check(text: str, tmp_path: Path, name: str = "paste.txt", **asked: str) -> ConfigCheck:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return check_config(path, **asked)


SHAPES = {
    "as it is": TWO_LINES,
    "indented": textwrap.indent(TWO_LINES, "      "),
    "code fence": f"Try this:\n\n```yaml\n{TWO_LINES}```\nand restart.\n",
    "fence without prose": f"```\n{TWO_LINES}```\n",
    "prose": f"Our values, they did not help:\n\n{TWO_LINES}\nany idea?\n",
    "quoted": textwrap.indent(TWO_LINES, "> ", lambda _: True),
    "quoted twice": textwrap.indent(TWO_LINES, "> > ", lambda _: True),
    "prompt": f"$ cat dfdaemon.yaml\n{TWO_LINES}root@seed:~# \n",
    "tabs": "download:\n\tpieceTimeout: 5m\n",
    "no-break spaces": "download:\n\u00a0\u00a0pieceTimeout:\u00a05m\n",
    "curly quotes": "“download”:\n  “pieceTimeout”: “5m”\n",
    "line numbers": "12:  download:\n13:    pieceTimeout: 5m\n",
    "one line": "download: pieceTimeout: 5m\n",
    "dotted": "download.pieceTimeout: 5m\n",
    "assignment": "download.pieceTimeout=5m\n",
    "JSON": '{"download": {"pieceTimeout": "5m"}}',
    "JSON string": '"download:\\n  pieceTimeout: 5m\\n"',
    "member of JSON": '"pieceTimeout": "5m",\n',
    "table": "| key | value |\n|---|---|\n| `download.pieceTimeout` | `5m` |\n",
    "bullet": "* pieceTimeout: 5m\n",
    "back-ticks": "`pieceTimeout: 5m`\n",
    "diff": "@@ -1,2 +1,2 @@\n download:\n-  pieceTimeout: 30s\n+  pieceTimeout: 5m\n",
    "sentence": "Please set `pieceTimeout: 5m`, it helped us.\n",
    "words": "set pieceTimeout to 5m\n",
    "below config": "config:\n  download:\n    pieceTimeout: 5m\n",
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_two_lines_are_read_in_any_shape(shape, tmp_path):
    """Whatever stands around them, they are the piece timeout of client and seed client."""
    found = check(SHAPES[shape], tmp_path)
    for role in ("client", "seedClient"):
        assert found.settings.get("download.pieceTimeout", role).seconds == 300
    assert [place.key for part in found.parts for place in part.places] == ["download.pieceTimeout"]


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 99_999))
def test_the_value_survives_its_shape(shape, seconds):
    """A value is the same number in every shape."""
    found = read_config_text(SHAPES[shape].replace("5m", f"{seconds}s"), "paste")
    assert found.values is not None
    assert found.values.entries["seedClient.config.download.pieceTimeout"] == f"{seconds}s"


def test_a_part_says_where_it_belongs_and_what_it_does(tmp_path):
    """File, section, path in the chart's values, releases and their defaults are named, with the line in the paste."""
    (part,) = check(f"# from a colleague\n{TWO_LINES}", tmp_path).parts
    (place,) = part.places
    facts = place.facts()
    assert (part.path, part.value, part.line) == ("download.pieceTimeout", "5m", 3)
    assert facts["file"] == "dfdaemon.yaml (client, seedClient): download.pieceTimeout"
    assert "seedClient.config.download.pieceTimeout" in facts["Helm values"]
    assert facts["read"].startswith("by client v0.1.0")
    assert "40s (1.4.1 to 1.7.4)" in facts["charts set for seedClient"]


@pytest.mark.parametrize("text", ["pieceDownloadTimeout: 600s\n", "gc:\n  pieceDownloadTimeout: 600s\n", "`pieceDownloadTimeout=600s` in our scheduler"])  # fmt: skip
def test_the_wrong_timeout_is_named_in_one_line(text, tmp_path):
    """It is no timeout of a transfer in the scheduler, and nothing to the Rust client."""
    found = check(text, tmp_path)
    wrong = found.get("wrong_timeout_key")
    assert (wrong.verdict, wrong.severity) == ("present", "high")
    assert "does not limit transfers" in wrong.reason
    assert any(place.file == "scheduler.yaml" for place in found.parts[0].places)
    assert [one.line for one in wrong.evidence] == [text.count("\n", 0, text.index("piece")) + 1]


def test_a_part_counts_over_the_charts_defaults(tmp_path):
    """Of two lines beside a chart the rest is the chart's, and feasibility is that of the lines."""
    found = check(TWO_LINES, tmp_path, chart="1.7.4", size="20GiB")
    assert found.settings.get("download.concurrentPieceCount", "seedClient").value == 16
    bound = found.feasibility.bounds[0]
    assert (bound.key, bound.limit_s) == ("download.pieceTimeout", 300)
    assert bound.source == "paste.txt: download.pieceTimeout"


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("client.dfinit.config.download.pieceTimeout", "client.config.download.pieceTimeout"),
        ("seedClient.config.config.download.pieceTimeout", "seedClient.config.download.pieceTimeout"),
        ("seedClient.config.pieceTimeout", "seedClient.config.download.pieceTimeout"),
        ("seedClient.pieceTimeout", "seedClient.config.download.pieceTimeout"),
        ("scheduler.config.download.pieceTimeout", "seedClient.config.download.pieceTimeout"),
        ("scheduler.config.gc.pieceDownloadTimeout", "scheduler.config.scheduler.gc.pieceDownloadTimeout"),
    ],
)
def test_a_key_below_wrong_parents_is_sent_home(path, right):
    """Wherever in the tree it stands, the place at which the chart reads it is named, and it does not count."""
    found = check_config({path: "600s", "client.enable": True})
    assert right in found.get("wrong_timeout_key").reason
    assert found.settings.get("download.pieceTimeout", "seedClient").layer == "unknown"


def test_a_top_level_key_beside_sections_is_misplaced(tmp_path):
    """In the chart's values a client's section at the top is read by nobody."""
    found = check(f"client: {{enable: true}}\n{TWO_LINES}", tmp_path)
    assert "client.config.download.pieceTimeout" in found.get("wrong_timeout_key").reason


def test_keys_of_the_chart_are_in_their_place():
    """What the chart has besides a component's own keys is not called misplaced."""
    values = {
        "client.metrics.enable": True, "client.dfinit.config.proxy.addr": "http://127.0.0.1:4001", "manager.service.type": "ClusterIP",
        "client.dfinit.config.containerRuntime.containerd.configPath": "/etc/containerd", "scheduler.metrics.enable": True,
        "seedClient.persistence.size": "2Ti", "global.storageClass": "fast", "mysql.auth.username": "d",
    }  # fmt: skip
    found = check_config(values, chart="1.7.4")
    assert [one.reason for one in found.present() if "key" in one.id] == []


def test_helm_template_is_judged_by_component(tmp_path):
    """ConfigMaps inside count for their component, images and labels say the releases, other objects nothing."""
    found = check(TEMPLATE, tmp_path)
    assert [file.role for file in found.settings.rendered] == ["client", "seedClient"]
    assert found.settings.versions["client"] == "v1.1.6"
    assert found.settings.get("download.pieceTimeout", "seedClient").seconds == 40
    line = next(number for number, text in enumerate(TEMPLATE.split("\n"), 1) if "pieceDownloadTimeout" in text)
    assert [one.line for one in found.get("wrong_timeout_key").evidence] == [line]


def test_user_values_of_helm_win_over_computed(tmp_path):
    """Of all that `helm get` prints, the user's values count, or the computed ones where only they are there."""
    both = "USER-SUPPLIED VALUES:\nclient: {config: {gc: {interval: 1h}}}\n\nCOMPUTED VALUES:\nclient: {config: {gc: {interval: 9h}}}\n"
    alone = both.partition("\n\n")[2]
    assert check(both, tmp_path).settings.get("gc.interval", "client").value == "1h"
    assert check(alone, tmp_path).settings.get("gc.interval", "client").value == "9h"


@pytest.mark.parametrize("text", ["USER-SUPPLIED VALUES:\nnull\n", "USER-SUPPLIED VALUES: {}\n"])
def test_no_user_values_means_the_charts_defaults(text, tmp_path):
    """What `helm get values` prints of a release without values is checked as the chart's defaults."""
    assert check(text, tmp_path, chart="1.7.4").only_defaults


def test_a_described_config_map_is_read(tmp_path):
    """What `kubectl describe` prints holds the file, and its name says the role."""
    (file,) = check(DESCRIBED, tmp_path).settings.rendered
    assert (file.role, file.values["download.pieceTimeout"], file.lines["download.pieceTimeout"]) == (
        "seedClient",
        "5m",
        10,
    )


def test_a_part_of_a_config_map_is_read(tmp_path):
    """The data of a ConfigMap alone carries the file too."""
    found = check("data:\n  dfdaemon.yaml: |\n    download:\n      pieceTimeout: 5m\n", tmp_path)
    assert {file.role for file in found.settings.rendered} == {"client", "seedClient"}


def test_a_file_without_a_role_is_checked_for_both(tmp_path):
    """Nothing says who reads it: it is judged as both, said so, and feasibility takes its values."""
    found = check(OWN_FILE, tmp_path, "dfdaemon.yaml", client="v1.5.1", chart="1.7.4", bandwidth="100MB/s")
    assert {file.role for file in found.settings.rendered} == {"client", "seedClient"}
    assert any("checked for both" in note for note in found.notes)
    assert found.feasibility.pieces_in_flight == 4
    assert found.feasibility.bounds[0].limit_s == 300


def test_a_fleet_with_a_seed_client_says_who_is_who(tmp_path):
    """Where one file names itself a seed client's, those without a word are clients'."""
    for host, more in (("a", ""), ("b", "seedPeer: {enable: true}\n")):
        (tmp_path / host).mkdir()
        (tmp_path / host / "dfdaemon.yaml").write_text(OWN_FILE + more, "utf-8")
    found = check_config(tmp_path, client="v1.5.1")
    assert sorted((file.host, file.role) for file in found.settings.rendered) == [("a", "client"), ("b", "seedClient")]


def test_feasibility_of_a_client_alone_is_its_own(tmp_path):
    """A client's ConfigMap is no seed client's: the table shows its timeouts."""
    text = TEMPLATE.split("---\n")[2]
    found = check(text, tmp_path, client="v1.1.6")
    assert {bound.role for bound in found.feasibility.bounds} == {"client"}
    assert found.feasibility.bounds[0].limit_s == 360


def test_the_old_go_client_is_recognised(tmp_path):
    """Its file is named as of that era, its keys are known, and a Rust key in it is not."""
    found = check(GO_CLIENT, tmp_path, "dfget.yaml")
    old = found.get("file_of_old_release")
    assert "v2.0.0 to v2.3.4" in old.reason
    assert [one.line for one in found.get("wrong_timeout_key").evidence] == [6]
    assert not [one for one in found.present() if one.id in ("unknown_key", "misspelt_key")]


@pytest.mark.parametrize(
    ("name", "text", "span"),
    [
        ("scheduler.yaml", "server: {ip: 10.0.0.1, listen: 0.0.0.0}\nscheduler: {backSourceCount: 3, retryLimit: 10}\n", "v2.0.2 to v2.0.10"),
        ("scheduler.yaml", "scheduler: {retryLimit: 10, retryBackToSourceLimit: 5}\nsecurity: {autoIssueCert: false}\n", "v2.0.6 to v2.1.60"),
        ("manager.yaml", "server: {grpc: {listen: 0.0.0.0}, rest: {addr: ':8080'}}\ndatabase: {mysql: {host: db}}\n", "v2.0.0 to v2.0.10"),
        ("dfget.yaml", "aliveTime: 0s\ndownload: {totalRateLimit: 1Gi}\npeerExchange: {enable: true}\nsecurity: {autoIssueCert: false}\n", "v2.1.40 to v2.1.60"),
    ],
)  # fmt: skip
def test_old_files_name_their_era(name, text, span, tmp_path):
    """Keys that only some releases read narrow the era, and are not called unknown."""
    found = check(text, tmp_path, name)
    assert span in found.get("file_of_old_release").reason
    assert not [one for one in found.present() if one.id == "unknown_key"]


def test_an_image_tag_brings_its_charts_defaults():
    """Client v0.1.94 comes with chart 1.2.0, which sets 30 s over the binary's 60 s."""
    found = check_config({"seedClient.image.tag": "v0.1.94", "client.image.tag": "v0.1.94"})
    bound = found.feasibility.bounds[0]
    assert (bound.limit_s, bound.source) == (30, "chart 1.2.0, which ships client v0.1.94")
    assert any("chart 1.2.0" in note for note in found.notes)


def test_charts_that_differ_leave_the_value_unknown():
    """Charts 1.3.26 and 1.3.27 ship one client and set two timeouts: neither is assumed."""
    setting = check_config({"seedClient.image.tag": "v0.2.26"}).settings.get("download.pieceTimeout", "seedClient")
    assert (setting.layer, setting.value) == ("unknown", None)
    assert "--chart" in setting.source


def test_a_tag_that_no_chart_ships_says_so():
    """The charts next to it are taken where they agree, and the source says that none ships it."""
    setting = check_config({"seedClient.image.tag": "v1.4.5"}).settings.get("download.pieceTimeout", "seedClient")
    assert (setting.value, "which no chart ships" in setting.source) == ("40s", True)


@pytest.mark.parametrize("text", ["image: docker.io/dragonflyoss/client:v0.1.94\n", "image:\n  repository: dragonflyoss/client\n  tag: v0.1.94\n"])  # fmt: skip
def test_an_image_alone_names_the_release(text, tmp_path):
    """A line with an image is enough for the defaults of its chart."""
    assert check(text, tmp_path).settings.get("download.pieceTimeout", "seedClient").value == "30s"


def test_a_client_without_values_stays_the_binary():
    """Only Helm values imply a chart; without them the note says that a chart may set others."""
    found = check_config(None, client="v0.1.94")
    assert found.settings.get("download.pieceTimeout", "seedClient").value == "60s"
    assert any("chart 1.2.0" in note for note in found.notes)


@pytest.mark.parametrize("text", ["pieceTimout: 30s\n", "download:\n  pieceTimout: 30s\n", "piece_timeout: 30s\n", "PieceTimeout: 30s\n"])  # fmt: skip
def test_a_misspelt_part_is_told_the_right_name(text, tmp_path):
    """One wrong letter, capitals or underscores in a line alone are answered with the name that is read."""
    assert "download.pieceTimeout" in check(text, tmp_path).get("wrong_timeout_key").reason


@pytest.mark.parametrize(
    "text", ["interval: 5m\n", "enable: true\n", "timeout: 30s\nretries: 3\n", "services:\n  web:\n    image: nginx\n", "set the timeout to 30s\n", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"]
)  # fmt: skip
def test_other_programs_configurations_are_refused(text, tmp_path):
    """Names that many programs have are no key of Dragonfly."""
    with pytest.raises(DflyError):
        check(text, tmp_path, chart="1.7.4")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=120))
def test_any_paste_is_read_or_refused_in_one_line(text):
    """Nothing that is pasted breaks the reader."""
    with suppress(DflyError):
        assert read_config_text(text, "paste") is not None


def test_places_of_a_key_know_their_parents():
    """A role or section above a key narrows the places to those that it speaks for."""
    assert {place.file for place in find_places("pieceDownloadTimeout")} == {
        "dfdaemon.yaml",
        "dfget.yaml",
        "scheduler.yaml",
    }
    assert [place.key for place in find_places("scheduler.pieceDownloadTimeout")] == [
        "scheduler.gc.pieceDownloadTimeout"
    ]
    assert [place.roles for place in find_places("client.dfinit.config.download.pieceTimeout")] == [("client",)]
    assert find_places("interval") == ()


def test_explain_takes_a_line_of_configuration():
    """`explain` says of a pasted setting what check-config says."""
    found = explain("pieceDownloadTimeout: 600s")
    assert found.kind == "configuration"
    assert "does not limit transfers" in found.facts["problem"]
    assert "scheduler.gc.pieceDownloadTimeout" in found.facts["pieceDownloadTimeout: 600s"]


OTHERS = {
    "a registry's": "version: 0.1\nlog: {level: debug}\nstorage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: /r}}\nhttp: {addr: ':5000'}\nproxy: {remoteurl: https://registry-1.docker.io}\nhealth: {storagedriver: {enabled: true}}\n",
    "a router's": "http:\n  middlewares:\n    limit:\n      rateLimit: {average: 100, redis: {tls: {insecureSkipVerify: true}}}\n",
    "a log section": "log:\n  level: debug\n",
    "chart of others": "global:\n  checkNewVersion: true\nredis:\n  enabled: true\n",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_configurations_of_others_are_not_taken_for_ours(name):
    """A program with sections of the same names is not Dragonfly."""
    assert not is_configuration(OTHERS[name])


@pytest.mark.parametrize("text", [TWO_LINES, OWN_FILE, GO_CLIENT, TEMPLATE, "pieceDownloadTimeout: 600s"])
def test_our_configurations_are_known_as_such(text):
    """What check-config takes is recognised in a paste too."""
    assert is_configuration(text)
