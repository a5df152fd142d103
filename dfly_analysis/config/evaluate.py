"""Whether a trap holds in a configuration: one finding a trap, with the lines that set it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dfly_analysis.config.expressions import Operand, operand, product
from dfly_analysis.config.query import Alike, Question
from dfly_analysis.findings import Evidence, Finding, on_one_line
from dfly_analysis.catalog.config_checks import Comparison, Factor, Trap
from dfly_analysis.config import KeyTrap, Setting, Settings

Verdict = Literal["present", "absent", "unknown"]
_BRACES = re.compile(r"\{([^{}]+)\}")
_MOST_SAID, _MOST_SHOWN = 4, 20


@dataclass(frozen=True)
class _Seen:
    """A trap in one role, on one host."""

    role: str
    alike: Alike
    verdict: Verdict
    said: str
    settings: tuple[Setting, ...] = ()


def judge(trap: Trap, question: Question, keys: Sequence[KeyTrap]) -> Finding:
    """Return a trap's verdict on a configuration.

    Parameters
    ----------
    trap : Trap
    question : Question
    keys : sequence of KeyTrap
        As `dfly_analysis.config.find_key_traps` gives them.
    """
    if trap.kinds:
        return _of_keys(trap, question.settings, [one for one in keys if trap.takes(one.kind, one.words)])
    if not trap.possible(question.settings.versions):
        return _finding(trap, "absent", "the releases in force cannot hold it")
    seen = [
        _in_role(trap, question, role, alike)
        for role in trap.roles
        if role in question.roles
        for alike in question.hosts[role]
    ]
    present = [one for one in seen if one.verdict == "present"]
    if present:
        evidence = _unique(line for one in present for line in _evidence(question.settings, one.settings))
        return _finding(
            trap, "present", _joined(_named(one) for one in present), sum(one.alike.hosts for one in present), evidence
        )
    unknown = next((one for one in seen if one.verdict == "unknown"), None)
    if unknown is not None:
        return _finding(trap, "unknown", unknown.said)
    return _finding(trap, "absent", "no setting given or in force holds it")


def _finding(trap: Trap, verdict: Verdict, reason: str, count: int = 0, evidence: tuple[Evidence, ...] = ()) -> Finding:
    severity: Any = trap.severity if verdict == "present" else "info"
    return Finding(
        trap.id, trap.title, verdict, severity, count, knob=trap.knob, reason=reason, evidence=evidence[:_MOST_SHOWN]
    )


def _of_keys(trap: Trap, settings: Settings, found: Sequence[KeyTrap]) -> Finding:
    if not found:
        if not settings.user.entries and not settings.rendered and not settings.user.address:
            return _finding(trap, "unknown", "no values and no rendered configuration were given")
        return _finding(trap, "absent", "no key given is one of these")
    lines = tuple(
        Evidence(one.file, one.line, _shown(one.path.rpartition(".")[2], one.value)) for one in found if one.line
    )
    said = _joined(on_one_line(f"{one.path}: {one.reason}") for one in found)
    return _finding(trap, "present", said, len(found), lines)


def _shown(leaf: str, value: object) -> str:
    return f"{leaf}: {value}" if value is not None else f"{leaf}:"


def _in_role(trap: Trap, question: Question, role: str, alike: Alike) -> _Seen:
    host = alike.host
    verdicts = [_all_of(group, question, role, host) for group in trap.when]
    for group, (verdict, _) in zip(trap.when, verdicts, strict=True):
        if verdict == "present":
            return _Seen(
                role, alike, "present", _say(trap.says, question, role, host), _read(trap, group, question, role, host)
            )
    unknown = next((reason for verdict, reason in verdicts if verdict == "unknown"), None)
    return _Seen(role, alike, "unknown" if unknown is not None else "absent", unknown or "")


def _all_of(group: Iterable[Comparison], question: Question, role: str, host: str | None) -> tuple[Verdict, str]:
    unknown = None
    for comparison in group:
        verdict, reason = _compare(comparison, question, role, host)
        if verdict == "absent":
            return "absent", ""
        if verdict == "unknown":
            unknown = unknown or reason
    return ("unknown", unknown) if unknown is not None else ("present", "")


def _compare(comparison: Comparison, question: Question, role: str, host: str | None) -> tuple[Verdict, str]:
    left, right = (_product(side, question, role, host) for side in (comparison.left, comparison.right))
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


def _product(side: tuple[Factor, ...], question: Question, role: str, host: str | None) -> Operand:
    return product(tuple((operand(question, role, host, factor.name), factor.inverse) for factor in side))


def _say(template: str, question: Question, role: str, host: str | None) -> str:
    return _BRACES.sub(lambda match: operand(question, role, host, match[1]).text or "not set", template)


def _read(
    trap: Trap, group: Iterable[Comparison], question: Question, role: str, host: str | None
) -> tuple[Setting, ...]:
    """Return the settings that were compared, then those that are told: a derived quantity tells what it came from."""
    compared = [factor.name for comparison in group for factor in (*comparison.left, *comparison.right)]
    names = dict.fromkeys([*compared, *_BRACES.findall(trap.says)])
    found = (operand(question, role, host, name).setting for name in names)
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
