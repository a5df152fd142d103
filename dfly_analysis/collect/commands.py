"""What is asked of a cluster: one command an item, each only reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dfly_analysis.errors import DflyError

VERBS = frozenset({"get", "logs", "top", "exec"})
"""The verbs of kubectl that are used, none of which changes a cluster by what is asked here."""
PROGRAMS = frozenset({"cat", "find"})
"""What is run inside a container."""
HELM_VERBS = (("list",), ("get", "values"))
LOG_FOLDER, CONFIGURATION_FOLDER = "/var/log/dragonfly", "/etc/dragonfly"
_COMPONENTS: Mapping[str, tuple[str, int]] = {
    # name of the component's label and container: its configuration file, and the port of its metrics
    "seed-client": ("dfdaemon.yaml", 4002), "client": ("dfdaemon.yaml", 4002), "dfdaemon": ("dfdaemon.yaml", 4002),
    "scheduler": ("scheduler.yaml", 8000), "manager": ("manager.yaml", 8000),
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_POD_NAME = re.compile(r"(?:^|dragonfly-)(seed-client|client|dfdaemon|scheduler|manager)(?:-|$)")
_LOG_FILE = re.compile(r"\.log(?:[.-][\w.:-]+)?$")

Content = Literal["text", "json", "gzip"]


@dataclass(frozen=True)
class Cluster:
    """Whom to ask.

    Attributes
    ----------
    namespace : str
        Where Dragonfly runs.
    context : str or None
        Of the kubeconfig; the current one where not given.
    since : str or None
        Only console logs newer than this, as kubectl takes it, e.g. ``6h``.
    """

    namespace: str
    context: str | None = None
    since: str | None = None

    def __post_init__(self) -> None:
        """Refuse a namespace that Kubernetes would refuse."""
        if not _NAME.fullmatch(self.namespace) or len(self.namespace) > 63:
            raise DflyError(f"{self.namespace!r} is no namespace", hint="kubectl get namespaces lists them")

    def kubectl(self, verb: str, *arguments: str) -> tuple[str, ...]:
        """Return a command of kubectl for this cluster; only what reads is accepted."""
        inside = arguments.index("--") if "--" in arguments else len(arguments)
        command = ("kubectl", verb, *arguments[:inside], *self.flags("--context"), *arguments[inside:])
        check_reading(command)
        return command

    def helm(self, *words: str) -> tuple[str, ...]:
        """Return a command of helm for this cluster; only what reads is accepted."""
        command = ("helm", *words, *self.flags("--kube-context"))
        check_reading(command)
        return command

    def flags(self, context: str) -> tuple[str, ...]:
        """Return what names the cluster, given the name of the flag for the context."""
        return (*((context, self.context) if self.context else ()), "-n", self.namespace)


@dataclass(frozen=True)
class Item:
    """One thing to fetch.

    Attributes
    ----------
    path : str
        Where it stands in the bundle.
    command : tuple of str
    content : {"text", "json", "gzip"}
        How it is redacted; ``gzip`` is unpacked first.
    optional : bool
        Whether its absence is usual, and so not told.
    """

    path: str
    command: tuple[str, ...]
    content: Content = "text"
    optional: bool = False

    @property
    def shown(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.command)


@dataclass(frozen=True)
class Pod:
    """A pod of Dragonfly.

    Attributes
    ----------
    name, component : str
    containers : tuple of str
    main : str
        The container that runs the component.
    restarted : frozenset of str
        Containers that had a life before.
    release : str or None
        Of Helm.
    """

    name: str
    component: str
    containers: tuple[str, ...]
    main: str
    restarted: frozenset[str]
    release: str | None


def check_reading(command: Sequence[str]) -> None:
    """Refuse a command that might change something.

    Raises
    ------
    DflyError
        Where the verb, or what is run in a container, is not among those that only read.
    """
    program, verb, *rest = (*command, "", "")[: max(3, len(command))]
    if program == "helm":
        allowed = any((verb, *rest)[: len(one)] == one for one in HELM_VERBS)
    else:
        inside = rest[rest.index("--") + 1] if "--" in rest[:-1] else None
        allowed = verb in VERBS and (inside in PROGRAMS if verb == "exec" else inside is None)
    if not allowed:
        raise DflyError(f"{shlex.join(command)} might change the cluster", hint="this program only reads")


def first_items(cluster: Cluster, *, helm: bool) -> tuple[Item, ...]:
    """Return what can be asked before anything is known; the pods come first."""
    result = [
        Item("kubernetes/pods.json", cluster.kubectl("get", "pods", "-o", "json"), "json"),
        Item("kubernetes/events.json", cluster.kubectl("get", "events", "-o", "json"), "json"),
        Item("kubernetes/configmaps.yaml", cluster.kubectl("get", "configmaps", "-o", "yaml")),
        Item("kubernetes/top-pods.txt", cluster.kubectl("top", "pods", "--containers"), optional=True),
    ]
    if helm:
        result.append(Item("helm/releases.json", cluster.helm("list", "-o", "json"), "json", optional=True))
    return tuple(result)


def pods_of(answer: Any) -> tuple[tuple[Pod, ...], tuple[str, ...]]:
    """Return Dragonfly's pods and the names of the others, from what ``kubectl get pods -o json`` says."""
    found, others = [], []
    items = answer.get("items") if isinstance(answer, dict) else None
    for item in items if isinstance(items, list) else []:
        name = str(item.get("metadata", {}).get("name", ""))
        if not _NAME.fullmatch(name):
            continue
        pod = _pod(name, item)
        if pod is None:
            others.append(name)
        else:
            found.append(pod)
    return tuple(sorted(found, key=lambda pod: pod.name)), tuple(sorted(others))


