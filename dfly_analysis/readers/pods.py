"""Reads what Kubernetes knows of Dragonfly's pods: ``kubectl get pods|events|nodes -o json`` and ``kubectl describe``."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, pairwise, takewhile
from typing import Any

from dfly_analysis.errors import DflyError
from dfly_analysis.messages import message
from dfly_analysis.readers.json_values import Lines, OnProblem, encodable, mapping, mappings, parse_time, scan
from dfly_analysis.redaction import redact
from dfly_analysis.units import parse_size

_OBJECT = r'"kind"\s*:\s*"(?:Pod|PodList|Event|EventList|Node|NodeList)"'
_LIST = r'"apiVersion"\s*:\s*"v1"'
_SECTION = r"(?m)^(?:Containers|Conditions|Events|Restart Policy|QoS Class|Node|Namespace|Roles|Labels):"
_MIN_SECTIONS = 2
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_DEEPEST_LIST = 3
_ROLES = (("seed-client", "seedClient"), ("seed", "seedClient"), ("scheduler", "scheduler"), ("manager", "manager"), ("client", "client"), ("dfdaemon", "client"))  # fmt: skip
_FIELD = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z][\w -]*?):(?:\s+(?P<value>\S.*))?$")
_EVENT = re.compile(r"^ {2}(?P<type>Normal|Warning)\s+(?P<reason>\w+)\s+(?P<age>\S+(?: \(x(?P<count>\d+) over \S+\))?)\s+(?P<from>\S+)\s+(?P<message>\S.*)$")  # fmt: skip
_CONDITION = re.compile(rf"^ {{2}}(?P<name>{'|'.join(_PRESSURES)})\s+(?P<status>True|False|Unknown)\b(?P<rest>.*)$")
_CONTAINER = re.compile(r"^ {2}(?P<name>[a-z0-9][a-z0-9-]*):$")
_Line = tuple[int, str]
_Object = Mapping[str, Any]
_STORAGE = re.compile(r"ephemeral|disk ?pressure|inode|nodefs|imagefs|storage", re.IGNORECASE)
_OUT_OF_MEMORY = ("OOMKilled", "OOMKilling", "SystemOOM")
_DEADLY_EVENTS = ("Evicted", *_OUT_OF_MEMORY)
_CRASH = "client_bug", "high", message("it crashed")
_BY_EXIT_CODE = {
    137: ("resource_limit", "medium", message("killed from outside (SIGKILL)")),
    143: ("cancelled", "medium", message("asked to stop (SIGTERM), and did not stop in time")),
    **dict.fromkeys((2, 101, 134, 139), _CRASH),  # Go's and Rust's panic, abort, segmentation fault
}
_SAME_S = 5.0


def recognises(head: str) -> bool:
    """Return whether a text begins like pods, events or nodes as kubectl prints them."""
    stripped = head.lstrip()
    if stripped[:1] in ("{", "["):
        is_list = '"items"' in head and re.search(_LIST, head)
        return '"apiVersion"' in head and bool(is_list or re.search(_OBJECT, head))
    return bool(re.match(r"Name:\s+\S", stripped)) and len(set(re.findall(_SECTION, stripped))) >= _MIN_SECTIONS


def read_pods(text: str, address: str, *, on_problem: OnProblem | None = None) -> list[dict[str, Any]]:
    """Return rows of `dfly_analysis.schema.PODS` from JSON (one object, a list, or several) or the text of ``kubectl describe``."""
    if text.lstrip()[:1] not in ("{", "["):
        return [_placed(row, address, row.pop("line", 1)) for row in _read_description(text)]
    rows, lines = [], Lines(text)
    for start, content in scan(text, lines, address, on_problem):
        at = start
        for row in _rows_of(content):
            at = lines.find(row.pop("uid"), at)
            rows.append(_placed(row, address, lines.number(at)))
    return rows


def _placed(row: dict[str, Any], address: str, line: int) -> dict[str, Any]:
    text = row.get("message")
    return {**row, "message": redact(text) if text else None, "log_path": address, "log_line": line}


def _rows_of(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pod, event, node, or a list of such; nothing for anything else."""
    items = content.get("items") if isinstance(content, dict) else content
    if isinstance(items, list):
        for item in items if depth < _DEEPEST_LIST else ():
            yield from _rows_of(item, depth + 1)
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
    base["role"] = _role_of(_text(labels.get("component")) or "", base["pod"] or "")
    if _text(status.get("reason")):
        yield {**base, "kind": "pod", "reason": _text(status["reason"]), "message": _text(status.get("message"))}  # fmt: skip
    containers = mappings(spec.get("containers"))
    limits = {_text(one.get("name")): mapping(mapping(one.get("resources")).get("limits")) for one in containers}
    for one in mappings(status.get("containerStatuses")):
        yield from _container_rows(one, base, limits.get(_text(one.get("name")), {}))


