"""`collect` gathers from a cluster what an analysis needs: only reading, redacted, resumable, and as good as the files."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from click.testing import CliRunner
from fake_cluster import PASSWORD, FakeCluster
from hypothesis import given
from hypothesis import strategies as st
from planted import write_planted
from secret_cases import files, leaks, one_line, several_lines

import dfly_analysis as dfly
from dfly_analysis.cli import main
from dfly_analysis.collect.commands import Cluster, check_read_only, log_items, parse_pods
from dfly_analysis.errors import DflyError
from dfly_analysis.redaction import without_secrets


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a generated run, without the jobs, which no kubectl gives."""
    folder = tmp_path_factory.mktemp("planted")
    write_planted(folder, "slow-source", "v1.5.1")
    (folder / "run" / "jobs.json").rename(folder / "jobs.json")
    return folder / "run"


@pytest.fixture
def cluster(tmp_path, run, monkeypatch):
    made = FakeCluster(tmp_path / "cluster", run)
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


def collect(*arguments):
    return CliRunner().invoke(main, ["collect", "-n", "dragonfly-system", *map(str, arguments)])


def members(bundle):
    with tarfile.open(bundle) as archive:
        top = bundle.name.removesuffix(".tar.gz")
        return {one.name.removeprefix(f"{top}/"): archive.extractfile(one).read() for one in archive.getmembers()}


def diagnosis_of(path):
    found = dfly.diagnose(dfly.load([path]))
    shares = [(one.cause, one.tasks, one.share) for one in found.causes]
    return found.primary_cause, shares, {one.id: (one.count, one.tasks) for one in found.present()}


def test_the_bundle_is_diagnosed_as_the_files_are(cluster, run, tmp_path):
    """Causes, shares and findings of the bundle are those of the files; the last line of stdout is its path."""
    bundle = tmp_path / "bundle.tar.gz"
    done = collect("-o", bundle)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{bundle}\n"
    assert diagnosis_of(bundle) == diagnosis_of(run)
    assert diagnosis_of(run)[0] == "timeout_too_short"
    assert not bundle.with_name("bundle.tar.gz.partial").exists()


def test_nothing_is_asked_that_changes_the_cluster(cluster, tmp_path):
    """Only get, logs and top, cat and find inside containers, and helm's list and get values are ever run."""
    collect("-o", tmp_path / "bundle.tar.gz")
    commands = cluster.asked()
    assert len(commands) > 20
    for program, verb, *words in commands:
        assert words[words.index("-n") + 1] == "dragonfly-system"
        if program == "helm":
            assert verb == "list" or (verb, words[0]) == ("get", "values")
        else:
            assert verb in {"get", "logs", "top", "exec"}
            assert verb != "exec" or words[words.index("--") + 1] in {"cat", "find"}
    assert not any("secret" in word for words in commands for word in words)


@pytest.mark.parametrize(
    "command",
    [
        ["kubectl", "delete", "-n", "a", "pod", "x"],
        ["kubectl", "exec", "-n", "a", "x", "--", "rm", "-r", "/"],
        ["kubectl", "exec", "-n", "a", "x", "--"],
        ["kubectl", "exec", "-n", "a", "x"],
        ["kubectl", "--context", "get", "-n", "a", "apply", "-f", "x"],
        ["kubectl", "-n", "a", "get"],
        ["kubectl"],
        ["helm", "upgrade", "x", "y", "-n", "a"],
        ["helm", "get", "all", "-n", "a"],
    ],
)
def test_a_command_that_might_change_something_is_refused(command):
    """Whatever asks for it, such a command is an error before it runs."""
    with pytest.raises(DflyError, match="might change the cluster"):
        check_read_only(command)


def test_secrets_stay_in_the_cluster(cluster, tmp_path):
    """Passwords of configuration, values and environment are in no file of the bundle; other values are."""
    bundle = tmp_path / "bundle.tar.gz"
    collect("-o", bundle)
    held = members(bundle)
    assert PASSWORD.encode() not in b"".join(held.values())
    pods = json.loads(held["kubernetes/pods.json"])
    assert {"name": "LANG", "value": "C"} in pods["items"][0]["spec"]["containers"][0]["env"]
    assert b"redis:6379" in held["kubernetes/configmaps.yaml"]
    assert b"externalRedis" in held["helm/dragonfly.values.yaml"]


