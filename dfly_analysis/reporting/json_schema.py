"""JSON Schema of what each command prints with ``--format json``, and of ``report.json``: pydantic makes it from the results' own types."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NotRequired

import yaml
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic cannot read that of typing before Python 3.12

from dfly_analysis.comparison.proportions import Effect
from dfly_analysis.config.feasibility import Feasibility
from dfly_analysis.estimates import Interval, NotFitted, Param
from dfly_analysis.findings import Alternative, CauseProportion, Finding
from dfly_analysis.recommendation.recommendations import Estimate, NoRecommendation, Recommendation
from dfly_analysis.recommendation.stress_plan import StressPlan
from dfly_analysis.reporting.json import SCHEMA_VERSION

JsonObject = dict[str, Any]
_TYPES: dict[str, Any] = {
    "int": int, "number": float, "text": str, "flag": bool, "object": JsonObject, "numbers": dict[str, float], "versions": dict[str, str | None],
    "counts": dict[str, dict[str, int]],
    **{one.__name__: one for one in (
        Alternative, CauseProportion, Effect, Estimate, Feasibility, Finding, Interval, NoRecommendation, NotFitted, Param, Recommendation,
    )},
}  # fmt: skip
_COMMANDS = {
    "batch": "Batch", "check-config": "CheckConfig", "compare": "Compare", "diagnose": "Diagnose", "explain": "Explain", "facts": "Facts",
    "fit": "Fits", "inspect": "Inspect", "plan-preheat": "PlanPreheat", "plan-stress": "StressPlan", "recommend": "Recommend",
    "report": "Report", "whatif": "WhatIf",
}  # fmt: skip
COMMANDS = tuple(_COMMANDS)


@cache
def _shapes() -> Mapping[str, Any]:
    """Return the types of all shapes in ``json_shapes.yaml``, by name."""
    found: dict[str, Any] = {"StressPlan": StressPlan}
    for name, keys in yaml.safe_load(Path(__file__).with_name("json_shapes.yaml").read_text("utf-8")).items():
        doc, fields = keys.pop("doc", None), {key: _type(text, _TYPES | found) for key, text in keys.items()}
        wanted = {key.rstrip("?"): NotRequired[kind] if key.endswith("?") else kind for key, kind in fields.items()}
        found[name] = TypedDict(f"_{name}", wanted)  # type: ignore[misc] # made at run time
        found[name].__doc__ = doc
    return found


def _type(text: str, known: Mapping[str, Any]) -> Any:
    bare = text.removesuffix("?")
    kind = known[bare.removesuffix("[]")]
    kind = list[kind] if bare.endswith("[]") else kind
    return kind | None if text.endswith("?") else kind


@cache
def json_schema(command: str) -> JsonObject:
    """Return the JSON Schema of a command of `COMMANDS`; keys may be added without a new version."""
    schema = TypeAdapter(_shapes()[_COMMANDS[command]]).json_schema(mode="serialization")
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
