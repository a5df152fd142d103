"""Whether a rule applies to a configuration: one finding per rule, with the lines that set it."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dfly_analysis.catalog.config_checks import Comparison, ConfigRule, place_name, template
from dfly_analysis.config.expressions import Scope, operand, product
from dfly_analysis.config.ignored_keys import IgnoredKey
from dfly_analysis.config.query import HostGroup, Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import Setting
from dfly_analysis.findings import Evidence, Finding, Verdict, collapse_whitespace
from dfly_analysis.messages import Message, join, message

_MAX_REASONS, _MAX_EVIDENCE = 4, 20
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class _Result:
    """A rule's verdict in one role, on hosts with the same configuration."""

    role: str
    hosts: HostGroup
    verdict: Verdict
    reason: str = ""
    settings: tuple[Setting, ...] = ()


def evaluate_rule(rule: ConfigRule, query: Query, keys: Sequence[IgnoredKey]) -> Finding:
    """Return a rule's verdict on a configuration with these ignored keys (`dfly_analysis.config.find_ignored_keys`)."""
    if rule.keys:
        return _evaluate_keys(rule, query.settings, [one for one in keys if rule.takes(one.kind, one.text)])
    versions = query.settings.versions
    if not rule.possible(versions):
        if role := rule.undecided(versions):
            return _finding(rule, "unknown", message("{role} {version} is not known to this version of dfly-analysis", role=role, version=versions[role]))  # fmt: skip
        return _finding(rule, "absent", message("these releases do not have this problem"))
    roles = [role for role in rule.roles if role in query.roles]
    found = [_in_role(rule, query, role, hosts) for role in roles for hosts in query.hosts[role]]
    present = [one for one in found if one.verdict == "present"]
    if present:
        reason = _join_reasons(one.hosts.describe(one.role, one.reason) for one in present)
        evidence = dict.fromkeys(line for one in present for line in _evidence(query.settings, one.settings))
        return _finding(rule, "present", reason, sum(one.hosts.n for one in present), tuple(evidence))
    unknown = next((one for one in found if one.verdict == "unknown"), None)
    if unknown is not None:
        return _finding(rule, "unknown", unknown.reason)
    return _finding(rule, "absent", message("no effective setting has this problem"))


def _finding(
    rule: ConfigRule, verdict: Verdict, reason: str, count: int = 0, evidence: tuple[Evidence, ...] = ()
) -> Finding:
    severity = rule.severity if verdict == "present" else "info"
    evidence = evidence[:_MAX_EVIDENCE]
    return Finding(rule.id, rule.title, verdict, severity, count, knob=rule.knob, reason=reason, evidence=evidence)


def _evaluate_keys(rule: ConfigRule, settings: Settings, found: Sequence[IgnoredKey]) -> Finding:
    if found:
        written = [one for one in found if one.line]
        lines = tuple(dict.fromkeys(Evidence(one.file, one.line, _as_line(one.path, one.value)) for one in written))
        reasons = (message("{key}: {reason}", key=collapse_whitespace(one.path), reason=one.reason) for one in found)
        return _finding(rule, "present", _join_reasons(reasons), len(lines) or len(found), lines)
    if not settings.user.entries and not settings.rendered and not settings.user.address:
        return _finding(rule, "unknown", message("neither Helm values nor rendered configuration files were given"))
    return _finding(rule, "absent", message("no given key has this problem"))


def _as_line(path: str, value: object) -> str:
    leaf = path.rpartition(".")[2]
    return f"{leaf}: {value}" if value is not None else f"{leaf}:"


def _in_role(rule: ConfigRule, query: Query, role: str, hosts: HostGroup) -> _Result:
    scope = Scope(query, role, hosts.host)
    verdicts = [_all_of(group, scope) for group in rule.conditions]
    for group, (verdict, _) in zip(rule.conditions, verdicts, strict=True):
        if verdict == "present":
            values = {place_name(name): operand(scope, name).text or message("not set") for name in rule.operands}
            compared = [factor.name for one in group for factor in (*one.left, *one.right)]
            read = (operand(scope, name).setting for name in dict.fromkeys([*compared, *rule.operands]))
            settings = tuple(setting for setting in read if setting is not None)
            return _Result(role, hosts, "present", Message(template(rule.message), values), settings)
    reason = next((reason for verdict, reason in verdicts if verdict == "unknown"), None)
    return _Result(role, hosts, "absent" if reason is None else "unknown", reason or "")


def _all_of(group: Iterable[Comparison], scope: Scope) -> tuple[Verdict, str]:
    verdicts = [_compare(comparison, scope) for comparison in group]
    if any(verdict == "absent" for verdict, _ in verdicts):
        return "absent", ""
    return next((one for one in verdicts if one[0] == "unknown"), ("present", ""))


def _compare(comparison: Comparison, scope: Scope) -> tuple[Verdict, str]:
    left, right = product(scope, comparison.left), product(scope, comparison.right)
    unknown = next((item for item in (left, right) if item.state == "unknown"), None)
    if unknown is not None:
        return "unknown", unknown.text
    known = left.state == right.state == "known" or comparison.operator == "!="
    return ("present" if known and _applies(left.value, comparison.operator, right.value) else "absent"), ""


def _applies(left: Any, sign: str, right: Any) -> bool:
    if sign in ("=", "!="):
        return bool(left == right) is (sign == "=")
    if sign == "contains":
        return str(right) in str(left)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    return numbers and bool(_ORDER[sign](left, right))


def _evidence(settings: Settings, read: Iterable[Setting]) -> Iterator[Evidence]:
    for item in read:
        text = _as_line(item.key, item.value)
        line = settings.user.lines.get(item.helm_path or "", 0)
        if item.layer == "user" and line and settings.user.address:
            yield Evidence(settings.user.address, line, text)
        elif item.layer == "rendered":
            file = settings.rendered_file(item.source.removesuffix(" (hosts differ)"))
            if file is not None and item.key in file.lines:
                yield Evidence(file.path, file.lines[item.key], text)


def _join_reasons(parts: Iterable[str]) -> Message:
    reasons = list(dict.fromkeys(parts))
    first = join(reasons[:_MAX_REASONS], "; ")
    more = len(reasons) - _MAX_REASONS
    return message("{reasons}; and {n} more", reasons=first, n=more) if more > 0 else first
