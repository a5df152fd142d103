"""What to set: each module with ``advise`` is a rule for one setting or topic, found by a sorted scan of this folder."""

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from dfly_analysis.dataset import Dataset, DatasetOrPaths, as_dataset
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Diagnosis, Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.models import fit_all
from dfly_analysis.recommendation.concurrency import find_reduced_concurrency
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.piece_timeout import required_timeouts
from dfly_analysis.recommendation.recommendations import Advice, Item, NoRecommendation
from dfly_analysis.units import format_size, parse_size

__all__ = ["RecommendationContext", "all_rules", "make_context", "recommend"]

_USUAL_SIZE = "20GiB"
_SEVERAL_RUNS = message("the input holds several runs, and what failed in one says nothing of the settings of another")
_ONE_RUN = message("the files of one run at a time")
_TOPICS = ("download.pieceTimeout", "network", "resources", "storage", "compression")


@cache
def all_rules() -> Mapping[str, Callable[[RecommendationContext], Iterable[Item]]]:
    """Return every rule by the name of its module, sorted."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.advise for name, module in modules.items() if hasattr(module, "advise")}


def recommend(
    dataset: DatasetOrPaths, findings: Iterable[Finding] | None = None, fits: Mapping[str, Any] | None = None, *, size: str | float | None = _USUAL_SIZE,
    target_failure_rate: float = 1e-3, compression_ratio: float | None = None,
) -> Advice:  # fmt: skip
    """Return the settings to change so that layers of a size arrive.

    Parameters
    ----------
    dataset : Dataset, path or sequence of paths
        Its settings are those in force.
    findings : Diagnosis or iterable of Finding, optional
        As `diagnose` returns them; a plain list has no causes.
    fits : mapping of str to fit, optional
        As `fit_all` returns them.
    size : str, float or None
        Of one layer, bytes; None for the largest layer seen.
    target_failure_rate : float
        Share of such layers that may fail by timeouts, between 0 and 1.
    compression_ratio : float, optional
        Uncompressed bytes for each compressed byte of a layer, above 1; typical ratios where not given.

    Returns
    -------
    Advice
        Recommendations, topics without one and why (``no_advice``), and warnings.

    Raises
    ------
    DflyError
        If the size, the target or the ratio is out of range.
    """
    dataset = as_dataset(dataset)
    findings = diagnose(dataset) if findings is None else findings
    fits = fit_all(dataset) if fits is None else fits
    context, notes = make_context(dataset, findings, fits, size=size, target_failure_rate=target_failure_rate)
    if compression_ratio is not None:
        if not 1.0 < compression_ratio < math.inf:
            raise DflyError(f"the compression ratio must be above 1, got {compression_ratio:g}", hint="2.5 is usual for programs")  # fmt: skip
        context = replace(context, compression_ratio=compression_ratio)
    if dataset.input_runs:
        items: list[Item] = [*notes, *(NoRecommendation(topic, _SEVERAL_RUNS, _ONE_RUN) for topic in _TOPICS)]
    else:
        items = [*notes, *(item for rule in all_rules().values() for item in rule(context))]
    advice = Advice.of(items, size_bytes=context.size_bytes, target_failure_rate=context.target)
    cause = context.diagnosis.primary_cause or ""
    marked = (replace(one, addresses_primary_cause=one.acts_on(cause)) for one in advice)
    return replace(advice, recommendations=tuple(sorted(marked, key=lambda one: not one.addresses_primary_cause)))


def make_context(
    dataset: Dataset, findings: Iterable[Finding], fits: Mapping[str, Any], *, size: str | float | None = _USUAL_SIZE,
    target_failure_rate: float = 1e-3,
) -> tuple[RecommendationContext, tuple[Message, ...]]:  # fmt: skip
    """Return the input of the rules, and what was assumed for it, a sentence each; arguments as `recommend`."""
    if not 0.0 < target_failure_rate < 1.0:
        raise DflyError(f"the target failure rate must be between 0 and 1, got {target_failure_rate}", hint="0.001 is usual")  # fmt: skip
    size_bytes, notes = _size(dataset, size)
    diagnosis = findings if isinstance(findings, Diagnosis) else Diagnosis(findings)
    context = RecommendationContext(dataset, diagnosis, fits, size_bytes, target_failure_rate)
    if (note := context.release_note) is not None:
        notes = (*notes, note)
    context = replace(context, needs=required_timeouts(context))
    return replace(context, reduced_concurrency=find_reduced_concurrency(context)), notes


def _size(dataset: Dataset, size: str | float | None) -> tuple[int, tuple[Message, ...]]:
    if size is not None:
        size_bytes = parse_size(size) if not isinstance(size, float) or math.isfinite(size) else 0
        if size_bytes <= 0:
            raise DflyError(f"the layer size must be above 0, got {size}", hint="write a size like 20GiB")
        return size_bytes, ()
    if largest := dataset.rows("SELECT max(size_bytes) FROM tasks")[0][0]:
        observed = format_size(largest)
        return largest, (message("no --size was given: the largest layer seen, {size}, is used", size=observed),)
    assumed = message("no --size was given and the input shows no layer: {size} is used", size=_USUAL_SIZE)
    return parse_size(_USUAL_SIZE), (assumed,)
