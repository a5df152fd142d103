"""The commands that a collection runs: one for each file of the bundle, and all of them only read."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dfly_analysis.errors import DflyError

# Verbs of kubectl and helm, and programs inside containers, none of which changes anything as it is used here.
VERBS, HELM_VERBS = frozenset({"get", "logs", "top", "exec"}), (("list",), ("get", "values"))
PROGRAMS = frozenset({"cat", "find"})
LOG_FOLDER, CONFIGURATION_FOLDER = "/var/log/dragonfly", "/etc/dragonfly"
_COMPONENTS: Mapping[str, tuple[str, int]] = {
    # name of the component's label and container: its configuration file, and the port of its metrics
    "seed-client": ("dfdaemon.yaml", 4002), "client": ("dfdaemon.yaml", 4002), "dfdaemon": ("dfdaemon.yaml", 4002),
    "scheduler": ("scheduler.yaml", 8000), "manager": ("manager.yaml", 8000),
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_POD_NAME = re.compile(r"(?:^|dragonfly-)(seed-client|client|dfdaemon|scheduler|manager)(?:-|$)")
_LOG_FILE = re.compile(r"(?<![\w.:-])(?=[\w.:-]++$)[\w.:-]*?\.log(?:[.-][\w.:-]|$)")


@dataclass(frozen=True)
class Cluster:
    """The namespace of Dragonfly, the kubeconfig's context (default: the current one), and the age of console logs (``6h``)."""

    namespace: str
    context: str | None = None
    since: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.namespace) or len(self.namespace) > 63:
            raise DflyError(f"invalid namespace {self.namespace!r}", hint="kubectl get namespaces lists them")

    def kubectl(self, verb: str, *arguments: str) -> tuple[str, ...]:
        """Return a command of kubectl for this cluster."""
        inside = arguments.index("--") if "--" in arguments else len(arguments)
        return ("kubectl", verb, *arguments[:inside], *self.flags("--context"), *arguments[inside:])

    def helm(self, *arguments: str) -> tuple[str, ...]:
        """Return a command of helm for this cluster."""
        return ("helm", *arguments, *self.flags("--kube-context"))

    def flags(self, context: str) -> tuple[str, ...]:
        """Return the flags that select the cluster, given the name of the flag for the context."""
        return (*((context, self.context) if self.context else ()), "-n", self.namespace)


@dataclass(frozen=True)
class Item:
    """One file of the bundle, its command, and how it is redacted (gzip is unpacked first); optional ones are often absent."""

    path: str
    command: tuple[str, ...]
    content: Literal["text", "json", "gzip"] = "text"
    optional: bool = False


@dataclass(frozen=True)
class Pod:
    """A pod of Dragonfly; the main container runs the component; the release is Helm's."""

    name: str
    component: str
    containers: tuple[str, ...]
    main: str
    restarted: frozenset[str]  # containers that have restarted
    release: str | None


def check_read_only(command: Sequence[str]) -> None:
    """Raise DflyError if a command's verb, or the program it runs in a container, might change something."""
    program, verb, *rest = (*command, "", "")[: max(3, len(command))]
    if program == "helm":
        allowed = any((verb, *rest)[: len(one)] == one for one in HELM_VERBS)
    else:
        inside = rest[rest.index("--") + 1] if "--" in rest[:-1] else None
        allowed = verb in VERBS and (inside in PROGRAMS if verb == "exec" else inside is None)
    if not allowed:
        raise DflyError(f"{shlex.join(command)} might change the cluster", hint="only commands that read are run")


def first_items(cluster: Cluster, *, helm: bool) -> tuple[Item, ...]:
    """Return the items that need no knowledge of the pods; the list of pods comes first."""
    items = (
        Item("kubernetes/pods.json", cluster.kubectl("get", "pods", "-o", "json"), "json"),
        Item("kubernetes/events.json", cluster.kubectl("get", "events", "-o", "json"), "json"),
        Item("kubernetes/configmaps.yaml", cluster.kubectl("get", "configmaps", "-o", "yaml")),
        Item("kubernetes/top-pods.txt", cluster.kubectl("top", "pods", "--containers"), optional=True),
    )
    releases = Item("helm/releases.json", cluster.helm("list", "-o", "json"), "json", optional=True)
    return (*items, releases) if helm else items


