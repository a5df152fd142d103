"""What Kubernetes says: objects and descriptions are read alike, and endings mean what they mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.readers import jobs, pods
from dfly_analysis.readers.pods import read_pods, read_termination, recognises, terminations_by_host
from dfly_analysis.schema import PODS
from tests.synthetic import VARIANTS, write_run

DESCRIBED = """Name:             seed-client-0
Namespace:        dragonfly-system
Node:             node-a/10.90.0.1
Labels:           component=seed-client
Status:           Running
Containers:
  seed-client:
    Image:          d/client:v1.5.1
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Sun, 01 Mar 2026 10:00:00 +0000
      Finished:     Sun, 01 Mar 2026 12:05:20 +0200
    Ready:          False
    Restart Count:  3
    Limits:
      memory:  2Gi
    Requests:
      memory:  1Gi
Conditions:
  Type              Status
  Ready             False
Events:
  Type     Reason   Age                 From     Message
  ----     ------   ----                ----     -------
  Warning  BackOff  2m (x12 over 9m)    kubelet  Back-off restarting failed container
Name:               node-a
Roles:              <none>
Labels:             a=b
Conditions:
  Type             Status  LastHeartbeatTime  Reason                  Message
  ----             ------  -----------------  ------                  -------
  MemoryPressure   False   Sun, 01 Mar 2026   KubeletHasNoPressure    sufficient memory
  DiskPressure     True    Sun, 01 Mar 2026   KubeletHasDiskPressure  disk is short
