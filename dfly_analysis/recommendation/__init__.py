"""What to set: each rule looks at one setting; discovery is a sorted scan of this folder for modules that have ``advise``."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from dfly_analysis.catalog.releases import releases
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Diagnosis, Finding
from dfly_analysis.recommendation.concurrency import find_reduced_concurrency
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.recommendations import Advice, merge
from dfly_analysis.recommendation.required_timeout import find_needs
from dfly_analysis.units import format_size, parse_size

__all__ = ["RecommendationContext", "all_rules", "make_context", "recommend"]

_USUAL_SIZE = "20GiB"
# What a cause is cured by stands first; timeouts do by the order of rules.
_CURES: Mapping[str, tuple[str, ...]] = {
    "disk_full": ("persistence.", "gc."), "resource_limit": ("resources.",), "rate_limited": ("download.concurrentPieceCount",),
}  # fmt: skip


@cache
def all_rules() -> Mapping[str, Callable[[RecommendationContext], Advice]]:
    """Return every rule by the name of its module, sorted."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.advise for name, module in modules.items() if hasattr(module, "advise")}


def recommend(
    dataset: Dataset,
    findings: Iterable[Finding],
    fits: Mapping[str, Any],
    *,
    size: str | float | None = _USUAL_SIZE,
    target_failure_rate: float = 1e-3,
    compression_ratio: float | None = None,
) -> Advice:
    """Return what to set so that layers of a size come through.

    Parameters
    ----------
    dataset : Dataset
        As it was loaded; its settings are those in force.
    findings : Diagnosis or iterable of Finding
        As `diagnose` found them; a plain list has no causes.
    fits : mapping of str to fit
        As `fit_all` made them.
    size : str, float or None
        Of one layer, bytes; None for the largest layer seen.
    target_failure_rate : float
        Share of such layers that may fail by timeouts, between 0 and 1.
    compression_ratio : float, optional
        Bytes of files that a compressed byte of a layer holds, above 1; without it what is usual counts.

    Returns
    -------
    Advice
        Recommendations, topics without one and why, and warnings. What cannot be told is in ``no_advice``.

    Raises
    ------
    DflyError
        Where the size, the target or the ratio is out of range.
    """
    context, notes = make_context(dataset, findings, fits, size=size, target_failure_rate=target_failure_rate)
    if compression_ratio is not None:
        if not 1.0 < compression_ratio < math.inf:
            raise DflyError(
                f"a layer cannot be compressed {compression_ratio:g} times", hint="2.5 is usual for programs"
            )
        context = replace(context, compression_ratio=compression_ratio)
    results = [rule(context) for rule in all_rules().values()]
    parts = [Advice(warnings=notes), *results]
    advice = merge(parts, size_bytes=context.size_bytes, target_failure_rate=context.target)
    cures = _CURES.get(context.diagnosis.primary_cause or "", ())
    return replace(advice, recommendations=tuple(sorted(advice, key=lambda one: not one.key.startswith(cures))))


def make_context(
    dataset: Dataset,
    findings: Iterable[Finding],
    fits: Mapping[str, Any],
    *,
    size: str | float | None = _USUAL_SIZE,
    target_failure_rate: float = 1e-3,
) -> tuple[RecommendationContext, tuple[str, ...]]:
    """Return what rules are given, and what was assumed in making it, a sentence each; arguments as `recommend`."""
    if not 0.0 < target_failure_rate < 1.0:
        raise DflyError(f"a target failure rate of {target_failure_rate} is not between 0 and 1", hint="0.001 is usual")
    size_bytes, notes = _size(dataset, size)
    diagnosis = findings if isinstance(findings, Diagnosis) else Diagnosis(findings)
    context = RecommendationContext(dataset, diagnosis, fits, size_bytes, target_failure_rate)
    if context.client_version is None:
        newest = releases("client")[-1]
        notes += (
            f"the client's version is not known: pieces are taken to be cut as {newest} does; name it or the chart",
        )
    needed = replace(context, needs=find_needs(context))
    return replace(needed, reduced_concurrency=find_reduced_concurrency(needed)), notes


def _size(dataset: Dataset, size: str | float | None) -> tuple[int, tuple[str, ...]]:
    if size is not None:
        if isinstance(size, float) and not math.isfinite(size):
            raise DflyError(f"a layer of {size} bytes cannot be", hint="write a size like 20GiB")
        size_bytes = parse_size(size)
        if size_bytes <= 0:
            raise DflyError(f"a layer of {size_bytes} bytes cannot be", hint="write a size like 20GiB")
        return size_bytes, ()
    observed = dataset.tasks["size_bytes"].dropna()
    if len(observed) and int(observed.max()) > 0:
        largest = int(observed.max())
        return largest, (f"no size was asked for: the advice is for the largest layer seen, {format_size(largest)}",)
    return parse_size(_USUAL_SIZE), (f"no size was asked for and none was seen: the advice is for {_USUAL_SIZE}",)