def test_no_canary_is_in_a_bundle(cluster, tmp_path):
    """Of every family, in pods, configurations, values, logs, metrics, packed logs and added files."""
    canaries = [*one_line(), *several_lines()]
    held = files(canaries)
    pod = cluster.root / "pods" / "client-0"
    (pod / "console-client.log").write_bytes(held["seed-client-0/dfdaemon/dfdaemon.log"])
    (pod / "metrics.txt").write_bytes(held["metrics.txt"])
    (pod / "var" / "dfdaemon" / "dfdaemon.log.1.gz").write_bytes(gzip.compress(held["cri/0.log"]))
    pods = json.loads((cluster.root / "pods.json").read_text())
    pods["items"] += json.loads(held["pods.json"])["items"]
    (cluster.root / "pods.json").write_text(json.dumps(pods))
    (cluster.root / "configmaps.yaml").write_bytes(held["configmap.yaml"])
    (cluster.root / "helm-values").write_bytes(held["seed-client-0/dfdaemon.yaml"])
    (tmp_path / "jobs.json").write_bytes(held["jobs.json"])
    done = collect("-o", tmp_path / "bundle.tar.gz", "--add", tmp_path / "jobs.json")
    assert done.exit_code == 0, done.stderr
    bundle = {name: content.decode("utf-8", "replace") for name, content in members(tmp_path / "bundle.tar.gz").items()}
    assert {"jobs.json", "client-0/metrics.txt", "client-0/dfdaemon/dfdaemon.log.1"} <= set(bundle)
    assert leaks(canaries, {**bundle, "printed": done.output}) == []


def test_a_failing_command_costs_only_its_own_file(cluster, tmp_path):
    """One line a missing item, with kubectl's reason and without its secrets; the note in the bundle says it too."""
    cluster.plan({"seed-client-1:4002": "fail", "configmaps": "fail"})
    bundle = tmp_path / "bundle.tar.gz"
    done = collect("-o", bundle)
    assert done.exit_code == 0
    lines = done.stderr.splitlines()
    assert sum("is missing: Error from server (Forbidden)" in line for line in lines) == 2
    assert "s3cr3tv4lue" not in done.stderr
    held = members(bundle)
    assert "seed-client-1/metrics.txt" not in held
    assert "seed-client-1/dfdaemon.yaml" in held
    missing = {one["path"] for one in json.loads(held["collected.json"])["missing"]}
    # the pod that restarted should have a previous log, and this cluster has none
    assert missing == {
        "seed-client-1/metrics.txt",
        "kubernetes/configmaps.yaml",
        "seed-client-0/console-seed-client.previous.log",
    }


def test_a_silent_command_is_stopped(cluster, tmp_path):
    """After the silence allowed the item counts as missing, and what it had begun is not in the bundle."""
    cluster.plan({"top pods": "fail", "seed-client-2:4002": "hang"})
    done = collect("-o", tmp_path / "bundle.tar.gz", "--timeout", "0.5s")
    assert "seed-client-2/metrics.txt is missing: no output for 0.5 s" in done.stderr
    assert "seed-client-2/metrics.txt" not in members(tmp_path / "bundle.tar.gz")


def test_an_interrupted_collection_goes_on_where_it_was(cluster, run, tmp_path):
    """Interrupted, it exits with 130 and keeps what is whole; called again it asks for nothing that it has."""
    bundle = tmp_path / "bundle.tar.gz"
    cluster.plan({"logs seed-client-1": "interrupt"})
    command = [sys.executable, "-m", "dfly_analysis", "collect", "-n", "dragonfly-system", "-o", str(bundle)]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 130, first.stderr
    assert first.stderr == "dfly-analysis: interrupted\n"
    assert not bundle.exists()
    before = cluster.shown()
    cluster.plan({})
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "kept from an earlier run" in second.stderr
    repeated = set(before) & set(cluster.shown())
    # only what had not come: the interrupted log, and the previous lives that are not there
    assert all(
        one.startswith("kubectl logs") and ("--previous" in one or " seed-client-1 " in one) for one in repeated
    ), repeated
    assert diagnosis_of(bundle) == diagnosis_of(run)


def test_a_partial_folder_of_other_options_is_not_mixed_in(cluster, tmp_path):
    """What was fetched from another namespace is refused, and the error says what to do."""
    partial = tmp_path / "bundle.tar.gz.partial"
    partial.mkdir()
    (partial / ".of").write_text('{"namespace": "other"}')
    done = collect("-o", tmp_path / "bundle.tar.gz")
    assert done.exit_code == 2
    assert "fetched with other options (remove it to start again)" in done.stderr


