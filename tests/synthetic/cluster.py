"""What Kubernetes would say of a run's seeds: their pods as kubectl prints them, and its events."""

from __future__ import annotations

from typing import Any

from tests.synthetic.log_writer import moment
from tests.synthetic.state import HostState, World

_LIMIT = "2Gi"
_ENDINGS: dict[str, tuple[str, int]] = {"oom": ("OOMKilled", 137), "panic": ("Error", 101)}
_SHORT_OF_DISK = "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 4Gi."


def pods_json(world: World) -> dict[str, Any]:
    """Return the pods of all seeds, as ``kubectl get pods -o json`` does."""
    return {
        "apiVersion": "v1",
        "items": [_pod(world, state) for state in world.seeds],
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }


def events_json(world: World) -> dict[str, Any]:
    """Return the events of pods that were evicted or started anew, as ``kubectl get events -o json`` does."""
    made = [_event(world, state, gone_s) for state in world.seeds for gone_s, _ in state.away]
    return {"apiVersion": "v1", "items": made, "kind": "List", "metadata": {"resourceVersion": ""}}


def _stamp(moment_s: float) -> str:
    return moment(moment_s).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pod(world: World, state: HostState) -> dict[str, Any]:
    name, node = state.host.name, f"node-{state.host.ip.rsplit('.', 1)[1]}"
    status: dict[str, Any] = {
        "phase": "Running",
        "podIP": state.host.ip,
        "hostIP": "10.90.0.1",
        "startTime": _stamp(0.0),
    }
    started_s = state.away[-1][1] if state.away else 1.0
    container: dict[str, Any] = {
        "name": "seed-client", "ready": True, "restartCount": len(state.away), "started": True,
        "lastState": {}, "state": {"running": {"startedAt": _stamp(started_s)}},
    }  # fmt: skip
    if state.away and world.case.pods in _ENDINGS:
        reason, code = _ENDINGS[world.case.pods]
        container["lastState"] = {
            "terminated": {
                "exitCode": code,
                "finishedAt": _stamp(state.away[-1][0]),
                "reason": reason,
                "startedAt": _stamp(1.0),
            }
        }
    elif state.away and world.case.pods == "evicted":
        status |= {"phase": "Failed", "reason": "Evicted", "message": _SHORT_OF_DISK}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"labels": {"app": "dragonfly", "component": "seed-client"}, "name": name, "namespace": "dragonfly-system", "uid": f"0-{name}"},
        "spec": {"containers": [{"name": "seed-client", "resources": {"limits": {"cpu": "2", "memory": _LIMIT}}}], "nodeName": node},
        "status": status | {"containerStatuses": [container]},
    }  # fmt: skip


def _event(world: World, state: HostState, gone_s: float) -> dict[str, Any]:
    evicted = world.case.pods == "evicted"
    return {
        "apiVersion": "v1", "kind": "Event", "count": 1, "type": "Warning",
        "reason": "Evicted" if evicted else "BackOff",
        "message": _SHORT_OF_DISK if evicted else f"Back-off restarting failed container seed-client in pod {state.host.name}",
        "firstTimestamp": _stamp(gone_s), "lastTimestamp": _stamp(gone_s),
        "involvedObject": {"kind": "Pod", "name": state.host.name, "namespace": "dragonfly-system"},
        "metadata": {"name": f"{state.host.name}.{round(gone_s)}", "namespace": "dragonfly-system"}, "source": {"component": "kubelet"},
    }  # fmt: skip