def parse_pods(answer: Any) -> tuple[tuple[Pod, ...], tuple[str, ...]]:
    """Return Dragonfly's pods and the names of the others, from the answer to ``kubectl get pods -o json``."""
    items = answer.get("items") if isinstance(answer, dict) else None
    named = {str(one.get("metadata", {}).get("name", "")): one for one in (items if isinstance(items, list) else [])}
    pods = {name: _pod(name, one) for name, one in sorted(named.items()) if _NAME.fullmatch(name)}
    return tuple(pod for pod in pods.values() if pod), tuple(name for name, pod in pods.items() if pod is None)


def _pod(name: str, item: Mapping[str, Any]) -> Pod | None:
    labels = item.get("metadata", {}).get("labels") or {}
    names = [str(one.get("name")) for one in item.get("spec", {}).get("containers") or []]
    containers = tuple(one for one in names if _NAME.fullmatch(one))
    labelled = labels.get("component") or labels.get("app.kubernetes.io/component")
    component = next((one for one in (labelled, *containers) if one in _COMPONENTS), None)
    if component is None and (found := _POD_NAME.search(name)):
        component = found[1]
    if component is None or not containers:
        return None
    states = item.get("status", {}).get("containerStatuses") or []
    restarted = frozenset(str(one.get("name")) for one in states if one.get("restartCount"))
    release = labels.get("release") or labels.get("app.kubernetes.io/instance")
    main = component if component in containers else containers[0]
    return Pod(name, component, containers, main, restarted, release if release and _NAME.fullmatch(release) else None)


def pod_items(cluster: Cluster, pod: Pod) -> Iterator[Item]:
    """Yield the items of one pod other than its log files."""
    configuration, port = _COMPONENTS[pod.component]
    path = f"{CONFIGURATION_FOLDER}/{configuration}"
    yield Item(f"{pod.name}/{configuration}", cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "cat", path))
    metrics = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod.name}:{port}/proxy/metrics"
    yield Item(f"{pod.name}/metrics.txt", cluster.kubectl("get", "--raw", metrics))
    since = (f"--since={cluster.since}",) if cluster.since else ()
    for container in pod.containers:
        logs = ("logs", pod.name, "-c", container)
        yield Item(f"{pod.name}/console-{container}.log", cluster.kubectl(*logs, *since))
        path = f"{pod.name}/console-{container}.previous.log"
        yield Item(path, cluster.kubectl(*logs, "--previous"), optional=container not in pod.restarted)


def log_listing(cluster: Cluster, pod: Pod) -> Item:
    """Return the item that lists a pod's log files."""
    command = cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "find", LOG_FOLDER, "-type", "f")
    return Item(f"{pod.name}/.files", command, optional=True)


def log_items(cluster: Cluster, pod: Pod, listing: str) -> Iterator[Item]:
    """Yield the log files of a pod, given the output of `log_listing`; files of other programs are left out."""
    for name in sorted({line.strip() for line in listing.splitlines()}):
        relative = name.removeprefix(f"{LOG_FOLDER}/")
        if relative == name or ".." in relative.split("/") or not _LOG_FILE.search(relative):
            continue
        command = cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "cat", name)
        content: Literal["gzip", "text"] = "gzip" if relative.endswith(".gz") else "text"
        yield Item(f"{pod.name}/{relative.removesuffix('.gz')}", command, content)


def helm_items(cluster: Cluster, pods: Sequence[Pod]) -> Iterator[Item]:
    """Yield the Helm values of each release that the pods belong to."""
    for release in sorted({pod.release for pod in pods if pod.release}):
        yield Item(f"helm/{release}.values.yaml", cluster.helm("get", "values", release, "-o", "yaml"), optional=True)


def collection_script(cluster: Cluster, folder: str) -> str:
    """Return a POSIX shell script that collects the same files into a folder, without redaction."""
    return Path(__file__).with_name("script.sh").read_text("utf-8").format(
        folder=shlex.quote(folder), kubectl=shlex.join(cluster.flags("--context")), helm=shlex.join(cluster.flags("--kube-context")), namespace=cluster.namespace,
        configuration=CONFIGURATION_FOLDER, logs=LOG_FOLDER,
        since=f" --since={shlex.quote(cluster.since)}" if cluster.since else "",
    )  # fmt: skip
