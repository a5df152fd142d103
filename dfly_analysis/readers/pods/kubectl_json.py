"""Rows from Kubernetes' objects: containers and how they ended, pods that were evicted, events, and nodes under pressure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.readers.json_values import encodable, mapping, mappings
from dfly_analysis.readers.timestamps import parse_time
from dfly_analysis.units import parse_size

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_DEEPEST_LIST = 3
_ROLES = (("seed-client", "seedClient"), ("seed", "seedClient"), ("scheduler", "scheduler"), ("manager", "manager"), ("client", "client"), ("dfdaemon", "client"))  # fmt: skip


def rows_of(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pod, event, node, or a list of such; nothing for anything else."""
    items = content.get("items") if isinstance(content, dict) else content
    if isinstance(items, list):
        for item in items if depth < _DEEPEST_LIST else ():
            yield from rows_of(item, depth + 1)
    elif isinstance(content, dict):
        kind = content.get("kind") or _likely_kind(content)
        reader = {"Pod": _pod_rows, "Event": _event_rows, "Node": _node_rows}.get(str(kind))
        yield from reader(content) if reader else ()


def _likely_kind(content: Mapping[str, Any]) -> str | None:
    """Items of a typed list need not repeat their kind."""
    if "involvedObject" in content or "regarding" in content:
        return "Event"
    status = mapping(content.get("status"))
    if "containerStatuses" in status or "podIP" in status:
        return "Pod"
    return "Node" if "nodeInfo" in status else None


def _pod_rows(pod: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    meta, spec, status = (mapping(pod.get(name)) for name in ("metadata", "spec", "status"))
    base = {
        "namespace": _text(meta.get("namespace")), "pod": _text(meta.get("name")), "node": _text(spec.get("nodeName")),
        "uid": _text(meta.get("uid")) or _text(meta.get("name")),
    }  # fmt: skip
    labels = mapping(meta.get("labels"))
    base["role"] = role_of(_text(labels.get("component")) or "", base["pod"] or "")
    if _text(status.get("reason")):
        yield {**base, "kind": "pod", "reason": _text(status["reason"]), "message": _text(status.get("message"))}  # fmt: skip
    containers = mappings(spec.get("containers"))
    limits = {_text(one.get("name")): mapping(mapping(one.get("resources")).get("limits")) for one in containers}
    for one in mappings(status.get("containerStatuses")):
        yield from _container_rows(one, base, limits.get(_text(one.get("name")), {}))


def _container_rows(
    one: Mapping[str, Any], base: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    state, last = mapping(one.get("state")), mapping(one.get("lastState"))
    waiting, running = mapping(state.get("waiting")), mapping(state.get("running"))
    shared = {
        **base, "container": _text(one.get("name")), "restarts": _number(one.get("restartCount")),
        "memory_limit_bytes": size_or_none(limits.get("memory")),
    }  # fmt: skip
    yield {**shared, "kind": "container", "reason": _text(waiting.get("reason")), "message": _text(waiting.get("message")), "time": parse_time(running.get("startedAt"))}  # fmt: skip
    for ended in (mapping(last.get("terminated")), mapping(state.get("terminated"))):
        if ended:
            yield {
                **shared, "kind": "ending", "reason": _text(ended.get("reason")), "exit_code": _number(ended.get("exitCode")),
                "message": _text(ended.get("message")), "time": parse_time(ended.get("finishedAt")),
            }  # fmt: skip


def _event_rows(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    about = mapping(event.get("involvedObject") or event.get("regarding"))
    source = mapping(event.get("source"))
    is_node = about.get("kind") == "Node"
    if about.get("kind") not in ("Pod", "Node"):
        return
    name = _text(about.get("name"))
    series = mapping(event.get("series"))
    times = (event.get("lastTimestamp"), event.get("eventTime"), event.get("firstTimestamp"), event.get("deprecatedLastTimestamp"))  # fmt: skip
    yield {
        "kind": "event", "reason": _text(event.get("reason")), "message": _text(event.get("message") or event.get("note")),
        "namespace": _text(about.get("namespace")), "pod": None if is_node else name, "node": name if is_node else _text(source.get("host")),
        "role": None if is_node else role_of("", name or ""), "count": _number(event.get("count") or series.get("count")) or 1,
        "time": next((time for one in times if (time := parse_time(one))), None), "uid": _text(mapping(event.get("metadata")).get("uid")),
    }  # fmt: skip


def _node_rows(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = _text(mapping(node.get("metadata")).get("name"))
    for one in mappings(mapping(node.get("status")).get("conditions")):
        if one.get("type") in PRESSURES:
            is_on = one.get("status") == "True"
            yield {
                "kind": "node", "node": name, "reason": str(one["type"]) if is_on else None, "message": _text(one.get("message")),
                "time": parse_time(one.get("lastTransitionTime")), "uid": name,
            }  # fmt: skip


def role_of(component: str, name: str) -> str | None:
    """Return the role of a pod by its label, else by its name; None where neither is like Dragonfly's."""
    return next((role for text in (component, name) for mark, role in _ROLES if mark in text), None)


def size_or_none(text: Any) -> int | None:
    """Return bytes of what Kubernetes writes, None where it is no size."""
    try:
        return parse_size(text) if isinstance(text, str | int) and text != "" else None
    except DflyError:
        return None


def _text(value: Any) -> str | None:
    return encodable(value) if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 1 << 31 else None
