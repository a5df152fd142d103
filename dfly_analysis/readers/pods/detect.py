"""Tells what kubectl prints by its beginning. Its patterns are compiled when a file may be such: most are logs."""

from __future__ import annotations

import re

_OBJECT = r'"kind"\s*:\s*"(?:Pod|PodList|Event|EventList|Node|NodeList)"'
_LIST = r'"apiVersion"\s*:\s*"v1"'
_NAME = r"Name:\s+\S"
_SECTION = r"(?m)^(?:Containers|Conditions|Events|Restart Policy|QoS Class|Node|Namespace|Roles|Labels):"
_MIN_SECTIONS = 2


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
