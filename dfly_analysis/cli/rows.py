"""What people are shown of a diagnosis, of fits and of advice: rows of tables, and a card for each recommendation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dfly_analysis.cli.printing import as_table, terminal_width, wrap
from dfly_analysis.units import format_duration, format_rate, format_share, format_size, size_class

if TYPE_CHECKING:
    from dfly_analysis.advice import Advice, NoAdvice, Recommendation
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis

Rows = list[dict[str, Any]]
_LABEL = 12
_QUANTILES = (0.5, 0.99, 0.999)


def diagnosis_tables(dataset: Dataset, findings: Diagnosis) -> dict[str, Rows]:
    """Return findings, causes, evidence and what the input lacks, by heading."""
    failed, total = len(dataset.failed_tasks), len(dataset.tasks)
    heading = f"{failed} of {total} tasks failed; primary cause: {findings.primary_cause or 'none'}"
    nothing = "nothing bad was seen"
    if not total:
        heading = f"no task is seen in this input; primary cause: {findings.primary_cause or 'none'}"
        nothing = "no finding, which says little: no task is seen in this input"
    present = findings.present()
    rows: Rows = [
        {"severity": one.severity, "finding": one.id, "count": one.count, "tasks": one.tasks, "what": one.reason}
        for one in present
    ]
    causes: Rows = [
        {"cause": one.cause, "tasks": one.tasks, "share": format_share(one.share), "95 % interval": f"{format_share(one.low)} to {format_share(one.high)}", "confidence": one.confidence}
        for one in findings.causes
    ]  # fmt: skip
    return {
        f"{heading}\n\nFindings": rows or [{"severity": "-", "finding": "none", "what": nothing}],
        "Causes of the failed tasks": causes,
        "Evidence": [
            {"finding": one.id, "line": f"{line.path}:{line.line}"} for one in present for line in one.evidence[:2]
        ],
        "What the input lacks": [{"": "-", "what": text} for text in dataset.missing_inputs],
    }


def fit_rows(fits: Mapping[str, Any]) -> Rows:
    """Return one row for each parameter of each fit, for programs."""
    return [
        {"fit": name, "law": one.law, "n": one.n, "censored": one.n_censored, "parameter": param.name, "value": param.value, "low": param.low,
         "high": param.high, "unit": param.unit}
        for name, one in fits.items()
        for param in one.params
    ]  # fmt: skip


def fits_text(fits: Mapping[str, Any], missing: Mapping[str, Any]) -> str:
    """Return each fit under its own heading, with the times it predicts, then what could not be fitted."""
    parts = []
    for name, one in fits.items():
        title = f"{name}: law {one.law}, {one.n} rows, {one.n_censored} of them censored"
        rows = [
            {"parameter": param.name, "value": param.value, "95 % interval": f"{param.low:.4g} to {param.high:.4g}", "unit": param.unit}
            for param in one.params
        ]  # fmt: skip
        head = as_table(title, rows) if rows else title  # a law of the data alone has no parameters
        parts.append("\n".join([head, *_predictions(one), *_said(getattr(one, "notes", ()))]))
    refused = [
        {"fit": name, "reason": one.reason, "what to collect": one.collect or None} for name, one in missing.items()
    ]
    return "\n\n".join([*parts, *([as_table("Not fitted", refused)] if refused else [])])


def _predictions(fit: Any) -> Iterable[str]:
    """Say how long a piece or task of the usual length takes by a law of durations, and how many tasks of each size failed."""
    for one in getattr(fit, "bins", ()):
        rate = f"{format_share(one.rate.value)} ({format_share(one.rate.low)} to {format_share(one.rate.high)})"
        yield f"  of tasks {size_class(one.from_bytes, one.to_bytes)} {one.failed} of {one.n} failed, {rate}"
    if not hasattr(fit, "quantile") or not hasattr(fit, "attempts"):
        return
    whole = "tasks" if fit.name == "task_duration" else "pieces"
    sizes = sorted(fit.attempts.size_bytes)
    size_bytes = float(sizes[len(sizes) // 2])
    for p in _QUANTILES:
        found = fit.quantile(size_bytes, p)
        low, bounded = format_duration(found.low), math.isfinite(found.bound)
        span = f"{low} to {format_duration(found.high)}" if bounded else f"at least {low}"
        shown = f"{format_duration(found.value)} ({span}), if nothing cuts them"
        yield f"  {format_share(p)} of {whole} of {format_size(size_bytes)} take at most {shown}"


def _said(notes: Iterable[str]) -> Iterable[str]:
    for note in notes:
        yield from _hanging("  note: ", note)


def advice_rows(advice: Advice) -> Rows:
    """Return one row for each recommendation, for programs."""
    return [
        {"set": one.helm_path, "now": one.current.value, "to": one.proposed, "low": one.low, "high": one.high, "unit": one.unit,
         "confidence": one.confidence, "demands": format_rate(one.demanded_bandwidth_bps) if one.demanded_bandwidth_bps else None,
         "because": one.because, "how_to_check": one.how_to_check}
        for one in advice
    ]  # fmt: skip


def estimate_rows(advice: Advice) -> Rows:
    """Return one row for each estimate, quantities in words."""
    return [
        {"topic": one.topic, "of": one.role, "what": one.what, "value": _quantity(one.value, one.unit),
         "interval": f"{_quantity(one.low, one.unit)} to {_quantity(one.high, one.unit)}", "basis": one.basis, "confidence": one.confidence}
        for one in advice.estimates
    ]  # fmt: skip


def advice_text(advice: Advice, overlay: str | None) -> str:
    """Return a card for each recommendation, then the topics without advice.

    Parameters
    ----------
    advice : Advice
    overlay : str or None
        Path of the Helm values written, which are the way to apply it all.
    """
    target = format_share(advice.target_failure_rate)
    parts = [f"For a layer of {format_size(advice.size_bytes)}, at most {target} of layers failing"]
    parts += [_card(one) for one in advice] or ["Nothing to set; see the reasons below."]
    if advice.estimates:
        parts.append(as_table("What hosts, links and volumes need or give", estimate_rows(advice)))
    if advice.no_advice:
        parts.append("\n".join(["No advice", *(line for one in advice.no_advice for line in _silence(one))]))
    if overlay:
        parts.append(f"Helm values: {overlay}   (apply with: helm upgrade … -f {overlay})")
    elif advice.recommendations:
        parts.append("`--overlay FILE` writes these as Helm values.")
    return "\n\n".join(parts)


def _silence(one: NoAdvice) -> Iterable[str]:
    yield from _hanging("  ", f"{one.role} {one.topic}: {one.reason}".strip(), "  ")
    if one.collect:
        yield from _hanging("    ", f"collect: {one.collect}", "  ")


def _card(one: Recommendation) -> str:
    needed = f"{_quantity(one.low, one.unit)} to {_quantity(one.high, one.unit)}"
    lines = [f"{one.helm_path}: {one.current.value or 'unknown'} -> {one.proposed}"]
    lines += _labelled("needed", f"{needed}; confidence {one.confidence}")
    if one.demanded_bandwidth_bps:
        lines += _labelled("demands", f"{format_rate(one.demanded_bandwidth_bps)} from the source")
    for number, reason in enumerate(one.because.split("; ")):
        lines += _labelled("because" if number == 0 else "", f"- {reason}", "  ")
    lines += _labelled("check", one.how_to_check)
    if one.rule_of_thumb:
        lines += _labelled("compare", one.rule_of_thumb)
    return "\n".join(lines)


def _quantity(value: float, unit: str) -> str:
    if math.isinf(value):
        return "unbounded"
    printed = {"s": format_duration, "B/s": format_rate, "bytes": format_size, "share": format_share}.get(unit)
    return printed(value) if printed else f"{value:.4g} {unit}".removesuffix(" 1")


def _labelled(label: str, text: str, indent: str = "") -> list[str]:
    return _hanging(f"  {label}".ljust(_LABEL), text, indent)


def _hanging(head: str, text: str, indent: str = "") -> list[str]:
    """Wrap a text behind a head; further lines stand below its beginning."""
    margin = " " * len(head)
    first, *rest = wrap(text, terminal_width() - len(head) - len(indent))
    return [head + first, *(margin + indent + line for line in rest)]
