"""The command explain."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getmodule
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import format_option
from dfly_analysis.cli.output import print_result, table, with_schema_version
from dfly_analysis.errors import FactMissingError, suggest_similar

if TYPE_CHECKING:
    from dfly_analysis.catalog.config_checks import ConfigRule
    from dfly_analysis.catalog.error_signatures import Signature
    from dfly_analysis.diagnosis.checks import Check


@click.command()
@click.argument("finding_id")
@format_option
def explain(finding_id: str, output_format: str) -> None:
    """Explain a finding or a topic of recommendations by its id."""
    from dfly_analysis.catalog.config_checks import load_config_rules
    from dfly_analysis.catalog.error_signatures import load_signatures, signature
    from dfly_analysis.diagnosis.checks import all_checks
    from dfly_analysis.recommendation import all_rules

    check = next((known for known in all_checks() if known.id == finding_id), None)
    one = signature(finding_id)
    trap = next((known for known in load_config_rules() if known.id == finding_id), None)
    rules = all_rules()
    if check is not None:
        data = _about_check(check)
    elif one is not None:
        data = _about_signature(one)
    elif trap is not None:
        data = _about_trap(trap)
    elif finding_id in rules:
        data = _about_rule(finding_id, rules[finding_id])
    else:
        known = [one.id for one in load_signatures()] + [one.id for one in all_checks()]
        known += [*(one.id for one in load_config_rules()), *rules]
        hint = suggest_similar(finding_id, known) or "`dfly-analysis diagnose` prints the ids"
        raise FactMissingError(f"unknown finding {finding_id!r}", hint=hint)
    rows = [{"": name, finding_id: value} for name, value in data.items() if value and name != "id"]
    print_result(with_schema_version(**data), output_format, rows, lambda: [table("", rows)])


def _about_rule(name: str, rule: Callable[..., Any]) -> dict[str, Any]:
    about = (getattr(getmodule(rule), "__doc__", None) or "").partition("\n")[0]
    return {
        "id": name, "title": about.replace("`", ""), "layer": "topic of recommendations", "what it says": (rule.__doc__ or "").partition("\n")[0],
        "what to do": "run `dfly-analysis recommend` on your logs; docs/explanation/sizing.md explains the basis of each topic",
        "what to collect": "the bundle of `dfly-analysis collect`",
    }  # fmt: skip


def _about_signature(one: Signature) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "written by": one.component, "versions": one.versions or "all", "layer": one.layer, "cause": one.cause,
        "severity": one.severity, "governed by": one.knob, "repeats": one.echo_of, "what to do": one.remedy, "what to collect": one.collect,
        "looks like": one.samples.match[0] if one.samples.match else None, "references": "; ".join(one.references),
    }  # fmt: skip


def _about_trap(one: ConfigRule) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "layer": "configuration check", "severity": one.severity, "governed by": one.knob,
        "roles": ", ".join(one.roles) if one.when else None, "how it is found": one.condition,
        "what to do": one.remedy, "what to collect": "Helm values or the components' own files, for check-config", "references": "; ".join(one.references),
    }  # fmt: skip


def _about_check(one: Check) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "layer": "check", "governed by": one.knob, "how it is found": one.method, "what to do": one.remedy,
        "what to collect": one.collect,
    }  # fmt: skip
