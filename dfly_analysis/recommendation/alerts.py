"""Prometheus rules with the thresholds of one analysis, their unit tests, and a Grafana dashboard."""

import bisect
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from string import Template
from typing import Any, Self

import yaml

from dfly_analysis.catalog.job_api import job_api
from dfly_analysis.catalog.monitoring import AlertRule, Panel, load_alert_rules, load_metric_names, load_panels
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import CatalogError, DflyError
from dfly_analysis.messages import Message, message
from dfly_analysis.models import timeout_for_target
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.transfer_times import USUAL_SLOTS
from dfly_analysis.units import format_duration, format_share, format_size

RULES, TESTS, DASHBOARD = "alerts.rules.yaml", "alerts.tests.yaml", "alerts.dashboard.json"
SEED, CLIENT = 'container="seed-client"', 'container="client"'
_GROWN = re.compile(r"grown\((?P<metric>[\w:]+(?:\{[^{}]*\})?)\[(?P<window>\w+)\](?P<offset> offset \w+)?\)")
_NAMES = re.compile(r"\$\{?(\w+)\}?")
_MATCHER = r'\s*\w+\s*(?:=~?|!=|!~)\s*"(?:[^"\\]|\\.)*"\s*'
_MATCHERS = re.compile(f"{_MATCHER}(?:,{_MATCHER})*")
_EQUAL = re.compile(r'(?<!\w)(\w++)\s*+=\s*+"([^"\\]*+)"')
_ROLES: Mapping[str, tuple[str, ...]] = {"client": ("seedClient", "client"), "scheduler": ("scheduler",), "manager": ("manager", "scheduler")}  # fmt: skip
_NEAR, _PER_HOUR, _DEVIATIONS = 0.8, 600.0, 3.0
_LEAST_SHARE, _MOST_SHARE = 0.1, 0.5
_GC_KEYS = ("gc.policy.diskHighThresholdPercent", "gc.policy.distHighThresholdPercent")
_USUAL_GC_HIGH = 80.0
_LAST_BUCKET_MS = 2.0**23
_MAX_BOUND = 0.5
_YAML_WIDTH = 110


@dataclass(frozen=True)
class Rule:
    """One alert; the condition has to hold for `wait`, and its tests say when it fires and when it is quiet."""

    name: str
    expr: str
    severity: str
    summary: str
    description: str
    wait: str | None
    tests: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class LeftOut:
    """An alert that is not written, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Alerts:
    """Rules for one cluster and its releases, those left out, and the thresholds (`values`) of the rules."""

    rules: tuple[Rule, ...]
    left_out: tuple[LeftOut, ...]
    values: Mapping[str, str] = field(hash=False)
    versions: Mapping[str, str | None] = field(hash=False)

    @classmethod
    def from_analysis(
        cls, dataset: Dataset, fits: Mapping[str, Any], advice: Advice, prediction: Prediction | NoPrediction | None, *, seed: str = SEED,
        client: str = CLIENT,
    ) -> Self:  # fmt: skip
        """Return the rules of one analysis under the recommended timeouts; `seed` and `client` are label matchers of the targets, else a DflyError."""
        for matcher in (seed, client):
            if not _MATCHERS.fullmatch(matcher):
                raise DflyError(f"{matcher!r} is not a label matcher", hint='write it like container="seed-client"')
        values, missing = _values(dataset, fits, advice, prediction or None)
        values = {"seed": seed, "client": client, **values}
        texts = {**values, "seed_labels": json.dumps(dict(_EQUAL.findall(seed)))}
        versions = dataset.settings.versions
        rules, left_out = [], []
        for entry in load_alert_rules():
            if reason := _too_old(entry, versions) or _missing_value(entry, texts, missing):
                left_out.append(LeftOut(entry.alert, reason))
            else:
                rules.append(_rule(entry, texts))
        return cls(tuple(rules), tuple(left_out), values, dict(versions))

    def to_yaml(self) -> str:
        """Return the rules as Prometheus reads them, with what was left out and why as comments."""
        listed = [
            {"alert": rule.name, "expr": rule.expr, **({"for": rule.wait} if rule.wait else {}), "labels": {"severity": rule.severity},
             "annotations": {"summary": str(rule.summary), "description": str(rule.description)}}
            for rule in self.rules
        ]  # fmt: skip
        newest = "release not known, metrics of the newest release"
        header = [
            "Alerts for large preheats with Dragonfly, by dfly-analysis from one run: generate them again when settings change.",
            *(f"{role}: {version or newest}" for role, version in self.versions.items()),
            f"Seed clients are {self.values['seed']}, clients {self.values['client']}: change these labels if yours differ from the chart's.",
            *(f"left out: {one.name}: {one.reason}" for one in self.left_out),
        ]
        content = {"groups": [{"name": "dragonfly-large-preheats", "rules": listed}]}
        return "".join(f"# {line}\n" for line in header) + _dumped(content)

    def tests_yaml(self) -> str:
        """Return unit tests for ``promtool test rules``: each alert fires where it should, and is quiet where it should."""
        tests = [test for rule in self.rules for test in _tests(rule)]
        content = {"rule_files": [RULES], "evaluation_interval": "1m", "tests": tests}
        return f"# promtool test rules {TESTS}\n" + _dumped(content)

    def dashboard(self) -> str:
        """Return a Grafana dashboard for large preheats, JSON to import."""
        return json.dumps(_dashboard(self.values, self.versions), indent=1, ensure_ascii=False) + "\n"


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return an expression with its values, and with ``grown(X[1h])``, the growth of a counter that may be new, written out."""
    try:
        return _GROWN.sub(_written_out, Template(text).substitute(values))
    except (KeyError, ValueError) as problem:
        raise CatalogError(f"unknown value: {problem}", where="catalog/entries/alerts") from problem


