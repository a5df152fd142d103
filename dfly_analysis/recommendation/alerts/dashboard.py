"""A Grafana dashboard for large preheats, as JSON to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dfly_analysis.catalog.monitoring import Panel, load_panels

_SCHEMA_VERSION = 38  # of Grafana 10; newer ones read it
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard_of(values: Mapping[str, str], fill: Callable[[str], str]) -> dict[str, Any]:
    """Return the dashboard.

    Parameters
    ----------
    values : mapping of str to str
        What the alerts stand on; those a panel names are drawn as a line.
    fill : callable
        Writes a query out.

    Returns
    -------
    dict
        With a variable ``source`` for the Prometheus to ask; nothing in it names a server.
    """
    panels = [_panel(place, entry, values, fill) for place, entry in enumerate(load_panels())]
    source = {
        "name": "source",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
        "hide": 0,
        "refresh": 1,
    }
    return {
        "title": "Dragonfly: large preheats", "uid": "dfly-large-preheats", "schemaVersion": _SCHEMA_VERSION, "version": 1, "editable": True,
        "tags": ["dragonfly", "preheat"], "timezone": "browser", "time": {"from": "now-6h", "to": "now"}, "refresh": "30s",
        "templating": {"list": [source]}, "annotations": {"list": []}, "panels": panels,
    }  # fmt: skip


def _panel(place: int, entry: Panel, values: Mapping[str, str], fill: Callable[[str], str]) -> dict[str, Any]:
    row, column = divmod(place, _COLUMNS)
    line = values.get(entry.line)
    steps: list[dict[str, Any]] = [{"color": "transparent", "value": None}]
    if line is not None:
        steps.append({"color": "orange", "value": float(line)})
    custom = {"lineWidth": 2, "fillOpacity": 8, "thresholdsStyle": {"mode": "line" if line is not None else "off"}}
    targets = [
        {"refId": chr(ord("A") + number), "expr": fill(query), "datasource": _SOURCE}
        for number, query in enumerate(entry.queries)
    ]
    return {
        "id": place + 1, "type": "timeseries", "title": entry.title, "description": entry.meaning, "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}, "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": entry.unit, "min": 0, "custom": custom, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }  # fmt: skip
