"""Reads a Helm chart: its values by path, and the tags of the images it ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tools.learn.sources import NoSourcesError, Sources

ROLES = ("manager", "scheduler", "client", "seedClient")


@dataclass(frozen=True)
class Chart:
    """What a chart ships and sets; a list is one value."""

    version: str
    images: Mapping[str, str | None]
    values: Mapping[str, Any]


def read_chart(sources: Sources, folder: str = "charts/dragonfly") -> Chart:
    """Return the chart in a folder of the sources, or at their root."""
    place = next((one for one in (f"{folder}/", "") if f"{one}values.yaml" in sources), None)
    if place is None:
        raise NoSourcesError(f"neither {folder}/values.yaml nor values.yaml is among the sources")
    values = yaml.safe_load(sources[f"{place}values.yaml"])
    about = yaml.safe_load(sources.get(f"{place}Chart.yaml", b"{}")) or {}
    tags = {role: _tag(values.get(role) or {}) for role in ROLES}
    return Chart(str(about.get("version", "")), tags, dict(_flat(values, "")))


def _tag(role: Mapping[str, Any]) -> str | None:
    """Return the tag of a role's image; the first charts wrote it beside the image."""
    image = role.get("image")
    return image.get("tag") if isinstance(image, Mapping) else role.get("tag")


def _flat(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict) and node:
        for name, inner in node.items():
            yield from _flat(inner, f"{prefix}{name}.")
    else:
        yield prefix.rstrip("."), node
