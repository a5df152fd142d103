"""Plans the preheat of an image: stages, layers in parallel, times and failures, and the pull and the start afterwards."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from dfly_analysis.catalog.job_api import JobApi, job_api
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, message
from dfly_analysis.recommendation import preheat_jobs
from dfly_analysis.recommendation import transfer_times as transfers
from dfly_analysis.recommendation.context import CLIENT_ROLES, PIECE
from dfly_analysis.recommendation.manifest import Layer, Manifest, total_bytes
from dfly_analysis.recommendation.prediction import ROLE, uncovered_failures
from dfly_analysis.recommendation.preheat_jobs import PlannedCheck
from dfly_analysis.recommendation.transfer_times import ENDS, Link, Links, any_failure, makespan
from dfly_analysis.units import format_duration, format_share, format_size

MAX_PARALLEL = 8  # the manager's default from v2.3.1 on
_FIRST_SHARE = 0.1
_NYDUS_BOOTSTRAP = "containerd.io/snapshot/nydus-bootstrap"
_NEARLY = 1.05


@dataclass(frozen=True)
class Stage:
    """Layers that are preheated together, before the next stage (``start-up``, ``rest``) begins."""

    name: str
    layers: tuple[Layer, ...]
    time: Interval | None = None
    failure: Interval | None = None  # probability that at least one layer fails
    largest_failure: Interval | None = None
    margin: float | None = None  # piece timeout in even shares of the bandwidth: below 1 every piece times out

    @property
    def size_bytes(self) -> int | None:
        return total_bytes(self.layers)


@dataclass(frozen=True)
class Degree:
    """The effect of a number of layers in parallel on all stages together."""

    parallel: int
    time: Interval | None
    failure: Interval | None
    margin: float | None


@dataclass(frozen=True)
class Pull:
    """The pull and the start on a node, seconds, with ``nothing preheated``, ``on a seed`` or ``on the node``."""

    case: str
    pull: Interval | None
    start: Interval | None  # with unpacking
    start_up_layers: Interval | None  # then a lazily loading snapshotter can begin
    failure: Interval | None


@dataclass(frozen=True)
class PreheatPlan:
    """How to preheat an image, and the expected effect."""

    manifest: Manifest
    scope: str
    parallel: int  # layers fetched at a time
    stages: tuple[Stage, ...]
    degrees: tuple[Degree, ...]
    pulls: tuple[Pull, ...]
    jobs: tuple[Mapping[str, Any], ...]
    """``stage`` and ``payload`` in order, at last the whole image, which fetches what is missing."""
    checks: tuple[PlannedCheck, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    def without_failures(self, why: Message) -> Self:
        """Return the plan without failure rates of the preheat, and a warning why."""
        stages = tuple(replace(stage, failure=None, largest_failure=None) for stage in self.stages)
        degrees = tuple(replace(one, failure=None) for one in self.degrees)
        return replace(self, stages=stages, degrees=degrees, warnings=(why, *self.warnings))

    @property
    def time(self) -> Interval | None:
        return _sum([stage.time for stage in self.stages])

    @property
    def failure(self) -> Interval | None:
        return any_failure([stage.failure for stage in self.stages])


def plan_preheat(  # noqa: PLR0913 - each is an option of the command
    manifest: Manifest, *, settings: Settings, dataset: Dataset | None = None, fits: Mapping[str, Any] | None = None,
    first: Sequence[str] = (), annotation: str | None = None, scope: str = "single_seed_peer", parallel: int | None = None,
    target_failure_rate: float = 1e-3, rates: Mapping[str, float | None] | None = None,
) -> PreheatPlan:  # fmt: skip
    """Plan a preheat; a DflyError if a digest is not in the manifest, or the manager has no such scope.

    Times come from a run with the same registry and cluster (`dataset`, `fits`), else from `rates` in bytes per second of the ``registry``,
    from a ``seed`` client to a node, of the ``node``'s own cache, and of ``unpack``. Needed for start-up are layers whose digests begin
    with one of `first`, or that have an `annotation` other than ``false``. `target_failure_rate` is that of the whole preheat.
    """
    links = transfers.find_links(settings, dataset, fits, dict(rates or {}))
    uncovered = {}
    if dataset is not None:
        uncovered = {role: found for role in CLIENT_ROLES if (found := uncovered_failures(dataset, role))}
        links = links.without_failures(source=ROLE in uncovered, pulls="client" in uncovered)
    if dataset is not None:
        query = """
            SELECT regexp_extract(url, '/blobs/([a-z0-9]+:[0-9a-f]+)', 1) AS digest, max(size_bytes) FROM tasks
            WHERE size_bytes IS NOT NULL AND digest != '' GROUP BY digest"""
        manifest = manifest.with_sizes(dict(dataset.rows(query)))
    server = "manager" if settings.versions.get("manager") else "scheduler"
    api = job_api(settings.versions.get(server))
    preheat_jobs.scope_name(api, scope)
    stages, basis = _stages(manifest, first, annotation)
    most = max(1, min(MAX_PARALLEL, len(manifest.layers)))
    degrees = tuple(_degree(stages, links.source, number) for number in range(1, most + 1))
    chosen = parallel or _choose(degrees, target_failure_rate)
    evaluated = tuple(one for stage in stages for one in _split(stage, links.source, chosen, api))
    longest_s = max((stage.time.high for stage in evaluated if stage.time), default=None)
    timeout_s = preheat_jobs.job_timeout_s(api, longest_s)
    return PreheatPlan(
        manifest=manifest, scope=scope, parallel=chosen, stages=evaluated, degrees=degrees,
        pulls=tuple(_pulls(evaluated, links)), jobs=tuple(_jobs(manifest, evaluated, api, scope, chosen, timeout_s)),
        checks=preheat_jobs.checks_of(manifest, api, scope), assumptions=(basis, *links.assumptions, *preheat_jobs.notes_of(api, timeout_s, settings.assumed(server))),
        warnings=(*(one.text for one in uncovered.values()), *_warnings(manifest, evaluated, links.source, api)),
    )  # fmt: skip


def _stages(manifest: Manifest, first: Sequence[str], annotation: str | None) -> tuple[list[Stage], Message]:
    layers = manifest.layers
    if first:
        chosen = {_find(manifest, digest) for digest in first}
        basis = message("start-up layers are those given with --first")
    elif annotation:
        chosen = {one.digest for one in layers if one.annotations.get(annotation, "false").lower() != "false"}
        basis = message("start-up layers have the annotation {annotation}", annotation=annotation)
        if not chosen:
            text = f"no layer has the annotation {annotation}"
            raise DflyError(text, where=manifest.source, hint="name layers with --first")
    elif marked := {one.digest for one in layers if one.annotations.get(_NYDUS_BOOTSTRAP) == "true"}:
        chosen, basis = marked, message("the Nydus bootstrap is needed for start-up")
    else:
        chosen = _leading(manifest)
        basis = message(
            "the start-up layers are not known: the first {n:,} in the manifest's order, up to a tenth of the image, are assumed; name "
            "them with --first or --first-annotation", n=len(chosen),
        )  # fmt: skip
    parts = {"start-up": [one for one in layers if one.digest in chosen], "rest": [one for one in layers if one.digest not in chosen]}  # fmt: skip
    return [Stage(name, tuple(part)) for name, part in parts.items() if part], basis


def _find(manifest: Manifest, requested: str) -> str:
    bare, digests = requested.rpartition(":")[2].lower(), [one.digest for one in manifest.layers]
    fitting = [digest for digest in digests if bare and digest.rpartition(":")[2].lower().startswith(bare)]
    if len(fitting) == 1:
        return fitting[0]
    text = f"{len(fitting)} layers start with {requested}" if fitting else f"no layer has the digest {requested}"
    hint = suggest_similar(requested, digests) or "--format json lists the layers"
    raise DflyError(text, where=manifest.source, hint=hint)


def _leading(manifest: Manifest) -> set[str]:
    total, observed, found = manifest.size_bytes or 0, 0, set[str]()
    for layer in manifest.layers:
        observed += layer.size_bytes or 0
        if found and observed > _FIRST_SHARE * total:
            break
        found.add(layer.digest)
    return found


def _degree(stages: Sequence[Stage], link: Link, parallel: int) -> Degree:
    done = [_evaluate(stage, link, parallel) for stage in stages]
    margin = min((stage.margin for stage in done if stage.margin is not None), default=None)
    return Degree(parallel, _sum([one.time for one in done]), any_failure([one.failure for one in done]), margin)


def _choose(degrees: Sequence[Degree], target: float) -> int:
    """Return the fewest layers at a time that are nearly the fastest among those that meet the target, or come nearest."""
    timed = [(one, one.time.value) for one in degrees if one.time is not None]
    if not timed:
        return 1
    failures = [one.failure.value for one, _ in timed if one.failure is not None]
    if len(failures) == len(timed):
        bound = max(target, 1.1 * min(failures))
        timed = [pair for pair, failure in zip(timed, failures, strict=True) if failure <= bound]
    elif any(one.margin is not None for one, _ in timed):
        timed = [(one, time) for one, time in timed if (one.margin or 0.0) >= transfers.MARGIN] or timed[:1]
    fastest = min(time for _, time in timed)
    return next(one.parallel for one, time in timed if time <= _NEARLY * fastest)


def _split(stage: Stage, link: Link, parallel: int, api: JobApi) -> list[Stage]:
    """Evaluate a stage, split where its job would outlast the manager's polling and its layers have no deadline of their own."""
    done = _evaluate(stage, link, parallel)
    if api.per_layer or done.time is None or done.time.high <= api.window_s or len(stage.layers) == 1:
        return [done]
    half = max(1, len(stage.layers) // 2)
    parts = (replace(stage, layers=stage.layers[:half]), replace(stage, layers=stage.layers[half:]))
    return [one for part in parts for one in _split(part, link, parallel, api)]


def _evaluate(stage: Stage, link: Link, parallel: int) -> Stage:
    sizes = [layer.size_bytes for layer in stage.layers if layer.size_bytes is not None]
    if not link.is_known or len(sizes) < len(stage.layers):
        return stage
    concurrent = sorted(sizes, reverse=True)[:parallel]
    if link.duration_model is None and link.bandwidth_bps:
        # an even link is full as long as any layer is left, whichever they are
        even = sum(sizes) / link.bandwidth_bps
        time: Interval | None = Interval(even, even, even)
    else:
        times = [link.layer_time(size, concurrent) for size in sizes]
        ends = np.array([(one.value, one.low, one.high) for one in times if one is not None])
        value, low, high = makespan(ends.T, parallel).tolist()
        time = Interval(value, min(value, low), max(value, high))
    failures, largest = [link.layer_failure(size, concurrent) for size in sizes], max(sizes)
    return replace(
        stage, time=time, failure=any_failure(failures), largest_failure=failures[sizes.index(largest)],
        margin=link.margin(largest, concurrent),
    )  # fmt: skip


def _sum(times: Sequence[Interval | None]) -> Interval | None:
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return None
    return Interval(*(sum(getattr(one, end) for one in known) for end in ENDS))


def _pulls(stages: Sequence[Stage], links: Links) -> Iterator[Pull]:
    layers = tuple(layer for stage in stages for layer in stage.layers)
    first, unpack = stages[0].layers if stages else (), links.unpack_s(layers)
    unpacked = Interval(unpack, unpack, unpack) if unpack is not None else None
    network: tuple[Interval | None, Interval | None] = (None, None)
    for case, link in (("nothing preheated", links.origin), ("on a seed", links.seed), ("on the node", links.node)):
        whole, early = (_evaluate(Stage("pull", some), link, transfers.PULLED_AT_ONCE) for some in (layers, first))
        times, failure = (whole.time, early.time), whole.failure
        if link is links.node:  # a node reads its cache at least as fast as it is filled over the network
            times, failure = (_at_most(times[0], network[0]), _at_most(times[1], network[1])), Interval(0.0, 0.0, 0.0)
        network = times
        start = _sum([times[0], unpacked])
        if start is not None and times[0] is not None and not times[0].is_known:
            start = replace(start, high=math.inf)
        yield Pull(case, times[0], start, times[1], failure)


def _at_most(time: Interval | None, other: Interval | None) -> Interval | None:
    if time is None or other is None:
        return time
    return Interval(*(min(getattr(time, end), getattr(other, end)) for end in ENDS))


def _jobs(manifest: Manifest, stages: Sequence[Stage], api: JobApi, scope: str, parallel: int, timeout_s: float | None) -> Iterator[Mapping[str, Any]]:  # fmt: skip
    for number, stage in enumerate(stages, start=1):
        own = [manifest.configuration] if number == 1 and manifest.configuration else []
        urls = [manifest.blob_url(layer) for layer in (*own, *stage.layers)]
        for arguments in [{"urls": urls}] if api.takes_urls else [{"url": url} for url in urls]:
            payload = preheat_jobs.job_of({"type": "file", **arguments}, api, scope, parallel, timeout_s)
            yield {"stage": f"{number} {stage.name}", "payload": payload}
    last = message("{n} the whole image: fetches what is missing", n=len(stages) + 1)
    yield {"stage": last, "payload": preheat_jobs.image_job(manifest, api, scope, parallel, timeout_s)}


def _warnings(manifest: Manifest, stages: Sequence[Stage], link: Link, api: JobApi) -> Iterator[Message]:
    for stage in stages:
        name, margin, timeout_s = stage.name, stage.margin, link.timeout_s
        if stage.time is not None and stage.time.high > api.window_s:
            values = {"time": format_duration(stage.time.high), "window": format_duration(api.window_s)}
            yield message(
                "stage {name} may take {time}, longer than the {window} for which the manager polls: a FAILURE of the job may be false, "
                "check the layers", name=name, **values,
            )  # fmt: skip
        if margin is not None and margin < 1.0 and link.duration_model is None and timeout_s is not None:
            values = {"time": format_duration(timeout_s / margin), "timeout": format_duration(timeout_s)}
            yield message(
                "stage {name}: at this bandwidth a piece takes {time}, and its timeout is {timeout}, so every piece times out: raise "
                "{key} of the seed client first", name=name, key=PIECE, **values,
            )  # fmt: skip
        if stage.failure is not None and stage.failure.value > 0.5:
            share = format_share(stage.failure.value)
            yield message("stage {name}: {share} of such preheats lose a layer, see `dfly-analysis recommend`", name=name, share=share)  # fmt: skip
    if unknown := sum(layer.size_bytes is None for layer in manifest.layers):
        known = sum(layer.size_bytes or 0 for layer in manifest.layers)
        yield message(
            "the size of {unknown:,} of {n:,} layers is not known (known: {size}): give the manifest, or the logs with --from",
            unknown=unknown, n=len(manifest.layers), size=format_size(known),
        )  # fmt: skip