def _written_out(found: re.Match[str]) -> str:
    # where there was no such series an hour ago, all it holds now came within the hour
    metric, window, offset = found["metric"], found["window"], found["offset"] or ""
    spans = [part for part in (window, offset.removeprefix(" offset ")) if part]
    minutes = sum(int(span[:-1]) * {"m": 1, "h": 60}[span[-1]] for span in spans)
    return f"(({metric}{offset} unless {metric} offset {minutes}m) or increase({metric}[{window}]{offset}))"


def _values(
    dataset: Dataset, fits: Mapping[str, Any], advice: Advice, predicted: Prediction | None
) -> tuple[dict[str, str], dict[str, Message]]:
    """Return the thresholds by name, and the reasons for those that are missing."""
    parts = {
        "failure_bound": _failure_bound(advice, predicted),
        "near_limit_ms": _layer_time(dataset, fits, advice, predicted),
        "piece_slow_share": _slow_pieces(fits, predicted),
    }
    missing = {name: part for name, part in parts.items() if isinstance(part, Message)}
    texts = {name: text for part in parts.values() if not isinstance(part, Message) for name, text in part.items()}
    if advice.size_bytes > 0:
        level = 1 + bisect.bisect_right(load_metric_names().size_bounds, advice.size_bytes)
        texts |= {
            "size_level": str(level), "size_text": format_size(advice.size_bytes), "headroom_bytes": str(advice.size_bytes),
            "headroom_twice_bytes": str(2 * advice.size_bytes + 2000),
        }  # fmt: skip
    else:
        reason = message("no --size was given, and the input shows no layer")
        missing |= dict.fromkeys(("size_level", "size_text", "headroom_bytes"), reason)
    share, basis = _source_share(dataset)
    gc_high = (dataset.settings.get(key, "seedClient").number for key in _GC_KEYS)
    percent = next((number for number in gc_high if number is not None and 0 < number <= 95), _USUAL_GC_HIGH)
    texts |= {"source_share": f"{share:.3g}", "source_share_source": basis, "gc_high": f"{percent / 100.0:.3g}"}
    return texts, missing


def _failure_bound(advice: Advice, predicted: Prediction | None) -> dict[str, str] | Message:
    """Return the share of layers that may fail, and for the tests how many of 600 an hour are above and below it."""
    rate = (predicted.pieces_then or predicted.pieces_now) if predicted is not None else None
    target, size = advice.target_failure_rate, format_size(advice.size_bytes)
    if rate is None:
        bound, basis = target, message("no distribution is fitted, so this is the requested target")
    elif rate.high <= _MAX_BOUND:
        bound, basis = rate.high, message("this is the upper end of the prediction for layers of {size}", size=size)
    else:  # an alert at such an upper end would come when most layers are lost
        bound = max(target, rate.value)
        basis = message("the prediction for layers of {size} is uncertain, so this is the estimate or the requested target, whichever is larger", size=size)  # fmt: skip
    bound = max(bound, 1e-6)
    if bound > _MAX_BOUND:
        return message("{share} of layers may fail: follow the recommendations first", share=format_share(bound))
    threshold = _PER_HOUR * bound + _DEVIATIONS * math.sqrt(_PER_HOUR * bound * (1 - bound))
    return {
        "failure_bound": _number(bound), "failure_source": basis,
        "failures_above": _number((1.2 * threshold + 1) / 60), "failures_below": _number(0.8 * threshold / 60),
    }  # fmt: skip


