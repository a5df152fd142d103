"""The JSON shapes that scripts build on: only JSON's own types; what is not a finite number is null."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from dfly_analysis.schema import COVERAGE

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis
    from dfly_analysis.recommendation.recommendations import Advice

SCHEMA_VERSION = 1
_OF_DIAGNOSIS = ("primary_cause", "strength", "alternatives", "remedy", "next_step", "causes")
_OF_ADVICE = ("size_bytes", "target_failure_rate", "recommendations", "no_advice", "estimates", "warnings")
_DIGITS = 12
"""Significant digits of a number: threads add up in any order, which moves the sixteenth."""


def diagnose_json(dataset: Dataset, findings: Diagnosis) -> dict[str, Any]:
    """Shape a diagnosis and the coverage, and what it states with its support: see `Statement`."""
    from dfly_analysis.reporting.consistency import reconcile
    from dfly_analysis.reporting.statements import statements_of_diagnosis

    found, contradictions = reconcile(tuple(statements_of_diagnosis(dataset, findings)))
    content = {name: getattr(findings, name) for name in _OF_DIAGNOSIS}
    content |= {name: content[name] or None for name in ("remedy", "next_step")}
    shown = {"findings": findings, "coverage": coverage_json(dataset.coverage)}
    return versioned({**content, **shown, "statements": found, "contradictions": contradictions})


def coverage_json(coverage: pd.DataFrame) -> dict[str, Any]:
    """Sum up what was read: files, lines, records, rejected lines, first and last."""
    sums = {name: int(coverage[name].fillna(0).sum()) for name in ("lines", "parsed", "rejected")}
    times = {"first": coverage["first"].min(), "last": coverage["last"].max()}
    return plain_json({"files": len(coverage), **sums, **times})  # type: ignore[no-any-return]


def coverage_rows_json(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the files with every column of `COVERAGE`; times are numpy's, and written to the millisecond."""

    def cell(value: Any) -> Any:
        return f"{value.astype('M8[ms]')}Z" if hasattr(value, "dtype") else value

    return [{name: cell(row.get(name)) for name in COVERAGE.names} for row in rows]


def fit_json(fits: Mapping[str, Any]) -> dict[str, Any]:
    """Shape fits: ``fits`` and ``not_fitted``."""
    from dfly_analysis.estimates import NotFitted

    result = [_fit(name, fit) for name, fit in fits.items() if not isinstance(fit, NotFitted)]
    missing = [{**plain_json(fit), "name": name} for name, fit in fits.items() if isinstance(fit, NotFitted)]
    return versioned({"fits": result, "not_fitted": missing})


def _fit(name: str, fit: Any) -> dict[str, Any]:
    shown = {
        "name": name, "law": fit.model, "params": fit.params, "n": fit.n, "n_censored": fit.n_censored,
        "goodness": fit.goodness, "window": fit.window or None, "extrapolates_beyond_s": fit.extrapolates_beyond_s,
    }  # fmt: skip
    if hasattr(fit, "notes"):
        shown["notes"] = fit.notes
    if hasattr(fit, "common_quantiles"):
        shown["quantiles"] = [_stated(fit, row) for row in fit.common_quantiles()]
    if getattr(fit, "calibration", None) is not None:
        shown["calibration"] = fit.calibration
    if hasattr(fit, "bins"):
        shown["bins"] = fit.bins
    return shown


def _stated(fit: Any, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a quantile without what lies beyond `FACTOR` times the longest time seen."""
    from dfly_analysis.estimates import Interval

    found = Interval(row["value_s"], row["low_s"], row["high_s"]).up_to(fit.seen_s(row["size_bytes"]))
    value = found.value if found.value == row["value_s"] else None
    return {**row, "value_s": value, "low_s": found.low, "high_s": found.high}


def recommend_json(advice: Advice) -> dict[str, Any]:
    """Shape advice: ``recommendations``, ``no_advice``, ``estimates``, ``warnings`` size and target."""
    return versioned({name: getattr(advice, name) for name in _OF_ADVICE})


def settings_json(dataset: Dataset) -> dict[str, Any]:
    """Shape the settings: chart, versions, what is in force with its layer and source, and what is ignored."""
    from dfly_analysis.config.ignored_keys import ignored_paths

    settings = dataset.settings
    ignored = [{"path": path, "reason": reason} for path, reason in ignored_paths(settings)]
    content = {"chart": settings.chart, "versions": settings.versions, "in_force": settings.table().to_dict("records")}
    return plain_json({**content, "ignored": ignored})  # type: ignore[no-any-return]


def inputs_json(dataset: Dataset) -> list[dict[str, Any]]:
    """List the files that were read: path, sha256 and lines."""
    names = ("path", "sha256", "lines")
    return [dict(zip(names, row, strict=True)) for row in dataset.rows("SELECT path, sha256, lines FROM coverage")]


def versioned(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result as JSON shows it: the version of its shape first, the rest in JSON's own types."""
    return {"schema_version": SCHEMA_VERSION, **plain_json(content)}


def plain_json(value: Any) -> Any:
    """Return a value in JSON's own types: times as ISO text, what is missing or not finite as null."""
    if isinstance(value, Mapping):
        return {str(name): plain_json(inner) for name, inner in value.items()}
    if is_dataclass(value):
        return {one.name: plain_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain_json(inner) for inner in value]
    value = value.item() if hasattr(value, "item") else value
    if type(value).__name__ in {"NAType", "NaTType"} or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
