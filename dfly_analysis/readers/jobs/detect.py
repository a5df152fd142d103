"""Tells job JSON by its beginning. Its patterns are compiled when a file may be such: most are logs."""

from __future__ import annotations

import re

STATES = ("PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE")
LEGACY = {"WAITING": "PENDING", "RUNNING": "STARTED", "SUCCESS": "SUCCESS", "FAIL": "FAILURE", "FAILED": "FAILURE"}
"""States of the first releases."""
_STATE = rf'"(?:state|State)"\s*:\s*"(?:{"|".join(STATES)})"'
_LEGACY_STATE = rf'"status"\s*:\s*"(?:{"|".join(LEGACY)})"'
_LEGACY_TIME = r'"(?:startTime|finishTime)"\s*:'
_PARTS = r'"(?:job_states|JobStates)"\s*:|"args"\s*:\s*\{|"task_id"\s*:\s*"group_'
_FOREIGN = r'"apiVersion"\s*:|"(?:logger|caller|level)"\s*:\s*"'


def recognises(head: str) -> bool:
    """Return whether a text begins like job JSON of the manager's API, bare or wrapped."""
    stripped = head.lstrip()
    if stripped[:1] not in ("[", "{") or re.search(_FOREIGN, stripped.split("\n", 1)[0]) or '"apiVersion"' in head:
        return False
    if re.search(_STATE, head) and re.search(_PARTS, head):
        return True
    return re.search(_LEGACY_STATE, head) is not None and re.search(_LEGACY_TIME, head) is not None