def _layer_time(dataset: Dataset, fits: Mapping[str, Any], advice: Advice, predicted: Prediction | None) -> dict[str, str] | Message:  # fmt: skip
    """Return the time of a layer from which on the tail of its pieces reaches the timeout, or its job's deadline comes near."""
    timeout_s = (predicted.timeout_then_s or predicted.timeout_now_s) if predicted is not None else None
    if predicted is None or timeout_s is None:
        return message("piece times are not fitted, or the piece timeout is not known")
    fit, settings = fits[predicted.fit], dataset.settings
    number = settings.pieces_in_flight("seedClient").number
    slots = max(1, min(int(number or USUAL_SLOTS), predicted.n_pieces))
    # the mean time of a piece from three quantiles (Pearson and Tukey, 1965): near enough for buckets of a factor of two
    low, middle, high = (fit.quantile(predicted.piece_bytes, p).value for p in (0.05, 0.5, 0.95))
    layer_s = predicted.n_pieces / slots * (0.63 * middle + 0.185 * (low + high))
    needed = timeout_for_target(fit, replace(predicted.layer, slots=slots), advice.target_failure_rate)
    polled_s = job_api(settings.versions.get("manager") or settings.versions.get("scheduler")).window_s
    # times of pieces and layers stretch alike: where a layer takes so much longer, so do the slowest of its pieces
    near_s = layer_s * timeout_s / needed.value if math.isfinite(needed.value) else math.inf
    basis = message("then the slowest pieces need their whole timeout of {time}", time=format_duration(timeout_s))
    if near_s > _NEAR * polled_s:
        near_s = _NEAR * polled_s
        basis = message("the manager polls a job for {time} only", time=format_duration(polled_s))
    near_ms = 1000.0 * near_s
    if not 2.0 < near_ms < _LAST_BUCKET_MS / 2:
        return message("{time} is outside the buckets of the metric", time=format_duration(near_s))
    above = 2.0 ** (math.floor(math.log2(near_ms)) + 2)
    return {
        "near_limit_ms": _number(near_ms), "near_limit_text": format_duration(near_s), "near_limit_source": basis,
        "bucket_above": f"{above:.0f}", "bucket_above_lower": f"{above / 2:.0f}", "bucket_below": f"{above / 4:.0f}",
    }  # fmt: skip


def _slow_pieces(fits: Mapping[str, Any], predicted: Prediction | None) -> dict[str, str] | Message:
    """Return the last bucket of the durations of pieces below their timeout, and the share that the model lets take longer."""
    timeout_s = (predicted.timeout_then_s or predicted.timeout_now_s) if predicted is not None else None
    if predicted is None or timeout_s is None:
        return message("piece times are not fitted, or the piece timeout is not known")
    slow_ms = min(2.0 ** math.floor(math.log2(1000.0 * timeout_s)), _LAST_BUCKET_MS)
    share = max(fits[predicted.fit].timeout_rate(predicted.piece_bytes, slow_ms / 1000.0).high, 1e-6)
    if share > _MAX_BOUND:
        return message("{share} of pieces may time out: follow the recommendations first", share=format_share(share))
    an_hour = _PER_HOUR * share + _DEVIATIONS * math.sqrt(_PER_HOUR * share * (1 - share)) + 1
    return {
        "piece_slow_share": _number(share), "piece_slow_ms": f"{slow_ms:.0f}", "piece_slow_text": format_duration(slow_ms / 1000.0),
        "piece_timeout_ms": _number(1000.0 * timeout_s), "piece_timeout_text": format_duration(timeout_s),
        "pieces_fast_when_slow": _number((_PER_HOUR - 1.2 * an_hour - 1) / 60), "pieces_fast": _number((_PER_HOUR - 0.8 * an_hour) / 60),
    }  # fmt: skip


def _source_share(dataset: Dataset) -> tuple[float, Message]:
    """Return twice the share of bytes that clients fetched from the registry, held between a tenth and a half."""
    query = "SELECT coalesce(sum(bytes_from_source), 0), coalesce(sum(bytes_from_parent), 0) FROM tasks WHERE role = 'client'"
    source, parent = (float(total) for total in dataset.rows(query)[0])
    if source + parent <= 0:
        return _LEAST_SHARE, message("the input shows no pull, so the usual share is not known")
    share = source / (source + parent)
    text = message("in the analysed run it was {share}", share=format_share(share))
    return min(_MOST_SHARE, max(_LEAST_SHARE, 2 * share)), text


