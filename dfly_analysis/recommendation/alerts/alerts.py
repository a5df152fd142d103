"""Prometheus rules with the values of one analysis, their unit tests, and a dashboard. Frozen; written by the report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

from dfly_analysis.catalog.monitoring import AlertRule, load_alert_rules
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.errors import CatalogError, DflyError
from dfly_analysis.recommendation.alerts.alert_values import CLIENT, SEED, PredictionLike, values_of
from dfly_analysis.recommendation.alerts.dashboard import dashboard_of

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.recommendation.recommendations import Advice

RULES, TESTS, DASHBOARD = "alerts.rules.yaml", "alerts.tests.yaml", "alerts.dashboard.json"
_GROWN = re.compile(r"grown\((?P<metric>[\w:]+(?:\{[^{}]*\})?)\[(?P<window>\w+)\](?P<offset> offset \w+)?\)")
_NAMES = re.compile(r"\$\{?(\w+)\}?")
_MATCHERS = re.compile(
    r'\s*\w+\s*(?:=~?|!=|!~)\s*"(?:[^"\\]|\\.)*"\s*(?:,\s*\w+\s*(?:=~?|!=|!~)\s*"(?:[^"\\]|\\.)*"\s*)*'
)
_EQUAL = re.compile(r'(\w+)\s*=\s*"([^"\\]*)"')
_ROLES: Mapping[str, tuple[str, ...]] = {"client": ("seedClient", "client"), "scheduler": ("scheduler",), "manager": ("manager", "scheduler")}  # fmt: skip
_WIDTH = 110


@dataclass(frozen=True)
class Rule:
    """One alert.

    Attributes
    ----------
    name, expr, severity, summary, description : str
    wait : str or None
        How long the condition has to hold, as Prometheus writes it.
    tests : mapping
        ``at``, ``labels``, ``fires``, ``quiet``, filled in.
    """

    name: str
    expr: str
    severity: str
    summary: str
    description: str
    wait: str | None
    tests: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True)
class LeftOut:
    """An alert that is not written, and why.

    Attributes
    ----------
    name, reason : str
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Alerts:
    """Rules for one cluster.

    Attributes
    ----------
    rules : tuple of Rule
    left_out : tuple of LeftOut
    values : mapping of str to str
        What the rules stand on.
    versions : mapping of str to (str or None)
        Releases they were written for.
    """

    rules: tuple[Rule, ...]
    left_out: tuple[LeftOut, ...]
    values: Mapping[str, str] = field(hash=False)
    versions: Mapping[str, str | None] = field(hash=False)

    @classmethod
    def from_analysis(
        cls, dataset: Dataset, fits: Mapping[str, Any], advice: Advice, predicted: PredictionLike | None, *, seed: str = SEED, client: str = CLIENT
    ) -> Alerts:  # fmt: skip
        """Make the rules of one analysis.

        Parameters
        ----------
        dataset, fits, advice
            The limits after the advice count, since it is what will be in force.
        predicted : Prediction or NoPrediction
        seed, client : str
            Label matchers of the seed clients' and the clients' targets; those of the chart's ServiceMonitors by default.

        Returns
        -------
        Alerts

        Raises
        ------
        DflyError
            Where a matcher cannot be one.
        """
        for matcher in (seed, client):
            if not _MATCHERS.fullmatch(matcher):
                raise DflyError(f"{matcher!r} matches no labels", hint='write it like container="seed-client"')
        known = values_of(dataset, fits, advice, predicted, seed=seed, client=client)
        texts = {**known.texts, "seed_labels": json.dumps(dict(_EQUAL.findall(seed)))}
        versions = dataset.settings.versions
        rules, left_out = [], []
        for entry in load_alert_rules():
            reason = _too_old(entry, versions) or _missing_values(entry, texts, known.missing)
            if reason:
                left_out.append(LeftOut(entry.alert, reason))
            else:
                rules.append(_rule(entry, texts))
        return cls(tuple(rules), tuple(left_out), known.texts, dict(versions))

    def to_yaml(self) -> str:
        """Return the rules as Prometheus reads them, with what was left out and why as comments."""
        listed = [
            {"alert": rule.name, "expr": rule.expr, **({"for": rule.wait} if rule.wait else {}), "labels": {"severity": rule.severity},
             "annotations": {"summary": rule.summary, "description": rule.description}}
            for rule in self.rules
        ]  # fmt: skip
        content = {"groups": [{"name": "dragonfly-large-preheats", "rules": listed}]}
        return "".join(f"# {line}\n" for line in self._header_lines()) + _dumped(content)

    def tests_yaml(self) -> str:
        """Return unit tests for ``promtool test rules``: each alert fires where it should, and is quiet where it should."""
        tests = [test for rule in self.rules for test in _tests(rule)]
        content = {"rule_files": [RULES], "evaluation_interval": "1m", "tests": tests}
        return f"# promtool test rules {TESTS}\n" + _dumped(content)

    def dashboard(self) -> str:
        """Return a Grafana dashboard for large preheats, JSON to import."""
        return (
            json.dumps(
                dashboard_of(self.values, lambda query: filled(query, self.values)), indent=1, ensure_ascii=False
            )
            + "\n"
        )

    def _header_lines(self) -> Iterator[str]:
        yield "Alerts for large preheats with Dragonfly, by dfly-analysis from one run: make them anew when settings change."
        for role, version in self.versions.items():
            yield f"{role}: {version or 'release not known, the metrics of the newest are taken'}"
        yield f"seed clients are {self.values['seed']}, clients {self.values['client']}: labels of the chart's ServiceMonitors; adapt them to yours."
        for one in self.left_out:
            yield f"left out: {one.name}: {one.reason}"


