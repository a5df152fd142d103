"""Every fit that a dataset has enough data for, by name."""

from dataclasses import replace
from typing import Any

from dfly_analysis.dataset import Dataset, DatasetOrPaths, as_dataset
from dfly_analysis.estimates import NotFitted
from dfly_analysis.messages import message
from dfly_analysis.models.benchmarks import fit_benchmarks
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.failure_by_size import TaskFailureFit, task_failure_by_size
from dfly_analysis.models.link_capacity import fit_link
from dfly_analysis.models.model_selection import MIN_EVENTS, fit_attempts
from dfly_analysis.models.piece_histograms import histogram_attempts
from dfly_analysis.models.registry_time import NAME as REGISTRY
from dfly_analysis.models.registry_time import fit_registry
from dfly_analysis.models.storage import fit_speeds
from dfly_analysis.models.task_calibration import calibrate
from dfly_analysis.models.weighted_attempts import PIECES_SQL, TASKS_SQL, failing_tasks, load_attempts, source_attempts

_ORIGINS = ("source", "parent")
_SEED = "seedClient"
_MIN_OF_A_ROLE = 200
_ALWAYS = ("piece_from_source", "piece_from_parent", "task_failure", "source_capacity", "storage_write")
_SEVERAL_RUNS = message("the input holds several runs, whose times need not be of one distribution")
_ONE_RUN = message("the files of one run at a time")
_TASKS = """
    SELECT size_bytes, piece_bytes, outcome, role, count(*) AS weight, min(started) AS started, max(started) AS last_started
    FROM tasks GROUP BY size_bytes, piece_bytes, outcome, role ORDER BY ALL"""
_USUAL_TIMEOUT = """
    SELECT timeout_s FROM pieces WHERE timeout_s IS NOT NULL GROUP BY timeout_s ORDER BY count(*) DESC, timeout_s LIMIT 1"""


def fit_all(dataset: DatasetOrPaths) -> dict[str, Any]:
    """Fit everything that the tables of a dataset, or of what paths name, have enough data for.

    Returns
    -------
    dict of str to Fit or NotFitted
        ``piece_from_source``, ``piece_from_parent``, ``task_failure``, ``source_capacity``, ``storage_write`` always, and ``benchmark``
        or ``benchmark_<tool>``; ``piece_from_source_seedClient`` and the like where one of several roles has 200 attempts;
        ``registry_time`` where periods of attempts at the source differ beyond chance; ``task_duration`` from rows of whole tasks and
        Prometheus' buckets of them. Of an input that holds several runs nothing is fitted but benchmarks.
    """
    dataset = as_dataset(dataset)
    if dataset.input_runs:
        return {name: NotFitted(name, _SEVERAL_RUNS, _ONE_RUN) for name in _ALWAYS} | fit_benchmarks(dataset)
    result = _piece_fits(dataset)
    source_rows = source_attempts(dataset)
    registry_fit = fit_registry(source_rows, result["piece_from_source"])
    if registry_fit is not None:
        result[REGISTRY] = registry_fit
    link = fit_link(source_rows, failing_tasks(dataset))
    del source_rows
    result["task_failure"] = _task_failure(dataset, result)
    task_duration = fit_attempts(load_attempts(dataset, TASKS_SQL).attempts(of_pieces=False), "task_duration")
    if isinstance(task_duration, DurationFit):
        result["task_duration"] = task_duration
    return result | fit_benchmarks(dataset) | link | fit_speeds(dataset)


def _piece_fits(dataset: Dataset) -> dict[str, Any]:
    """Fit the duration of pieces by origin, and by role where there are several."""
    pieces, result = load_attempts(dataset, PIECES_SQL).with_rows(histogram_attempts(dataset)), {}
    for origin in _ORIGINS:
        name = f"piece_from_{origin}"
        rows = pieces.select("origin", origin)
        result[name] = fit_attempts(rows.attempts(), name)
        by_role = rows.frame.groupby("role")["weight"].sum()
        several = by_role.sum() - by_role >= MIN_EVENTS  # else the role's own distribution is that of all
        for role in sorted(map(str, by_role[several & (by_role >= _MIN_OF_A_ROLE)].index)):
            result[f"{name}_{role}"] = fit_attempts(rows.select("role", role).attempts(), f"{name}_{role}")
    return result


def _task_failure(dataset: Dataset, fits: dict[str, Any]) -> TaskFailureFit | NotFitted:
    """Fit the failures by size, and compare them with those predicted from the duration of a piece, where both are fitted."""
    tasks = dataset.sql(_TASKS)
    fit = task_failure_by_size(tasks)
    timeout = dataset.rows(_USUAL_TIMEOUT)
    source = (fits.get(f"piece_from_source_{_SEED}"), fits["piece_from_source"])
    duration_fit = next((one for one in source if isinstance(one, DurationFit)), None)
    if not isinstance(fit, TaskFailureFit) or duration_fit is None or not timeout:
        return fit
    versions = dataset.settings.versions
    slots = dataset.settings.pieces_in_flight(_SEED).number
    version = versions.get(_SEED) or versions.get("client")
    return replace(fit, calibration=calibrate(duration_fit, tasks, float(timeout[0][0]), version, slots))
