"""JSON Schema of what each command prints with ``--format json``, and of ``report.json``: pydantic makes it from the results' own types."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import (
    Annotated,
    Any,
    NotRequired,  # pydantic cannot read those of typing before Python 3.12
)

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from dfly_analysis.comparison.proportions import Effect
from dfly_analysis.config.feasibility import Feasibility
from dfly_analysis.estimates import Interval, NotFitted, Param
from dfly_analysis.findings import Alternative, CauseProportion, Finding
from dfly_analysis.recommendation.recommendations import Estimate, NoRecommendation, Recommendation
from dfly_analysis.recommendation.stress_plan import StressPlan
from dfly_analysis.reporting.json import SCHEMA_VERSION

JsonObject = dict[str, Any]


class _Coverage(TypedDict):
    files: int
    lines: int
    parsed: int
    rejected: int
    first: str | None
    last: str | None


class _Result(TypedDict):
    schema_version: int


class _Diagnose(_Result):
    primary_cause: str | None
    strength: str | None
    alternatives: list[Alternative]
    remedy: str | None
    next_step: str | None
    causes: list[CauseProportion]
    findings: list[Finding]
    coverage: _Coverage


class _Fit(TypedDict):
    name: str
    model: Annotated[str, Field(alias="law")]
    params: list[Param]
    n: int
    n_censored: int
    goodness: dict[str, float]
    window: list[str] | None
    extrapolates_beyond_s: float | None
    notes: NotRequired[list[str]]
    quantiles: NotRequired[list[JsonObject]]
    calibration: NotRequired[JsonObject]
    bins: NotRequired[list[JsonObject]]


class _Fits(_Result):
    fits: list[_Fit]
    not_fitted: list[NotFitted]


class _Recommend(_Result):
    size_bytes: int
    target_failure_rate: float
    recommendations: list[Recommendation]
    no_advice: list[NoRecommendation]
    estimates: list[Estimate]
    warnings: list[str]


class _Simulated(TypedDict):
    settings: JsonObject
    layer: JsonObject
    run: JsonObject | None


class _WhatIf(_Result):
    """Only ``not_fitted`` where nothing can be predicted."""

    not_fitted: NotRequired[NotFitted]
    role: NotRequired[str]
    client: NotRequired[str | None]
    layer: NotRequired[JsonObject]
    changes: NotRequired[list[JsonObject]]
    asked: NotRequired[JsonObject]
    now: NotRequired[_Simulated]
    then: NotRequired[_Simulated]
    observed: NotRequired[JsonObject | None]
    agreement: NotRequired[list[JsonObject]]
    notes: NotRequired[list[str]]
    seed: NotRequired[int]


class _Compare(_Result):
    verdict: str
    because: list[str]
    effects: list[Effect]
    settings: list[JsonObject]
    causes: dict[str, dict[str, int]]


class _CheckConfig(_Result):
    findings: list[Finding]
    feasibility: Feasibility
    chart: str | None
    charts: list[str]
    versions: dict[str, str | None]
    notes: list[str]
    only_defaults: bool
    keys: list[JsonObject]


class _PlanPreheat(_Result):
    image: str
    platform: str | None
    size_bytes: int | None
    scope: str
    parallel: int
    time_s: Interval | None
    failure_rate: Interval | None
    stages: list[JsonObject]
    parallelism: list[JsonObject]
    pulls: list[JsonObject]
    jobs: list[JsonObject]
    checks: list[JsonObject]
    assumptions: list[str]
    warnings: list[str]


class _Inspect(_Result):
    files: list[JsonObject]


class _Facts(_Result):
    """A setting; with ``--releases`` the releases; an upgrade note has further keys."""

    key: NotRequired[str]
    facts: NotRequired[list[JsonObject]]
    releases: NotRequired[list[JsonObject]]


class _Explain(_Result):
    """Without an argument the topics; else the facts by their names."""

    topics: NotRequired[list[JsonObject]]
    kind: NotRequired[str]


class _Batch(_Result):
    index: str
    reports: list[JsonObject]


class _Verdict(TypedDict):
    headline: str
    tasks: int
    failed: int


class _DataQuality(TypedDict):
    coverage: _Coverage
    notices: list[str]
    lacks: list[str]
    problems: list[str]


class _Report(_Result):
    parameters: JsonObject
    verdict: _Verdict
    inputs: list[JsonObject]
    diagnose: _Diagnose
    fit: _Fits
    recommend: _Recommend
    prediction: JsonObject
    whatif: _WhatIf
    statements: list[JsonObject]
    contradictions: list[JsonObject]
    settings: JsonObject
    data_quality: _DataQuality


class _StressPlan(_Result):
    """Of ``--results``, ``tested``, ``best`` and ``open_rows`` in place of the plan."""


_SHAPES: dict[str, Any] = {
    "batch": _Batch, "check-config": _CheckConfig, "compare": _Compare, "diagnose": _Diagnose, "explain": _Explain,
    "facts": _Facts, "fit": _Fits, "inspect": _Inspect, "plan-preheat": _PlanPreheat, "plan-stress": StressPlan,
    "recommend": _Recommend, "report": _Report, "whatif": _WhatIf,
}  # fmt: skip
COMMANDS = tuple(_SHAPES)


@cache
def json_schema(command: str) -> JsonObject:
    """Return the JSON Schema of a command of `COMMANDS`; keys may be added without a new version."""
    schema = TypeAdapter(_SHAPES[command]).json_schema(mode="serialization")
    _visit(schema, _allow_missing_numbers)
    _visit(schema, _without_python)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dfly-analysis {command} --format json",
    }
    schema["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return head | {name: value for name, value in schema.items() if name != "title"}


def _visit(node: Any, change: Callable[[JsonObject], None]) -> None:
    if isinstance(node, dict):
        change(node)
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _visit(inner, change)


def _allow_missing_numbers(node: JsonObject) -> None:
    """Let a number be null, as one that is not finite is in JSON."""
    if node.get("type") == "number":
        node["type"] = ["number", "null"]


def _without_python(node: JsonObject) -> None:
    """Leave out defaults, which are never left out of a result, and the names of private classes."""
    for name in ("default", "title"):
        if not isinstance(node.get(name), dict):
            node.pop(name, None)
