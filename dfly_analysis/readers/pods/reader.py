"""Recognises what kubectl prints, and hands it to the reader of its form."""

from __future__ import annotations

import re
from typing import Any

from dfly_analysis.errors import SourceError
from dfly_analysis.readers.json_values import Lines, OnProblem, scan
from dfly_analysis.readers.pods.kubectl_describe import read_description
from dfly_analysis.readers.pods.kubectl_json import rows_of
from dfly_analysis.redaction import redact

_OBJECT = r'"kind"\s*:\s*"(?:Pod|PodList|Event|EventList|Node|NodeList)"'
_LIST = r'"apiVersion"\s*:\s*"v1"'
_NAME = r"Name:\s+\S"
_SECTION = r"(?m)^(?:Containers|Conditions|Events|Restart Policy|QoS Class|Node|Namespace|Roles|Labels):"
_MIN_SECTIONS = 2
_HINT = "save what kubectl printed anew"


def recognises(head: str) -> bool:
    """Return whether a text begins like pods, events or nodes as kubectl prints them."""
    stripped = head.lstrip()
    if stripped[:1] in ("{", "["):
        if '"apiVersion"' not in head:
            return False
        return re.search(_OBJECT, head) is not None or (re.search(_LIST, head) is not None and '"items"' in head)
    if not stripped.startswith("Name:"):
        return False
    return re.match(_NAME, stripped) is not None and len(set(re.findall(_SECTION, stripped))) >= _MIN_SECTIONS


def read_pods(text: str, address: str, *, on_problem: OnProblem | None = None) -> list[dict[str, Any]]:
    """Read a file that kubectl printed."""
    if text.lstrip()[:1] not in ("{", "["):
        return [_placed(row, address, row.pop("line", 1)) for row in read_description(text)]

    def broken(at: int, message: str) -> None:
        if on_problem is not None:
            where = f"{address}:{text.count(chr(10), 0, at) + 1}"
            on_problem(SourceError(f"is not the JSON it looks like: {message}", where=where, hint=_HINT))

    rows, lines = [], Lines(text)
    for at, content in scan(text, broken):
        lines.move(at)
        rows += [_placed(row, address, lines.line_of(lines.find(row.get("uid")))) for row in rows_of(content)]
    return rows


def _placed(row: dict[str, Any], address: str, line: int) -> dict[str, Any]:
    message = row.get("message")
    shown = {name: value for name, value in row.items() if name != "uid"}
    return {**shown, "message": redact(message) if message else None, "log_path": address, "log_line": line}
