"""Whether a rule holds in a configuration: one finding a rule, with the lines that set it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dfly_analysis.catalog.config_checks import Comparison, ConfigRule, Factor
from dfly_analysis.config import IgnoredKey, Setting, Settings
from dfly_analysis.config.expressions import Operand, operand, product
from dfly_analysis.config.query import HostGroup, Query
from dfly_analysis.findings import Evidence, Finding, on_one_line

Verdict = Literal["present", "absent", "unknown"]
_BRACES = re.compile(r"\{([^{}]+)\}")
_MOST_SAID, _MOST_SHOWN = 4, 20


@dataclass(frozen=True)
class _Seen:
    """A rule in one role, on one host."""

    role: str
    alike: HostGroup
    verdict: Verdict
    said: str
    settings: tuple[Setting, ...] = ()


def evaluate_rule(rule: ConfigRule, query: Query, keys: Sequence[IgnoredKey]) -> Finding:
    """Return a rule's verdict on a configuration.

    Parameters
    ----------
    rule : ConfigRule
    query : Query
    keys : sequence of IgnoredKey
        As `dfly_analysis.config.find_ignored_keys` gives them.
    """
    if rule.keys:
        return _of_keys(rule, query.settings, [one for one in keys if rule.takes(one.kind, one.words)])
    if not rule.possible(query.settings.versions):
        return _finding(rule, "absent", "the releases in force cannot hold it")
    seen = [
        _in_role(rule, query, role, alike) for role in rule.roles if role in query.roles for alike in query.hosts[role]
    ]
    present = [one for one in seen if one.verdict == "present"]
    if present:
        evidence = _unique(line for one in present for line in _evidence(query.settings, one.settings))
        return _finding(
            rule, "present", _joined(_named(one) for one in present), sum(one.alike.hosts for one in present), evidence
        )
    unknown = next((one for one in seen if one.verdict == "unknown"), None)
    if unknown is not None:
        return _finding(rule, "unknown", unknown.said)
    return _finding(rule, "absent", "no setting given or in force holds it")


def _finding(
    rule: ConfigRule, verdict: Verdict, reason: str, count: int = 0, evidence: tuple[Evidence, ...] = ()
) -> Finding:
    severity: Any = rule.severity if verdict == "present" else "info"
    return Finding(
        rule.id, rule.title, verdict, severity, count, knob=rule.knob, reason=reason, evidence=evidence[:_MOST_SHOWN]
    )


def _of_keys(rule: ConfigRule, settings: Settings, found: Sequence[IgnoredKey]) -> Finding:
    if not found:
        if not settings.user.entries and not settings.rendered and not settings.user.address:
            return _finding(rule, "unknown", "no values and no rendered configuration were given")
        return _finding(rule, "absent", "no key given is one of these")
    lines = tuple(
        Evidence(one.file, one.line, _shown(one.path.rpartition(".")[2], one.value)) for one in found if one.line
    )
    said = _joined(on_one_line(f"{one.path}: {one.reason}") for one in found)
    return _finding(rule, "present", said, len(found), lines)


def _shown(leaf: str, value: object) -> str:
    return f"{leaf}: {value}" if value is not None else f"{leaf}:"


def _in_role(rule: ConfigRule, query: Query, role: str, alike: HostGroup) -> _Seen:
    host = alike.host
    verdicts = [_all_of(group, query, role, host) for group in rule.conditions]
    for group, (verdict, _) in zip(rule.conditions, verdicts, strict=True):
        if verdict == "present":
            return _Seen(
                role, alike, "present", _say(rule.says, query, role, host), _read(rule, group, query, role, host)
            )
    unknown = next((reason for verdict, reason in verdicts if verdict == "unknown"), None)
    return _Seen(role, alike, "unknown" if unknown is not None else "absent", unknown or "")


def _all_of(group: Iterable[Comparison], query: Query, role: str, host: str | None) -> tuple[Verdict, str]:
    unknown = None
    for comparison in group:
        verdict, reason = _compare(comparison, query, role, host)
        if verdict == "absent":
            return "absent", ""
        if verdict == "unknown":
            unknown = unknown or reason
    return ("unknown", unknown) if unknown is not None else ("present", "")


def _compare(comparison: Comparison, query: Query, role: str, host: str | None) -> tuple[Verdict, str]:
    left, right = (_product(side, query, role, host) for side in (comparison.left, comparison.right))
    blind = next((item for item in (left, right) if item.state == "unknown"), None)
    if blind is not None:
        return "unknown", blind.text
    if comparison.operator == "!=":
        return _verdict(left.worth != right.worth)
    if left.state != "known" or right.state != "known":
        return "absent", ""
    return _verdict(_holds(left.worth, comparison.operator, right.worth))


def _verdict(holds: bool) -> tuple[Verdict, str]:
    return ("present" if holds else "absent"), ""


def _holds(left: Any, operator: str, right: Any) -> bool:
    if operator == "=":
        return bool(left == right)
    if operator == "contains":
        return str(right) in str(left)
    numbers = [value for value in (left, right) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2:
        return False
    first, second = numbers
    return {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[operator]


def _product(side: tuple[Factor, ...], query: Query, role: str, host: str | None) -> Operand:
    return product(tuple((operand(query, role, host, factor.name), factor.inverse) for factor in side))


def _say(template: str, query: Query, role: str, host: str | None) -> str:
    return _BRACES.sub(lambda match: operand(query, role, host, match[1]).text or "not set", template)


def _read(
    rule: ConfigRule, group: Iterable[Comparison], query: Query, role: str, host: str | None
) -> tuple[Setting, ...]:
    """Return the settings that were compared, then those that are told: a derived quantity tells what it came from."""
    compared = [factor.name for comparison in group for factor in (*comparison.left, *comparison.right)]
    names = dict.fromkeys([*compared, *_BRACES.findall(rule.says)])
    found = (operand(query, role, host, name).setting for name in names)
    return tuple(item for item in found if item is not None)


def _evidence(settings: Settings, read: Iterable[Setting]) -> Iterator[Evidence]:
    for item in read:
        text = _shown(item.key.rpartition(".")[2], item.value)
        line = settings.user.lines.get(item.helm_path or "", 0)
        if item.layer == "user" and line and settings.user.address:
            yield Evidence(settings.user.address, line, text)
        elif item.layer == "rendered":
            path = item.source.removesuffix(" (hosts differ)")
            file = next((one for one in settings.rendered if one.path == path), None)
            if file is not None and item.key in file.lines:
                yield Evidence(file.path, file.lines[item.key], text)


def _unique(lines: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(lines))


def _named(one: _Seen) -> str:
    return f"{one.role}{one.alike.label}: {one.said}"


def _joined(parts: Iterable[str]) -> str:
    said = list(dict.fromkeys(parts))
    more = f"; and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
    return "; ".join(said[:_MOST_SAID]) + more
