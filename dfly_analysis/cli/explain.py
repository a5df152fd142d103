"""The command explain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import getmodule
from typing import Any

import click

from dfly_analysis.cli.options import command, format_option
from dfly_analysis.cli.output import print_result, table, with_schema_version
from dfly_analysis.errors import FactMissingError, suggest_similar

_ATTRIBUTES: Mapping[str, str] = {
    "id": "id", "title": "title", "written by": "component", "versions": "versions", "layer": "layer", "cause": "cause",
    "severity": "severity", "governed by": "knob", "repeats": "echo_of", "roles": "roles", "how it is found": "method",
    "what to do": "remedy", "what to collect": "collect", "looks like": "looks like", "references": "references",
}  # fmt: skip
"""What is printed of a signature, a check or a configuration rule, by heading."""


@command("dfly-analysis explain disk_full", "dfly-analysis explain piece_timeout --format json")
@click.argument("finding_id")
@format_option
def explain(finding_id: str, output_format: str) -> None:
    """Explain a finding or a topic of recommendations by its id."""
    from dfly_analysis.catalog.config_checks import load_config_rules
    from dfly_analysis.catalog.error_signatures import load_signatures
    from dfly_analysis.diagnosis.checks import all_checks
    from dfly_analysis.recommendation import all_rules

    known = {name: _about_topic(name, rule) for name, rule in all_rules().items()}
    for rule in load_config_rules():
        known[rule.id] = _about(
            rule, layer="configuration check", roles=", ".join(rule.roles) if rule.when else None,
            **{"how it is found": rule.condition, "what to collect": "Helm values or the components' own files, for check-config"},
        )  # fmt: skip
    for one in load_signatures():
        known[one.id] = _about(
            one, versions=one.versions or "all", **{"looks like": next(iter(one.samples.match), None)}
        )
    known |= {one.id: _about(one, layer="check") for one in all_checks()}
    if finding_id not in known:
        hint = suggest_similar(finding_id, known) or "`dfly-analysis diagnose` prints the ids"
        raise FactMissingError(f"unknown finding {finding_id!r}", hint=hint)
    data = known[finding_id]
    rows = [{"": name, finding_id: value} for name, value in data.items() if value and name != "id"]
    print_result(with_schema_version(**data), output_format, rows, lambda: [table("", rows)])


def _about(one: Any, **own: Any) -> dict[str, Any]:
    found = {heading: getattr(one, name, None) for heading, name in _ATTRIBUTES.items()} | own
    return found | {"references": "; ".join(found["references"] or ())}


def _about_topic(name: str, rule: Callable[..., Any]) -> dict[str, Any]:
    title = (getattr(getmodule(rule), "__doc__", None) or "").partition("\n")[0]
    return {
        "id": name, "title": title.replace("`", ""), "layer": "topic of recommendations", "what it says": (rule.__doc__ or "").partition("\n")[0],
        "what to do": "run `dfly-analysis recommend` on your logs; docs/explanation/sizing.md explains the basis of each topic",
        "what to collect": "the bundle of `dfly-analysis collect`",
    }  # fmt: skip
