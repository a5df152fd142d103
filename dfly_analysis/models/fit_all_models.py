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
_FEWEST_OF_A_ROLE = 200

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
    made: dict[str, Any] = {}
    for origin in _ORIGINS:
        name = f"piece_from_{origin}"
        rows = pieces[(pieces["origin"] == origin).fillna(value=False)]
        made[name] = fit_duration(rows, name=name)
        roles = rows["role"].value_counts() if "role" in rows.columns else pd.Series(dtype="int64")
        for role in sorted(str(role) for role, count in roles.items() if count >= _FEWEST_OF_A_ROLE and len(roles) > 1):
            made[f"{name}_{role}"] = fit_duration(rows[rows["role"] == role], name=f"{name}_{role}")
    told = fit_registry(dataset.pieces, made["piece_from_source"])
    if told is not None:
        made[REGISTRY] = told
    made["task_failure"] = _calibrated(dataset, task_failure_by_size(dataset.tasks), made)
    tasks = whole_tasks(dataset.tasks, getattr(dataset, "runs", None))
    lasting = fit_duration(tasks, name="task_duration", of_pieces=False)
    if isinstance(lasting, DurationFit):
        made["task_duration"] = lasting
    for fitter in further_fitters():
        made |= fitter(dataset)
    return made


def _calibrated(dataset: Frames, fit: TaskFailureFit | NotFitted, laws: Fits) -> TaskFailureFit | NotFitted:
    """Set the failures seen beside those the law of a piece foretells, where both are there."""
    name = "piece_from_source"
    law = next((laws[key] for key in (f"{name}_{_SEED}", name) if isinstance(laws.get(key), DurationFit)), None)
    if not isinstance(fit, TaskFailureFit) or not isinstance(law, DurationFit):
        return fit
    settings: Any = getattr(dataset, "settings", None)
    versions = getattr(settings, "versions", {})
    slots = settings.get("download.concurrentPieceCount", _SEED).number if settings else None
    version = versions.get(_SEED) or versions.get("client")
    return replace(fit, calibration=calibrate(law, dataset.tasks, dataset.pieces, version, slots))
