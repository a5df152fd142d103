"""Runs as hosts with wrong clocks log them: the times in their logs are moved."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from tests.unpacking import unpack

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def write_shifted(archive: Path, folder: Path, seconds: Mapping[str, float], since: str = "") -> Path:
    """Unpack a run, and move the times in the logs of some hosts by whole seconds; those before `since` (ISO) stay."""
    for path in unpack(archive, folder).rglob("*.log"):
        for host in seconds.keys() & set(path.parts):
            path.write_text(shift_times(path.read_text("utf-8"), seconds[host], since), "utf-8")
    return folder


def shift_times(text: str, seconds: float, since: str = "") -> str:
    """Move all times in a text."""

    def moved(found: re.Match[str]) -> str:
        if found[0].replace(" ", "T") < since:
            return found[0]
        return (datetime.fromisoformat(found[0]) + timedelta(seconds=seconds)).isoformat(found[0][10])

    return _TIME.sub(moved, text)
