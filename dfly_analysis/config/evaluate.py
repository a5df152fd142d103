"""Whether a rule holds in a configuration: one finding a rule, with the lines that set it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dfly_analysis.catalog.config_checks import Comparison, ConfigRule
from dfly_analysis.config.expressions import Scope, operand, product
from dfly_analysis.config.ignored_keys import IgnoredKey
from dfly_analysis.config.query import HostGroup, Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import Setting
from dfly_analysis.findings import Evidence, Finding, Verdict, collapse_whitespace

_BRACES = re.compile(r"\{([^{}]+)\}")
_MOST_SAID, _MOST_SHOWN = 4, 20
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class _Result:
    """A rule's verdict in one role, on hosts that are configured alike."""

    role: str
    hosts: HostGroup
    verdict: Verdict
    reason: str = ""
    settings: tuple[Setting, ...] = ()


def evaluate_rule(rule: ConfigRule, query: Query, keys: Sequence[IgnoredKey]) -> Finding:
    """Return a rule's verdict on a configuration with these ignored keys (`dfly_analysis.config.find_ignored_keys`)."""
    if rule.keys:
        return _of_keys(rule, query.settings, [one for one in keys if rule.takes(one.kind, one.words)])
    if not rule.possible(query.settings.versions):
        return _finding(rule, "absent", "the releases in force cannot hold it")
    roles = [role for role in rule.roles if role in query.roles]
    found = [_in_role(rule, query, role, hosts) for role in roles for hosts in query.hosts[role]]
    present = [one for one in found if one.verdict == "present"]
    if present:
        message = _joined(f"{one.role}{one.hosts.label}: {one.reason}" for one in present)
        evidence = dict.fromkeys(line for one in present for line in _evidence(query.settings, one.settings))
        return _finding(rule, "present", message, sum(one.hosts.hosts for one in present), tuple(evidence))
    unknown = next((one for one in found if one.verdict == "unknown"), None)
    if unknown is not None:
        return _finding(rule, "unknown", unknown.reason)
    return _finding(rule, "absent", "no setting given or in force holds it")


def _finding(
    rule: ConfigRule, verdict: Verdict, reason: str, count: int = 0, evidence: tuple[Evidence, ...] = ()
) -> Finding:
    severity = rule.severity if verdict == "present" else "info"
    return Finding(
        rule.id, rule.title, verdict, severity, count, knob=rule.knob, reason=reason, evidence=evidence[:_MOST_SHOWN]
    )


def _of_keys(rule: ConfigRule, settings: Settings, found: Sequence[IgnoredKey]) -> Finding:
    if found:
        lines = tuple(Evidence(one.file, one.line, _shown(one.path, one.value)) for one in found if one.line)
        return _finding(
            rule,
            "present",
            _joined(collapse_whitespace(f"{one.path}: {one.reason}") for one in found),
            len(found),
            lines,
        )
    if not settings.user.entries and not settings.rendered and not settings.user.address:
        return _finding(rule, "unknown", "no values and no rendered configuration were given")
    return _finding(rule, "absent", "no key given is one of these")


def _shown(path: str, value: object) -> str:
    leaf = path.rpartition(".")[2]
    return f"{leaf}: {value}" if value is not None else f"{leaf}:"


def _in_role(rule: ConfigRule, query: Query, role: str, hosts: HostGroup) -> _Result:
    scope = Scope(query, role, hosts.host)
    verdicts = [_all_of(group, scope) for group in rule.conditions]
    for group, (verdict, _) in zip(rule.conditions, verdicts, strict=True):
        if verdict == "present":
            message = _BRACES.sub(lambda match: operand(scope, match[1]).text or "not set", rule.says)
            return _Result(role, hosts, "present", message, _settings_read(rule, group, scope))
    reason = next((reason for verdict, reason in verdicts if verdict == "unknown"), None)
    return _Result(role, hosts, "absent" if reason is None else "unknown", reason or "")


def _all_of(group: Iterable[Comparison], scope: Scope) -> tuple[Verdict, str]:
    unknown = None
    for comparison in group:
        verdict, reason = _compare(comparison, scope)
        if verdict == "absent":
            return "absent", ""
        if verdict == "unknown":
            unknown = unknown or reason
    return ("present", "") if unknown is None else ("unknown", unknown)


def _compare(comparison: Comparison, scope: Scope) -> tuple[Verdict, str]:
    left, right = product(scope, comparison.left), product(scope, comparison.right)
    unknown = next((item for item in (left, right) if item.state == "unknown"), None)
    if unknown is not None:
        return "unknown", unknown.text
    if comparison.operator == "!=":
        holds = left.worth != right.worth
    else:
        known = left.state == right.state == "known"
        holds = known and _holds(left.worth, comparison.operator, right.worth)
    return ("present" if holds else "absent"), ""


def _holds(left: Any, sign: str, right: Any) -> bool:
    if sign == "=":
        return bool(left == right)
    if sign == "contains":
        return str(right) in str(left)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    return numbers and _ORDER[sign](left, right)


def _settings_read(rule: ConfigRule, group: Iterable[Comparison], scope: Scope) -> tuple[Setting, ...]:
    """Return the settings that were compared, then those that the sentence names; a derived quantity has the setting it came from."""
    compared = [factor.name for comparison in group for factor in (*comparison.left, *comparison.right)]
    names = dict.fromkeys([*compared, *_BRACES.findall(rule.says)])
    return tuple(found for name in names if (found := operand(scope, name).setting) is not None)


def _evidence(settings: Settings, read: Iterable[Setting]) -> Iterator[Evidence]:
    for item in read:
        text = _shown(item.key, item.value)
        line = settings.user.lines.get(item.helm_path or "", 0)
        if item.layer == "user" and line and settings.user.address:
            yield Evidence(settings.user.address, line, text)
        elif item.layer == "rendered":
            file = settings.rendered_file(item.source.removesuffix(" (hosts differ)"))
            if file is not None and item.key in file.lines:
                yield Evidence(file.path, file.lines[item.key], text)


def _joined(parts: Iterable[str]) -> str:
    message = list(dict.fromkeys(parts))
    more = f"; and {len(message) - _MOST_SAID} more" if len(message) > _MOST_SAID else ""
    return "; ".join(message[:_MOST_SAID]) + more