def _pod(name: str, item: Mapping[str, Any]) -> Pod | None:
    labels = item.get("metadata", {}).get("labels") or {}
    named = [str(one.get("name")) for one in item.get("spec", {}).get("containers") or []]
    containers = tuple(one for one in named if _NAME.fullmatch(one))
    labelled = labels.get("component") or labels.get("app.kubernetes.io/component")
    component = next((one for one in (labelled, *containers) if one in _COMPONENTS), None) or _named(name)
    if component is None or not containers:
        return None
    states = item.get("status", {}).get("containerStatuses") or []
    restarted = frozenset(str(one.get("name")) for one in states if one.get("restartCount"))
    release = labels.get("release") or labels.get("app.kubernetes.io/instance")
    main = component if component in containers else containers[0]
    return Pod(name, component, containers, main, restarted, release if release and _NAME.fullmatch(release) else None)


def _named(name: str) -> str | None:
    """Return the component that a pod's name tells, where neither label nor container does."""
    found = _POD_NAME.search(name)
    return found[1] if found else None


def items_of(cluster: Cluster, pod: Pod) -> Iterator[Item]:
    """Yield what is asked of one pod beside its log files."""
    configuration, port = _COMPONENTS[pod.component]
    since = (f"--since={cluster.since}",) if cluster.since else ()
    path = f"{CONFIGURATION_FOLDER}/{configuration}"
    yield Item(f"{pod.name}/{configuration}", cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "cat", path))
    metrics = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod.name}:{port}/proxy/metrics"
    yield Item(f"{pod.name}/metrics.txt", cluster.kubectl("get", "--raw", metrics))
    for container in pod.containers:
        requested = ("logs", pod.name, "-c", container)
        yield Item(f"{pod.name}/console-{container}.log", cluster.kubectl(*requested, *since))
        before = cluster.kubectl(*requested, "--previous")
        known = container in pod.restarted
        yield Item(f"{pod.name}/console-{container}.previous.log", before, optional=not known)


def listing_of(cluster: Cluster, pod: Pod) -> Item:
    """Return the command that lists a pod's log files."""
    command = cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "find", LOG_FOLDER, "-type", "f")
    return Item(f"{pod.name}/.files", command, optional=True)


def log_files_of(cluster: Cluster, pod: Pod, listing: str) -> Iterator[Item]:
    """Yield the log files of a pod, given what `listing_of` printed; files of other programs are left."""
    for line in sorted(set(listing.splitlines())):
        name = line.strip()
        relative = name.removeprefix(f"{LOG_FOLDER}/")
        if relative == name or ".." in relative.split("/") or not _LOG_FILE.search(relative):
            continue
        command = cluster.kubectl("exec", pod.name, "-c", pod.main, "--", "cat", name)
        packed = relative.endswith(".gz")
        yield Item(f"{pod.name}/{relative.removesuffix('.gz')}", command, "gzip" if packed else "text")


def helm_items(cluster: Cluster, pods: Sequence[Pod]) -> Iterator[Item]:
    """Yield the Helm values of each release that the pods belong to."""
    for release in sorted({pod.release for pod in pods if pod.release}):
        yield Item(f"helm/{release}.values.yaml", cluster.helm("get", "values", release, "-o", "yaml"), optional=True)