def filled(text: str, texts: Mapping[str, str]) -> str:
    """Return an expression with its values, and with `grown` written out.

    ``grown(X[1h])`` is what a counter grew by, the first failure included: where there was no such series an hour ago, all
    it holds now came within the hour.
    """
    try:
        valued = Template(text).substitute(texts)
    except (KeyError, ValueError) as problem:
        raise CatalogError(f"names no known value: {problem}", where="catalog/entries/alerts") from problem
    return _GROWN.sub(_written_out, valued)


def _written_out(found: re.Match[str]) -> str:
    metric, window, offset = found["metric"], found["window"], found["offset"] or ""
    before = f"{metric} offset {_added(window, offset)}"
    return f"(({metric}{offset} unless {before}) or increase({metric}[{window}]{offset}))"


def _added(window: str, offset: str) -> str:
    minutes = sum(_minutes(part) for part in (window, offset.removeprefix(" offset ")) if part)
    return f"{minutes}m"


def _minutes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "h": 60}[text[-1]]


def _too_old(entry: AlertRule, versions: Mapping[str, str | None]) -> str | None:
    """Say which metric a release does not export yet."""
    running = next((versions.get(role) for role in _ROLES.get(entry.component, ()) if versions.get(role)), None)
    if running is None:
        return None
    for metric, since in entry.needs.items():
        if since and parse_version(running).release < parse_version(since).release:
            return f"{metric} is exported from {since} on, {running} runs"
    return None


def _missing_values(entry: AlertRule, texts: Mapping[str, str], missing: Mapping[str, str]) -> str | None:
    named = {name for name in _NAMES.findall(json.dumps(asdict(entry))) if name not in texts}
    unknown = named - missing.keys()
    explained = [missing[name] for name in sorted(named) if name in missing]
    if explained:
        return explained[0]
    if unknown:
        raise CatalogError(
            f"{entry.alert} names unknown values: {', '.join(sorted(unknown))}",
            where="catalog/entries/alerts/rules.yaml",
        )
    return None


def _rule(entry: AlertRule, texts: Mapping[str, str]) -> Rule:
    tests = {
        side: [{name: filled(text, texts) for name, text in one.items()} for one in getattr(entry.tests, side)]
        for side in ("fires", "quiet")
    }
    labels = entry.tests.labels or {}
    return Rule(
        name=entry.alert, expr=filled(entry.expr, texts), severity=entry.severity, summary=filled(entry.summary, texts),
        description=filled(entry.description, texts), wait=entry.wait,
        tests={**tests, "at": entry.tests.at, "labels": json.loads(filled(labels, texts)) if isinstance(labels, str) else labels},
    )  # fmt: skip


def _tests(rule: Rule) -> Iterator[dict[str, Any]]:
    alert = {
        "exp_labels": {"severity": rule.severity, **rule.tests["labels"]},
        "exp_annotations": {"summary": rule.summary, "description": rule.description},
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


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _dumped(content: Mapping[str, Any]) -> str:
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH))