def test_missing_kubectl_is_one_line(tmp_path, monkeypatch):
    """Where kubectl is not installed, one line says so and what to do; nothing is written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = collect("-o", tmp_path / "bundle.tar.gz")
    assert done.exit_code == 2
    assert done.stderr.startswith("dfly-analysis: kubectl is not on the PATH (")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "bundle.tar.gz").exists()


def test_a_cluster_that_cannot_be_asked_is_one_line(cluster, tmp_path):
    """Where the pods cannot be listed, the reason of kubectl stands on one line, and the exit code is that of no input."""
    cluster.plan({"get pods": "fail"})
    done = collect("-o", tmp_path / "bundle.tar.gz")
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1
    assert "the pods cannot be listed: Error from server (Forbidden)" in done.stderr
    assert list(tmp_path.glob("bundle*")) == []


def test_a_namespace_without_dragonfly_is_an_error(cluster, tmp_path):
    """No bundle is made of nothing."""
    (cluster.root / "pods.json").write_text('{"items": []}')
    done = collect("-o", tmp_path / "bundle.tar.gz")
    assert done.exit_code == 3
    assert "no Dragonfly pod found" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "bundle.zip"], "the bundle must be a .tar.gz"),
        (["-o", "there.tar.gz"], "already exists"),
        (["-o", "a.tar.gz", "-n", "A b"], "invalid namespace 'A b'"),
        (["-o", "a.tar.gz", "--timeout", "soon"], "write it like 30s"),
    ],
)
def test_wrong_requests_are_one_line(arguments, words, tmp_path, monkeypatch):
    """Each names what is wrong and what to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.tar.gz").write_text("")
    done = collect(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_dry_run_prints_a_script_that_collects_the_same(cluster, run, tmp_path):
    """The printed script, run by hand, gives a folder that says what the files say; printing it runs nothing."""
    done = collect("-o", "by-hand.tar.gz", "--dry-run")
    assert done.exit_code == 0
    assert cluster.asked() == []
    script = tmp_path / "collect.sh"
    script.write_text(done.stdout)
    ran = subprocess.run(["sh", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout == ""
    for program, *words in cluster.asked():
        if program == "kubectl":
            check_read_only([program, *words])
    assert not (tmp_path / "by-hand" / "dragonfly-redis-0").exists()
    assert diagnosis_of(tmp_path / "by-hand") == diagnosis_of(run)


def test_added_files_are_redacted(cluster, run, tmp_path):
    """`--add` puts a file into the bundle, without its secrets."""
    jobs = json.loads((run.parent / "jobs.json").read_text())
    jobs[0]["args"]["password"] = PASSWORD
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    done = collect("-o", tmp_path / "bundle.tar.gz", "--add", tmp_path / "jobs.json")
    assert "preheat jobs are not included" not in done.stderr
    assert PASSWORD.encode() not in members(tmp_path / "bundle.tar.gz")["jobs.json"]
    assert len(dfly.load([tmp_path / "bundle.tar.gz"]).jobs) == len(jobs)


def test_the_same_cluster_gives_the_same_bytes(cluster, tmp_path):
    """Two bundles of one name and content do not differ."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert collect("-o", tmp_path / folder / "x.tar.gz").exit_code == 0
    assert (tmp_path / "a" / "x.tar.gz").read_bytes() == (tmp_path / "b" / "x.tar.gz").read_bytes()


def test_packed_logs_are_unpacked_and_redacted(cluster, tmp_path):
    """A rotated .gz of a container comes as text without secrets."""
    packed = cluster.root / "pods" / "client-0" / "var" / "dfdaemon" / "dfdaemon.log.1.gz"
    packed.write_bytes(gzip.compress(f"line one\npassword={PASSWORD}\n".encode()))
    collect("-o", tmp_path / "bundle.tar.gz")
    assert members(tmp_path / "bundle.tar.gz")["client-0/dfdaemon/dfdaemon.log.1"] == b"line one\npassword=[redacted]\n"


def test_names_from_the_cluster_cannot_leave_the_folder():
    """A pod or file with a hostile name is left out."""
    pod = {"metadata": {"name": "../../x"}, "spec": {"containers": [{"name": "client"}]}}
    assert parse_pods({"items": [pod]}) == ((), ())
    fine = {"metadata": {"name": "client-0"}, "spec": {"containers": [{"name": "client"}]}}
    (known,), _ = parse_pods({"items": [fine]})
    listing = "/var/log/dragonfly/../../etc/passwd.log\n/etc/passwd.log\n/var/log/dragonfly/dfdaemon/x.log\n/var/log/dragonfly/LOG\n"
    assert [one.path for one in log_items(Cluster("a"), known, listing)] == ["client-0/dfdaemon/x.log"]


@pytest.mark.parametrize(
    ("name", "labels", "container", "component"),
    [
        ("x", {"component": "seed-client"}, "main", "seed-client"),
        ("x", {}, "scheduler", "scheduler"),
        ("prod-dragonfly-manager-6d5f", {}, "main", "manager"),
        ("seed-client-0", {}, "main", "seed-client"),
        ("cert-manager-6d5f", {}, "main", None),
        ("dragonfly-mysql-0", {"component": "primary"}, "mysql", None),
    ],
)
def test_pods_of_dragonfly_are_known_by_label_container_or_name(name, labels, container, component):
    """In this order; pods of other programs are left out and named."""
    pod = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": container}]}}
    found, others = parse_pods({"items": [pod]})
    assert [one.component for one in found] == ([component] if component else [])
    assert others == (() if component else (name,))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_redacting_keeps_the_shape_of_json(content):
    """Lists and fields stay, but for kubectl's copy; only texts change, and doing it twice changes nothing."""
    once = without_secrets(content)
    assert type(once) is type(content)
    if isinstance(content, dict):
        assert set(once) == set(content)
    assert without_secrets(once) == once


def test_helm_is_not_needed(cluster, tmp_path):
    """Without helm the bundle lacks the values, without a message."""
    (cluster.bin / "helm").unlink()
    if shutil.which("helm"):
        pytest.fail("this machine has a helm of its own")
    done = collect("-o", tmp_path / "bundle.tar.gz")
    assert done.exit_code == 0
    assert not any(name.startswith("helm/") for name in members(tmp_path / "bundle.tar.gz"))