def _number(value: float) -> str:
    return (f"{value:.6f}" if value >= 1e-3 else f"{value:.9f}").rstrip("0").rstrip(".")


def _too_old(entry: AlertRule | Panel, versions: Mapping[str, str | None]) -> Message | None:
    running = next((version for role in _ROLES.get(entry.component, ()) if (version := versions.get(role))), None)
    for metric, since in entry.needs.items():
        if running and since and parse_version(running).release < parse_version(since).release:
            values = {"metric": metric, "since": since, "running": running}
            return message("{metric} exists from {since} on, not in {running}", **values)
    return None


def _missing_value(entry: AlertRule, texts: Mapping[str, str], missing: Mapping[str, Message]) -> Message | None:
    named = {name for name in _NAMES.findall(json.dumps(asdict(entry))) if name not in texts}
    explained = [missing[name] for name in sorted(named) if name in missing]
    if named and not explained:
        text = f"{entry.alert} names unknown values: {', '.join(sorted(named))}"
        raise CatalogError(text, where="catalog/entries/alerts/rules.yaml")
    return explained[0] if explained else None


def _rule(entry: AlertRule, texts: Mapping[str, str]) -> Rule:
    labels = entry.tests.labels or {}
    tests = {
        "fires": [{name: filled(text, texts) for name, text in one.items()} for one in entry.tests.fires],
        "quiet": [{name: filled(text, texts) for name, text in one.items()} for one in entry.tests.quiet],
        "at": entry.tests.at,
        "labels": json.loads(filled(labels, texts)) if isinstance(labels, str) else labels,
    }
    summary, description = (Message(text, dict(texts)) for text in (entry.summary, entry.description))
    return Rule(entry.alert, filled(entry.expr, texts), entry.severity, summary, description, entry.wait, tests)


def _tests(rule: Rule) -> Iterator[dict[str, Any]]:
    alert = {
        "exp_labels": {"severity": rule.severity, **rule.tests["labels"]},
        "exp_annotations": {"summary": str(rule.summary), "description": str(rule.description)},
    }
    for side, expected in (("fires", [alert]), ("quiet", [])):
        yield {
            "name": f"{rule.name} {side}", "interval": "1m", "input_series": rule.tests[side],
            "alert_rule_test": [{"eval_time": rule.tests["at"], "alertname": rule.name, "exp_alerts": expected}],
        }  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Writes long expressions as blocks, and repeats instead of referring."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _dumped(content: Mapping[str, Any]) -> str:
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_YAML_WIDTH))


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))  # fmt: skip
_SCHEMA_VERSION = 38  # of Grafana 10; newer ones read it
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def _dashboard(values: Mapping[str, str], versions: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the dashboard, with a variable ``source`` for the Prometheus to ask; nothing in it names a server."""
    exported = [entry for entry in load_panels() if not _too_old(entry, versions)]
    panels = [_panel(place, entry, values) for place, entry in enumerate(exported)]
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus", "hide": 0, "refresh": 1}  # fmt: skip
    return {
        "title": "Dragonfly: large preheats", "uid": "dfly-large-preheats", "schemaVersion": _SCHEMA_VERSION, "version": 1, "editable": True,
        "tags": ["dragonfly", "preheat"], "timezone": "browser", "time": {"from": "now-6h", "to": "now"}, "refresh": "30s",
        "templating": {"list": [source]}, "annotations": {"list": []}, "panels": panels,
    }  # fmt: skip


def _panel(place: int, entry: Panel, values: Mapping[str, str]) -> dict[str, Any]:
    row, column = divmod(place, _COLUMNS)
    line = values.get(entry.line)
    steps: list[dict[str, Any]] = [{"color": "transparent", "value": None}]
    if line is not None:
        steps.append({"color": "orange", "value": float(line)})
    custom = {"lineWidth": 2, "fillOpacity": 8, "thresholdsStyle": {"mode": "line" if line is not None else "off"}}
    queries = zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", entry.queries, strict=False)
    return {
        "id": place + 1, "type": "timeseries", "title": entry.title, "description": entry.meaning, "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "targets": [{"refId": letter, "expr": filled(query, values), "datasource": _SOURCE} for letter, query in queries],
        "fieldConfig": {
            "defaults": {"unit": entry.unit, "min": 0, "custom": custom, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }  # fmt: skip