def _container_rows(one: _Object, base: _Object, limits: _Object) -> Iterator[dict[str, Any]]:
    state, last = mapping(one.get("state")), mapping(one.get("lastState"))
    waiting, running = mapping(state.get("waiting")), mapping(state.get("running"))
    shared = {
        **base, "container": _text(one.get("name")), "restarts": _number(one.get("restartCount")),
        "memory_limit_bytes": _size_or_none(limits.get("memory")),
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
        "role": None if is_node else _role_of("", name or ""), "count": _number(event.get("count") or series.get("count")) or 1,
        "time": next((time for one in times if (time := parse_time(one))), None), "uid": _text(mapping(event.get("metadata")).get("uid")),
    }  # fmt: skip


def _node_rows(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = _text(mapping(node.get("metadata")).get("name"))
    for one in mappings(mapping(node.get("status")).get("conditions")):
        if one.get("type") in _PRESSURES:
            is_on = one.get("status") == "True"
            yield {
                "kind": "node", "node": name, "reason": str(one["type"]) if is_on else None, "message": _text(one.get("message")),
                "time": parse_time(one.get("lastTransitionTime")), "uid": name,
            }  # fmt: skip


def _role_of(component: str, name: str) -> str | None:
    """Return the role of a pod by its label, else by its name; None where neither is like Dragonfly's."""
    return next((role for text in (component, name) for mark, role in _ROLES if mark in text), None)


def _size_or_none(text: Any) -> int | None:
    """Return bytes of what Kubernetes writes, None where it is no size."""
    try:
        return parse_size(text) if isinstance(text, str | int) and text != "" else None
    except DflyError:
        return None


def _text(value: Any) -> str | None:
    return encodable(value) if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 1 << 31 else None


def _read_description(text: str) -> Iterator[dict[str, Any]]:
    """Yield rows, each with its ``line``."""
    lines = list(enumerate(map(str.rstrip, text.splitlines()), start=1))
    starts = [at for at, (_, line) in enumerate(lines) if line.startswith("Name:")]
    for begin, end in pairwise(dict.fromkeys([0, *starts, len(lines)])):
        yield from _described_rows(lines[begin:end])


def _described_rows(block: Sequence[_Line]) -> Iterator[dict[str, Any]]:
    matches = (match for _, line in block if (match := _FIELD.match(line)))
    top = {match["name"]: match["value"] for match in matches if not match["indent"] and match["value"]}
    name, first = top.get("Name"), block[0][0]
    if "Namespace" not in top:  # a node
        for number, line in block:
            if match := _CONDITION.match(line):
                reason = match["name"] if match["status"] == "True" else None
                text = match["rest"].strip() or None
                yield {"kind": "node", "node": name, "reason": reason, "message": text, "line": number}
        yield from _described_events(block, {"node": name})
        return
    node = (top.get("Node") or "").split("/")[0] or None
    base = {"namespace": top["Namespace"], "pod": name, "node": node, "role": _role_of("", name or "")}
    if "Reason" in top:
        yield {**base, "kind": "pod", "reason": top["Reason"], "message": top.get("Message"), "line": first}
    lines = _section(block, "Containers")
    starts = [(at, match["name"]) for at, (_, line) in enumerate(lines) if (match := _CONTAINER.match(line))]
    for (begin, container), (end, _) in pairwise([*starts, (len(lines), "")]):
        yield from _one_container(lines[begin + 1 : end], {**base, "container": container})
    yield from _described_events(block, base)


def _described_events(block: Sequence[_Line], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, line in _section(block, "Events"):
        if match := _EVENT.match(line):
            row = {"kind": "event", "reason": match["reason"], "message": match["message"]}
            yield {**base, **row, "count": int(match["count"] or 1), "line": number}


def _section(block: Sequence[_Line], name: str) -> list[_Line]:
    lines = dropwhile(lambda one: not one[1].startswith(f"{name}:"), block)
    next(lines, None)
    return list(takewhile(lambda one: one[1][:1] in (" ", ""), lines))


def _one_container(lines: Sequence[_Line], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the indented fields of one container: states hold their own reason, exit code and times."""
    states: list[dict[str, Any]] = []
    shared: dict[str, Any] = {}
    heading = ""
    for number, line in lines:
        match = _FIELD.match(line)
        if match is None:
            continue
        name, value = match["name"], match["value"]
        if len(match["indent"]) == 4:
            heading = name
            if name in ("State", "Last State"):
                states.append({"is": value, "line": number})
            elif name == "Restart Count" and value and value.isdigit():
                shared["restarts"] = int(value)
        elif heading in ("State", "Last State") and states:
            states[-1][name] = value
        elif heading == "Limits" and name == "memory":
            shared["memory_limit_bytes"] = _size_or_none(value)
    waiting = next((state.get("Reason") for state in states if state["is"] == "Waiting"), None)
    yield {**base, **shared, "kind": "container", "reason": waiting, "line": lines[0][0] if lines else 1}
    for state in states:
        if state["is"] == "Terminated":
            code = state.get("Exit Code") or ""
            yield {
                **base, **shared, "kind": "ending", "reason": state.get("Reason"), "exit_code": int(code) if code.isdigit() else None,
                "message": state.get("Message"), "time": parse_time(state.get("Finished")), "line": state["line"],
            }  # fmt: skip


@dataclass(frozen=True)
class Termination:
    """One ending of a process that nobody asked for."""

    time: datetime | None  # to the second
    cause: str  # one of `dfly_analysis.schema.CAUSES`
    confidence: str  # high or medium
    description: str


def read_termination(row: Mapping[str, Any]) -> Termination | None:
    """Return what a row of `dfly_analysis.schema.PODS` means, or None where nothing ended against its will."""
    reason, kind, time, code = row.get("reason") or "", row.get("kind"), row.get("time"), row.get("exit_code")
    if not (kind == "ending" or (kind == "event" and reason in _DEADLY_EVENTS) or (kind == "pod" and reason == "Evicted")):  # fmt: skip
        return None
    if reason == "Evicted":
        return _read_eviction(row)
    reason = reason or message("terminated")
    described = reason if code is None else message("{reason}, exit code {code}", reason=reason, code=code)
    if reason in _OUT_OF_MEMORY:
        return Termination(time, "resource_limit", "high", described)
    if code in _BY_EXIT_CODE:
        cause, confidence, remark = _BY_EXIT_CODE[code]
        return Termination(time, cause, confidence, message("{ending}: {remark}", ending=described, remark=remark))
    return Termination(time, "client_bug", "medium", described) if code else None


def _read_eviction(row: Mapping[str, Any]) -> Termination:
    text = row.get("message") or ""
    cause, confidence, described = "resource_limit", "medium", message("evicted")
    if _STORAGE.search(text):
        cause, confidence, described = "disk_full", "high", message("evicted: the node ran out of disk space")
    elif "memory" in text.lower():
        confidence, described = "high", message("evicted: the node ran out of memory")
    return Termination(row.get("time"), cause, confidence, described)


def terminations_by_host(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Termination, ...]]:
    """Return the terminations by pod and by node (which a ``hostNetwork`` pod's log names), each once, by time, those without one last."""
    listed = list(rows)
    nodes = {row["pod"]: row["node"] for row in listed if row.get("pod") and row.get("node") and row["kind"] != "event"}
    found: dict[str, list[Termination]] = {}
    for row in listed:
        pod = row.get("pod")
        if pod and (termination := read_termination(row)):
            for name in {pod, nodes.get(pod)} - {None}:
                found.setdefault(str(name), []).append(termination)
    return {name: _deduplicate(terminations) for name, terminations in found.items()}


def _deduplicate(terminations: Iterable[Termination]) -> tuple[Termination, ...]:
    kept: list[Termination] = []
    for one in sorted(terminations, key=lambda one: (one.time is None, one.time or 0, one.confidence != "high")):
        alike = (other.time for other in kept if other.cause == one.cause)
        if all(time and one.time and abs((one.time - time).total_seconds()) > _SAME_S for time in alike):
            kept.append(one)
    return tuple(kept)
