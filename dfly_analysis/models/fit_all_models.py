"""Every fit a dataset can carry, by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from dfly_analysis.estimates import NotFitted
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.failure_by_size import TaskFailureFit, task_failure_by_size
from dfly_analysis.models.histogram_data import whole_tasks
from dfly_analysis.models.input_columns import COLUMNS
from dfly_analysis.models.model_selection import fit_duration
from dfly_analysis.models.registry_time import NAME as REGISTRY
from dfly_analysis.models.registry_time import fit_registry
from dfly_analysis.models.task_calibration import calibrate

_ORIGINS = ("source", "parent")
_SEED = "seedClient"
_MIN_OF_A_ROLE = 200

Fits = dict[str, DurationFit | TaskFailureFit | NotFitted]


class Frames(Protocol):
    """The two tables fits are made of."""

    @property
    def pieces(self) -> pd.DataFrame:
        """Return the attempts at pieces."""
        ...

    @property
    def tasks(self) -> pd.DataFrame:
        """Return the tasks."""
        ...


@cache
def further_fitters() -> tuple[Callable[[Frames], dict[str, Any]], ...]:
    """Return ``fit_from_dataset`` of every module of this folder that has one, in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"{__package__}.{name}") for name in names]
    return tuple(module.fit_from_dataset for module in modules if hasattr(module, "fit_from_dataset"))


def fit_all(dataset: Frames) -> dict[str, Any]:
    """Fit everything the tables carry.

    Parameters
    ----------
    dataset : object with ``pieces`` and ``tasks``
        Frames as the tables' schemas say; ``runs`` and ``settings`` are used where it has them.

    Returns
    -------
    dict of str to fit or NotFitted
        ``piece_from_source``, ``piece_from_parent`` and ``task_failure`` always; ``piece_from_source_seedClient`` and
        the like where a role other than the only one has 200 attempts; ``registry_time`` where stretches of attempts at the
        source differ beyond chance; ``task_duration`` where log rows of whole tasks
        and Prometheus' buckets of them carry it; then what the other modules of this folder fit.
    """
    pieces = dataset.pieces[[name for name in dataset.pieces.columns if name in (*COLUMNS, "role")]]
    result: dict[str, Any] = {}
    for origin in _ORIGINS:
        name = f"piece_from_{origin}"
        rows = pieces[(pieces["origin"] == origin).fillna(value=False)]
        result[name] = fit_duration(rows, name=name)
        roles = rows["role"].value_counts() if "role" in rows.columns else pd.Series(dtype="int64")
        for role in sorted(str(role) for role, count in roles.items() if count >= _MIN_OF_A_ROLE and len(roles) > 1):
            result[f"{name}_{role}"] = fit_duration(rows[rows["role"] == role], name=f"{name}_{role}")
    registry_fit = fit_registry(dataset.pieces, result["piece_from_source"])
    if registry_fit is not None:
        result[REGISTRY] = registry_fit
    result["task_failure"] = _calibrated(dataset, task_failure_by_size(dataset.tasks), result)
    tasks = whole_tasks(dataset.tasks, getattr(dataset, "runs", None))
    task_duration = fit_duration(tasks, name="task_duration", of_pieces=False)
    if isinstance(task_duration, DurationFit):
        result["task_duration"] = task_duration
    for fitter in further_fitters():
        result |= fitter(dataset)
    return result


def _calibrated(dataset: Frames, fit: TaskFailureFit | NotFitted, fits_so_far: Fits) -> TaskFailureFit | NotFitted:
    """Set the failures seen beside those the law of a piece foretells, where both are there."""
    name = "piece_from_source"
    duration_fit = next(
        (fits_so_far[key] for key in (f"{name}_{_SEED}", name) if isinstance(fits_so_far.get(key), DurationFit)), None
    )
    if not isinstance(fit, TaskFailureFit) or not isinstance(duration_fit, DurationFit):
        return fit
    settings: Any = getattr(dataset, "settings", None)
    versions = getattr(settings, "versions", {})
    slots = settings.get("download.concurrentPieceCount", _SEED).number if settings else None
    version = versions.get(_SEED) or versions.get("client")
    return replace(fit, calibration=calibrate(duration_fit, dataset.tasks, dataset.pieces, version, slots))
