"""Rules for configurations: each sample that holds one is named, with its line, and each clean one is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dfly_analysis.catalog.config_checks import ConfigRule, ConfigSample, load_config_rules, parse_comparison
from dfly_analysis.catalog.defaults import find_defaults
from dfly_analysis.catalog.key_spelling import is_known_key
from dfly_analysis.config.check import ConfigCheck, check_config
from dfly_analysis.config.expressions import Scope, operand
from dfly_analysis.config.query import Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import is_chart_only
from dfly_analysis.errors import CatalogError

RULES = load_config_rules()


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Turn dotted paths into sections, as a file has them."""
    made: dict[str, Any] = {}
    for path, value in values.items():
        node = made
        *sections, leaf = path.split(".")
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return made


def check_sample(sample: ConfigSample, folder: Path) -> ConfigCheck:
    """Check a sample as a user would: from files."""
    for name, content in sample.rendered.items():
        (folder / name).write_text(yaml.safe_dump(content), "utf-8")
    if not sample.rendered:
        (folder / "values.yaml").write_text(sample.text or yaml.safe_dump(nested(dict(sample.values))), "utf-8")
    path = folder if sample.rendered else folder / "values.yaml"
    return check_config(path, **sample.options)


def each(part: str) -> list[Any]:
    return [
        pytest.param(rule, sample, id=f"{rule.id}-{number}")
        for rule in RULES
        for number, sample in enumerate(getattr(rule.samples, part))
    ]


@pytest.mark.parametrize(("rule", "sample"), each("present"))
def test_a_configuration_that_holds_a_rule_is_found(rule: ConfigRule, sample: ConfigSample, tmp_path: Path):
    """Each sample that holds a rule has its finding present, with a reason, and a line where the file sets it."""
    found = check_sample(sample, tmp_path).get(rule.id)
    assert found is not None
    assert (found.verdict, found.severity) == ("present", rule.severity)
    assert found.count >= 1
    assert "{" not in found.reason
    assert "\n" not in found.reason
    for line in found.evidence:
        text = Path(line.path).read_text("utf-8").splitlines()[line.line - 1]
        assert line.text.partition(":")[0] in text


@pytest.mark.parametrize(("rule", "sample"), each("absent"))
def test_a_configuration_without_a_rule_is_not_accused(rule: ConfigRule, sample: ConfigSample, tmp_path: Path):
    """Each clean sample of a rule does not have its finding present."""
    found = check_sample(sample, tmp_path).get(rule.id)
    assert found is not None
    assert found.verdict != "present", found.reason


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_sound(rule: ConfigRule):
    """A rule has samples of both kinds, a remedy, and a setting that the facts or charts know."""
    assert rule.samples.present
    assert rule.samples.absent
    assert len(rule.remedy) > 9
    assert len(rule.title) > 10
    assert rule.keys or rule.message
    if rule.knob and rule.knob != "proxy.rules":
        assert find_defaults(rule.knob)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_operand_is_one(rule: ConfigRule):
    """Each name in a condition or a sentence is a quantity, a literal, or a setting that some role is known to have."""
    question = Query(Settings.resolve(chart="1.7.4"), bandwidth_bps=1e6)
    names = [factor.name for group in rule.conditions for one in group for factor in (*one.left, *one.right)]
    for name in [*names, *re.findall(r"\{([^{}]+)\}", rule.message)]:
        for role in rule.roles:
            operand(Scope(question, role), name)
        if not re.match(r"[$\d'\"]|true|false", name):
            bare = name.partition("@")[0]
            whose, colon, key = bare.partition(":")
            roles = (whose,) if colon else rule.roles
            key = key if colon else bare
            assert any(is_known_key(role, key) or is_chart_only(key) for role in roles), name


def test_an_unknown_quantity_names_the_known_ones():
    """A typing error behind a dollar sign is caught."""
    with pytest.raises(CatalogError, match=r"unknown quantity \$speed .*\$demand"):
        operand(Scope(Query(Settings.resolve()), "client"), "$speed")


def test_a_comparison_is_read_as_two_products():
    """Factors that divide are marked."""
    both = parse_comparison("a.b * 2 / $x >= 5s")
    assert [(one.name, one.inverse) for one in both.left] == [("a.b", False), ("2", False), ("$x", True)]
    assert (both.operator, both.right[0].name) == (">=", "5s")
