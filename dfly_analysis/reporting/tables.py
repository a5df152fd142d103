"""The tables of a report as DataFrames."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.findings import Diagnosis
from dfly_analysis.recommendation.recommendations import Advice


def report_tables(
    dataset: Dataset, findings: Diagnosis, fits: Mapping[str, Any], advice: Advice
) -> dict[str, pd.DataFrame]:
    """Return causes, findings, recommendations, estimates, settings, jobs, failed tasks, fits, benchmark results and coverage."""
    return {
        "causes": _frame(findings.causes),
        "findings": _frame(findings, without=("evidence",)),
        "recommendations": _frame(advice.recommendations),
        "estimates": _frame(advice.estimates),
        "no_advice": _frame(advice.no_advice),
        "settings": dataset.settings.table(),
        "jobs": dataset.jobs.copy(),
        "failed_tasks": dataset.sql(f"SELECT * FROM tasks WHERE {FAILED} ORDER BY ended NULLS LAST, host, task_id"),
        "fits": _parameters(fits),
        "benchmarks": dataset.runs.copy(),
        "coverage": dataset.coverage.copy(),
    }


def _frame(values: Iterable[Any], without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return a row a value, a column a field; fields that are values themselves become text."""
    rows = [{name: _cell(cell) for name, cell in vars(one).items() if name not in without} for one in values]
    return pd.DataFrame(rows)


def _cell(value: Any) -> Any:
    is_plain = value is None or isinstance(value, bool | int | float | str) or hasattr(value, "dtype")
    return value if is_plain else str(value)


def _parameters(fits: Mapping[str, Any]) -> pd.DataFrame:
    columns = ("fit", "distribution", "n", "n_censored", "parameter", "value", "low", "high", "unit")
    params = ((name, fit, one) for name, fit in fits.items() if fit for one in fit.params)
    rows = [
        (name, fit.model, fit.n, fit.n_censored, one.name, one.value, one.low, one.high, one.unit)
        for name, fit, one in params
    ]
    return pd.DataFrame(rows, columns=columns)
