"""Recognises what kubectl prints, and hands it to the reader of its form."""

from __future__ import annotations

import re
from typing import Any

from dfly_analysis.readers.json_values import Lines, OnProblem, scan
from dfly_analysis.readers.pods.kubectl_describe import read_description
from dfly_analysis.readers.pods.kubectl_json import rows_of
from dfly_analysis.redaction import redact

_OBJECT = r'"kind"\s*:\s*"(?:Pod|PodList|Event|EventList|Node|NodeList)"'
_LIST = r'"apiVersion"\s*:\s*"v1"'
_SECTION = r"(?m)^(?:Containers|Conditions|Events|Restart Policy|QoS Class|Node|Namespace|Roles|Labels):"
_MIN_SECTIONS = 2


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
        return [_placed(row, address, row.pop("line", 1)) for row in read_description(text)]
    rows, lines = [], Lines(text)
    for start, content in scan(text, lines, address, on_problem):
        at = start
        for row in rows_of(content):
            at = lines.find(row.pop("uid"), at)
            rows.append(_placed(row, address, lines.number(at)))
    return rows


def _placed(row: dict[str, Any], address: str, line: int) -> dict[str, Any]:
    message = row.get("message")
    return {**row, "message": redact(message) if message else None, "log_path": address, "log_line": line}
