"""Rows from the text of ``kubectl describe pod`` and ``kubectl describe node``, several of them one after another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import dropwhile, pairwise, takewhile
from typing import Any

from dfly_analysis.readers.pods.kubectl_json import PRESSURES, role_of, size_or_none

_FIELD = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z][\w -]*?):(?:\s+(?P<value>\S.*))?$")
_EVENT = re.compile(r"^ {2}(?P<type>Normal|Warning)\s+(?P<reason>\w+)\s+(?P<age>\S+(?: \(x(?P<count>\d+) over \S+\))?)\s+(?P<from>\S+)\s+(?P<message>\S.*)$")  # fmt: skip
_CONDITION = re.compile(rf"^ {{2}}(?P<name>{'|'.join(PRESSURES)})\s+(?P<status>True|False|Unknown)\b(?P<rest>.*)$")
_CONTAINER = re.compile(r"^ {2}(?P<name>[a-z0-9][a-z0-9-]*):$")
_CLOCK = "%a, %d %b %Y %H:%M:%S %z"
Line = tuple[int, str]


def read_description(text: str) -> Iterator[dict[str, Any]]:
    """Yield rows, each with its ``line``."""
    block: list[Line] = []
    for number, line in enumerate(map(str.rstrip, text.splitlines()), start=1):
        if line.startswith("Name:") and block:
            yield from _block_rows(block)
            block = []
        block.append((number, line))
    if block:
        yield from _block_rows(block)


def _block_rows(block: Sequence[Line]) -> Iterator[dict[str, Any]]:
    top = {
        match["name"]: match["value"]
        for _, line in block
        if (match := _FIELD.match(line)) and not match["indent"] and match["value"]
    }
    name, first = top.get("Name"), block[0][0]
    if "Namespace" not in top:
        yield from _node_rows(block, name)
        return
    node = (top.get("Node") or "").split("/")[0] or None
    base = {"namespace": top["Namespace"], "pod": name, "node": node, "role": role_of("", name or "")}
    if "Reason" in top:
        yield {**base, "kind": "pod", "reason": top["Reason"], "message": top.get("Message"), "line": first}
    yield from _container_rows(_section(block, "Containers"), base)
    yield from _event_rows(block, base)


def _event_rows(block: Sequence[Line], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, line in _section(block, "Events"):
        if match := _EVENT.match(line):
            row = {"kind": "event", "reason": match["reason"], "message": match["message"]}
            yield {**base, **row, "count": int(match["count"] or 1), "line": number}


def _section(block: Sequence[Line], name: str) -> list[Line]:
    lines = dropwhile(lambda one: not one[1].startswith(f"{name}:"), block)
    next(lines, None)
    return list(takewhile(lambda one: one[1][:1] in (" ", ""), lines))


def _container_rows(lines: Sequence[Line], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    starts = [(at, match["name"]) for at, (_, line) in enumerate(lines) if (match := _CONTAINER.match(line))]
    for (begin, name), (end, _) in pairwise([*starts, (len(lines), "")]):
        yield from _one_container(lines[begin + 1 : end], {**base, "container": name})


def _one_container(lines: Sequence[Line], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
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
            shared["memory_limit_bytes"] = size_or_none(value)
    waiting = next((state.get("Reason") for state in states if state["is"] == "Waiting"), None)
    yield {**base, **shared, "kind": "container", "reason": waiting, "line": lines[0][0] if lines else 1}
    for state in states:
        if state["is"] == "Terminated":
            code = state.get("Exit Code") or ""
            yield {
                **base, **shared, "kind": "ending", "reason": state.get("Reason"), "exit_code": int(code) if code.isdigit() else None,
                "message": state.get("Message"), "time": _clock(state.get("Finished")), "line": state["line"],
            }  # fmt: skip


def _node_rows(block: Sequence[Line], name: str | None) -> Iterator[dict[str, Any]]:
    for number, line in block:
        if match := _CONDITION.match(line):
            is_on = match["status"] == "True"
            yield {"kind": "node", "node": name, "reason": match["name"] if is_on else None, "message": match["rest"].strip() or None, "line": number}  # fmt: skip
    yield from _event_rows(block, {"node": name})


def _clock(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, _CLOCK).astimezone(UTC) if text else None
    except ValueError:
        return None