"""


def pod(name="seed-client-0", *, last=None, state=None, status=None, restarts=1):
    container = {
        "name": "c",
        "restartCount": restarts,
        "lastState": {"terminated": last} if last else {},
        "state": state or {},
    }
    return {
        "kind": "Pod", "metadata": {"name": name, "namespace": "d", "labels": {"component": "seed-client"}},
        "spec": {"nodeName": "node-a", "containers": [{"name": "c", "resources": {"limits": {"memory": "2Gi"}}}]},
        "status": {"containerStatuses": [container], **(status or {})},
    }  # fmt: skip


def listed(*items):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}, indent=1)


OUT_OF_MEMORY = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T10:05:20Z"}


def test_a_description_says_what_the_object_says():
    """The last state of a container has the same reason, code, time, limit and restarts in both forms."""
    told = ("reason", "exit_code", "restarts", "memory_limit_bytes", "pod", "node", "role")
    described = {row["kind"]: row for row in read_pods(DESCRIBED, "pods.txt")}
    made = next(
        row for row in read_pods(listed(pod(last=OUT_OF_MEMORY, restarts=3)), "pods.json") if row["kind"] == "ending"
    )
    assert [described["ending"][name] for name in told] == [made[name] for name in told]
    assert described["ending"]["time"] == made["time"]
    assert described["container"]["reason"] == "CrashLoopBackOff"
    assert (described["event"]["reason"], described["event"]["count"]) == ("BackOff", 12)
    assert [(row["node"], row["reason"]) for row in read_pods(DESCRIBED, "x") if row["kind"] == "node"] == [
        ("node-a", None),
        ("node-a", "DiskPressure"),
    ]


def test_each_row_has_its_line():
    """The line is where kubectl says it: of the state in a description, of the pod in JSON."""
    ending = next(row for row in read_pods(DESCRIBED, "pods.txt") if row["kind"] == "ending")
    assert DESCRIBED.splitlines()[ending["log_line"] - 1].strip().startswith("Last State")
    text = listed(pod("a"), pod("b", last=OUT_OF_MEMORY))
    row = next(row for row in read_pods(text, "pods.json") if row["kind"] == "ending")
    assert '"b"' in text.splitlines()[row["log_line"] - 1]
    assert len(PODS.frame(read_pods(text, "pods.json"))) == 3


@pytest.mark.parametrize(
    ("row", "cause", "confidence"),
    [
        ({"kind": "ending", "reason": "OOMKilled", "exit_code": 137}, "resource_limit", "high"),
        ({"kind": "ending", "reason": "Error", "exit_code": 137}, "resource_limit", "medium"),
        ({"kind": "ending", "reason": "Error", "exit_code": 101}, "client_bug", "high"),
        ({"kind": "ending", "reason": "Error", "exit_code": 143}, "cancelled", "medium"),
        ({"kind": "pod", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}, "disk_full", "high"),
        ({"kind": "event", "reason": "Evicted", "message": "The node was low on resource: memory."}, "resource_limit", "high"),
        ({"kind": "event", "reason": "SystemOOM"}, "resource_limit", "high"),
        ({"kind": "ending", "reason": "Completed", "exit_code": 0}, None, None),
        ({"kind": "event", "reason": "Pulled"}, None, None),
        ({"kind": "container", "reason": "CrashLoopBackOff"}, None, None),
    ],
)  # fmt: skip
def test_an_ending_means_what_its_code_and_reason_say(row, cause, confidence):
    """Memory, disk, crashes and orderly stops are told apart; what went well is no death."""
    termination = read_termination(row)
    assert (termination and termination.cause, termination and termination.confidence) == (cause, confidence)


def test_a_death_told_twice_counts_once_under_both_names():
    """A state and an event of the same moment are one death, known by the pod's and by the node's name."""
    event = {
        "kind": "Event",
        "reason": "OOMKilling",
        "involvedObject": {"kind": "Pod", "name": "seed-client-0"},
        "lastTimestamp": "2026-03-01T10:05:21Z",
    }
    found = terminations_by_host(read_pods(listed(pod(last=OUT_OF_MEMORY), event), "x.json"))
    assert {name: len(terminations) for name, terminations in found.items()} == {"seed-client-0": 1, "node-a": 1}


def test_files_of_kubernetes_are_told_from_others():
    """Pods and descriptions are recognised, jobs and logs are not, and a pod list is no job."""
    assert recognises(listed(pod()))
    assert recognises(DESCRIBED)
    assert not jobs.recognises(listed(pod()))
    for other in (
        '[{"id": 1, "state": "SUCCESS", "args": {}}]',
        "Name: x",
        "2026-03-01T10:00:00Z INFO a: b",
        '{"level":"info","ts":"x","msg":"y"}',
        "",
    ):
        assert not recognises(other)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["kind", "items", "metadata", "status", "spec", "containerStatuses", "state", "terminated", "name"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
def test_strange_objects_do_no_harm(content):
    """Whatever JSON is there, rows come out that fit the table."""
    PODS.frame(
        read_pods(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "List",
                    "items": [content, {"kind": "Pod", "status": content, "metadata": content, "spec": content}],
                }
            ),
            "x.json",
        )
    )


def test_secrets_in_messages_are_taken_out():
    """Messages are redacted as they are read."""
    row = read_pods(listed(pod(status={"reason": "Failed", "message": "pull failed: password=hunter22"})), "x.json")[0]
    assert "hunter22" not in row["message"]


@pytest.fixture(scope="module")
def evicted(tmp_path_factory):
    """Return a run in which a seed is evicted for its disk, and its truth."""
    folder = tmp_path_factory.mktemp("evicted")
    truth = write_run(folder, case=VARIANTS["evicted"], client="v1.5.1", seed=1, images=3, layers_per_image=3)
    return folder / "run", truth


def test_kubernetes_turns_a_death_into_its_reason(evicted):
    """With pods and events the cause is the full disk, said with high confidence; without them it is memory, and what to collect is said."""
    run, truth = evicted
    dataset = dfly.load(run)
    died = dataset.tasks[dataset.tasks["outcome"] == "died"]
    assert dict(truth.tasks_failed_by_cause) == {"disk_full": truth.tasks_failed}
    assert set(died["cause"]) == {"disk_full"}
    assert set(died["confidence"]) == {"high"}
    findings = dfly.diagnose(dataset)
    assert findings.get("pod_ended_badly").severity == "critical"
    assert "evicted" in findings.get("restart_without_goodbye").reason
    bare = dfly.diagnose(dfly.load([path for path in run.iterdir() if path.name not in ("pods.json", "events.json")]))
    assert bare.primary_cause == "resource_limit"
    assert "kubectl get pods -o json" in bare.get("restart_without_goodbye").reason
    assert (bare.get("pod_ended_badly").verdict, bare.get("node_pressure").verdict) == ("unknown", "unknown")


def test_written_tables_know_the_reason_too(evicted, tmp_path):
    """``load -o`` gives the tasks of `load`, and its folder can be loaded again with what Kubernetes said."""
    from click.testing import CliRunner

    from dfly_analysis.cli import main

    run, _ = evicted
    assert CliRunner().invoke(main, ["load", str(run), "-o", str(tmp_path / "out")]).exit_code == 0
    again = dfly.load(tmp_path / "out" / "events.parquet")
    whole = dfly.load(run)
    assert list(again.tasks["cause"].dropna()) == list(whole.tasks["cause"].dropna()) != []
    assert len(again.pods) == len(whole.pods) > 0


def test_pods_alone_are_an_input(tmp_path):
    """A file of pods is enough to say who was killed."""
    (tmp_path / "pods.json").write_text(listed(pod(last=OUT_OF_MEMORY)), "utf-8")
    findings = dfly.diagnose(dfly.load(tmp_path))
    assert findings.get("pod_ended_badly").verdict == "present"
    assert pods.recognises((tmp_path / "pods.json").read_text("utf-8"))
