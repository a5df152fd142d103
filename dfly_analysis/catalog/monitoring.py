"""Metrics that the components export, and alerts and dashboard panels that are built on them."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache, cached_property, partial
from typing import Any, Literal, NamedTuple

from dfly_analysis.catalog.yaml_loader import SizeBytes, load_document, load_entries, record


class DurationNames(NamedTuple):
    """Prefixes and suffixes of the names of duration histograms and summaries, each suffix with its unit in seconds."""

    prefixes: tuple[str, ...]
    units: Mapping[str, float]


class Counter(NamedTuple):
    """A counter, and the counter of its failures."""

    total: str
    failed: str | None = None


@record
class MetricNames:
    """Metrics about durations and failures."""

    durations: DurationNames
    outcomes: Mapping[str, str]  # what the observed attempts had in common, where a histogram observes only those
    counters: tuple[Counter, ...]
    gauges: tuple[str, ...]
    size_bounds: tuple[SizeBytes, ...]  # sizes at which the label of a layer's size level changes, bytes
    version_labels: tuple[str, ...]

    @cached_property
    def failed_of(self) -> Mapping[str, str | None]:
        """Return each counter with the counter of its failures."""
        return dict(self.counters)

    @cached_property
    def counter_names(self) -> frozenset[str]:
        """Return the names of all counters, including those of failures."""
        return frozenset(name for pair in self.counters for name in pair if name)

    def scale(self, base: str) -> float | None:
        """Return the metric's unit in seconds, None if it is not a duration."""
        if not base.startswith(self.durations.prefixes):
            return None
        return next((scale for ending, scale in self.durations.units.items() if base.endswith(ending)), None)


class AlertTests(NamedTuple):
    """Series that make an alert fire and that do not, evaluated at a time; labels the alert carries."""

    at: str
    fires: tuple[Mapping[str, str], ...]
    quiet: tuple[Mapping[str, str], ...]
    labels: Any = None


@record
class AlertRule:
    """An alert; ``$name`` is a value of the model or the settings."""

    alert: str
    component: str
    needs: Mapping[str, str | None]  # each metric with the first release that exports it; None for metrics of others
    expr: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str
    tests: AlertTests
    wait: str | None = None  # how long the condition has to hold, as Prometheus writes it


@record
class Panel:
    """A panel of the dashboard; `line` names a value of the model to draw as a threshold."""

    title: str
    unit: str
    queries: tuple[str, ...]
    meaning: str
    line: str = field(default="")
    component: str = field(default="client")
    needs: Mapping[str, str | None] = field(default_factory=dict)
    """As of an alert: without these metrics the panel is left out."""


load_metric_names = cache(partial(load_document, MetricNames, "metrics/prometheus"))  # the metrics that are read
load_alert_rules = cache(partial(load_entries, AlertRule, "alerts/rules"))  # the alerts in the order of their file
load_panels = cache(partial(load_entries, Panel, "alerts/panels"))  # the panels in the order of the dashboard
