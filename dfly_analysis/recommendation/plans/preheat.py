"""Plans the preheat of an image: stages, layers in parallel, times and failures, and the pull and the start afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.estimates import Interval
from dfly_analysis.recommendation.plans.jobs import (
    Api,
    PlannedCheck,
    api_of,
    checks_of,
    image_job,
    job_timeout_s,
    layer_jobs,
    notes_of,
    scope_name,
)
from dfly_analysis.recommendation.plans.links import Links, find_links
from dfly_analysis.recommendation.plans.manifest import Layer, Manifest
from dfly_analysis.recommendation.plans.transfer_times import MARGIN, Link, all_fine
from dfly_analysis.units import format_duration, format_share, format_size

if TYPE_CHECKING:
    from dfly_analysis.config import Settings
    from dfly_analysis.dataset import Dataset

MAX_PARALLEL = 8  # the manager's default from v2.3.1 on
_FIRST_SHARE = 0.1
_NYDUS_BOOTSTRAP = "containerd.io/snapshot/nydus-bootstrap"
_NEARLY = 1.05


@dataclass(frozen=True)
class Stage:
    """Layers that are preheated together, before the next stage begins.

    Attributes
    ----------
    name : str
        ``start-up`` or ``rest``.
    layers : tuple of Layer
    time : Interval or None
        Seconds.
    failure : Interval or None
        Chance that at least one layer fails, 0 to 1.
    largest_failure : Interval or None
        Of its largest layer.
    margin : float or None
        The limit of a piece in even shares of the bandwidth, where one is known; below 1 no piece comes through.
    """

    name: str
    layers: tuple[Layer, ...]
    time: Interval | None = None
    failure: Interval | None = None
    largest_failure: Interval | None = None
    margin: float | None = None

    @property
    def size_bytes(self) -> int | None:
        """All its layers together."""
        sizes = [layer.size_bytes for layer in self.layers]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass(frozen=True)
class Degree:
    """What a number of layers in parallel would do.

    Attributes
    ----------
    parallel : int
    time, failure : Interval or None
        Of all stages together.
    margin : float or None
    """

    parallel: int
    time: Interval | None
    failure: Interval | None
    margin: float | None


@dataclass(frozen=True)
class Pull:
    """The pull and the start on a node.

    Attributes
    ----------
    case : str
        ``nothing preheated``, ``on a seed`` or ``on the node``.
    pull, start : Interval or None
        Seconds: all layers on the node, and unpacked as well.
    start_up_layers : Interval or None
        Seconds until the layers of the first stage are on the node: when a snapshotter that loads lazily can begin.
    failure : Interval or None
        Chance that a layer's transfer fails.
    """

    case: str
    pull: Interval | None
    start: Interval | None
    start_up_layers: Interval | None
    failure: Interval | None


@dataclass(frozen=True)
class PreheatPlan:
    """How to preheat an image, and what that will do.

    Attributes
    ----------
    manifest : Manifest
    scope : str
    parallel : int
        Layers at a time.
    stages : tuple of Stage
    degrees : tuple of Degree
    pulls : tuple of Pull
    jobs : tuple of dict
        Payloads in order: ``stage`` and ``payload``; the last one is the whole image, which fetches what is missing.
    checks : tuple of PlannedCheck
    assumptions, warnings : tuple of str
    """

    manifest: Manifest
    scope: str
    parallel: int
    stages: tuple[Stage, ...]
    degrees: tuple[Degree, ...]
    pulls: tuple[Pull, ...]
    jobs: tuple[Mapping[str, Any], ...]
    checks: tuple[PlannedCheck, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def time(self) -> Interval | None:
        """All stages one after another, seconds."""
        return _sum([stage.time for stage in self.stages])

    @property
    def failure(self) -> Interval | None:
        """Chance that at least one layer fails, 0 to 1."""
        return all_fine([stage.failure for stage in self.stages])


def plan_preheat(  # noqa: PLR0913 - each is an option of the command
    manifest: Manifest,
    *,
    settings: Settings,
    dataset: Dataset | None = None,
    fits: Mapping[str, Any] | None = None,
    first: Sequence[str] = (),
    annotation: str | None = None,
    scope: str = "single_seed_peer",
    parallel: int | None = None,
    target_failure_rate: float = 1e-3,
    rates: Mapping[str, float | None] | None = None,
) -> PreheatPlan:
    """Plan a preheat.

    Parameters
    ----------
    manifest : Manifest
    settings : Settings
        In force: limits, pieces in flight, releases.
    dataset, fits : Dataset and mapping, optional
        Of a run with the same registry and cluster; without them only a bandwidth tells times.
    first : sequence of str
        Digests, or their beginnings, of the layers needed for start-up.
    annotation : str, optional
        Layers that carry it, and not with the value ``false``, are needed for start-up.
    scope : {"single_seed_peer", "all_seed_peers", "all_peers"}
    parallel : int, optional
        Layers at a time; chosen where not given.
    target_failure_rate : float
        Of the whole preheat, 0 to 1.
    rates : mapping of str to float, optional
        Bytes per second: ``registry``, ``seed`` (from a seed to a node), ``node`` (from the node's own cache), ``unpack``.

    Returns
    -------
    PreheatPlan

    Raises
    ------
    DflyError
        Where a digest is not in the manifest, or the manager has no such scope.
    """
    links = find_links(settings, dataset, fits, dict(rates or {}))
    if dataset is not None:
        manifest = manifest.with_sizes(_sizes_seen(dataset))
    api = api_of(settings.versions.get("manager") or settings.versions.get("scheduler"))
    scope_name(api, scope)
    stages, how = _stages(manifest, first, annotation)
    degrees = tuple(_degree(stages, links.source, number) for number in range(1, _most(manifest) + 1))
    chosen = parallel or _choose(degrees, target_failure_rate)
    split = [part for stage in stages for part in _split(stage, links.source, chosen, api)]
    valued = tuple(_valued(stage, links.source, chosen) for stage in split)
    timeout_s = job_timeout_s(api, max((stage.time.high for stage in valued if stage.time), default=None))
    warnings = [*_warnings(valued, links.source, api), *_unknown_sizes(manifest)]
    return PreheatPlan(
        manifest=manifest, scope=scope, parallel=chosen, stages=valued, degrees=degrees,
        pulls=_pulls(valued, links), jobs=tuple(_jobs(manifest, valued, api, scope, chosen, timeout_s)),
        checks=checks_of(manifest, api, scope), assumptions=(how, *links.assumptions, *notes_of(api, timeout_s)),
        warnings=tuple(warnings),
    )  # fmt: skip


def _sizes_seen(dataset: Dataset) -> dict[str, int]:
    tasks = dataset.tasks.dropna(subset=["url", "size_bytes"])
    pairs = zip(
        tasks["url"].astype(str).str.extract(r"/blobs/([a-z0-9]+:[0-9a-f]+)")[0], tasks["size_bytes"], strict=True
    )
    return {str(digest): int(size) for digest, size in pairs if isinstance(digest, str)}


def _stages(manifest: Manifest, first: Sequence[str], annotation: str | None) -> tuple[list[Stage], str]:
    layers = manifest.layers
    if first:
        chosen, how = {_found(manifest, digest) for digest in first}, "start-up layers are those named with --first"
    elif annotation:
        chosen = {one.digest for one in layers if one.annotations.get(annotation, "false").lower() != "false"}
        how = f"start-up layers carry the annotation {annotation}"
        if not chosen:
            raise DflyError(
                f"no layer carries the annotation {annotation}", where=manifest.source, hint="name layers with --first"
            )
    elif marked := {one.digest for one in layers if one.annotations.get(_NYDUS_BOOTSTRAP) == "true"}:
        chosen, how = marked, "the Nydus bootstrap is needed for start-up"
    else:
        chosen = _leading(manifest)
        how = (
            f"which layers start-up needs is not said: taken are the first {len(chosen)} in the manifest's order, up to a tenth "
            "of the image; name them with --first or --first-annotation"
        )
    start_up = tuple(layer for layer in layers if layer.digest in chosen)
    rest = tuple(layer for layer in layers if layer.digest not in chosen)
    named = [Stage("start-up", start_up), Stage("rest", rest)]
    return [stage for stage in named if stage.layers], how


def _found(manifest: Manifest, requested: str) -> str:
    bare = requested.rpartition(":")[2].lower()
    fitting = [one.digest for one in manifest.layers if bare and one.digest.rpartition(":")[2].lower().startswith(bare)]
    if len(fitting) == 1:
        return fitting[0]
    what = "is no layer" if not fitting else f"begins {len(fitting)} layers"
    near = (
        suggest_similar(requested, [one.digest for one in manifest.layers]) or "its layers are listed by --format json"
    )
    raise DflyError(f"{requested} {what} of the manifest", where=manifest.source, hint=near)


def _leading(manifest: Manifest) -> set[str]:
    total, observed = manifest.size_bytes or 0, 0
    found: list[str] = []
    for layer in manifest.layers:
        observed += layer.size_bytes or 0
        if found and observed > _FIRST_SHARE * total:
            break
        found.append(layer.digest)
    return set(found)


def _most(manifest: Manifest) -> int:
    return max(1, min(MAX_PARALLEL, len(manifest.layers)))


def _degree(stages: Sequence[Stage], link: Link, parallel: int) -> Degree:
    valued = [_valued(stage, link, parallel) for stage in stages]
    margins = [stage.margin for stage in valued if stage.margin is not None]
    time, failure = _sum([one.time for one in valued]), all_fine([one.failure for one in valued])
    return Degree(parallel, time, failure, min(margins, default=None))


def _choose(degrees: Sequence[Degree], target: float) -> int:
    """Return the fewest layers at a time that are nearly the quickest among those that meet the target, or come nearest."""
    timed = [one for one in degrees if one.time is not None]
    if not timed:
        return 1
    failing = [one for one in timed if one.failure is not None]
    if len(failing) == len(timed):
        best = min(one.failure.value for one in failing if one.failure)
        bound = max(target, 1.1 * best)
        timed = [one for one in failing if one.failure and one.failure.value <= bound]
    elif any(one.margin is not None for one in timed):
        within_margin = [one for one in timed if one.margin is not None and one.margin >= MARGIN]
        timed = within_margin or timed[:1]
    quickest = min(one.time.value for one in timed if one.time)
    return next(one.parallel for one in timed if one.time and one.time.value <= _NEARLY * quickest)


def _split(stage: Stage, link: Link, parallel: int, api: Api) -> list[Stage]:
    """Split a stage whose job would outlast the manager's patience; where each layer is a task of its own there is no need."""
    valued = _valued(stage, link, parallel)
    if api.per_layer or valued.time is None or valued.time.high <= api.window_s or len(stage.layers) == 1:
        return [stage]
    half = max(1, len(stage.layers) // 2)
    parts = (replace(stage, layers=stage.layers[:half]), replace(stage, layers=stage.layers[half:]))
    return [one for part in parts for one in _split(part, link, parallel, api)]


def _valued(stage: Stage, link: Link, parallel: int) -> Stage:
    sizes = [layer.size_bytes for layer in stage.layers]
    if not link.knows or None in sizes:
        return stage
    known = [size for size in sizes if size is not None]
    concurrent_sizes = sorted(known, reverse=True)[:parallel]
    # an even link is full as long as any layer is left, whichever they are
    even = sum(known) / link.bandwidth_bps if link.duration_model is None and link.bandwidth_bps else None
    times = (
        [Interval(even, even, even)]
        if even is not None
        else [link.layer_time(size, concurrent_sizes) for size in known]
    )
    failures = [link.layer_failure(size, concurrent_sizes) for size in known]
    largest = known.index(max(known))
    return replace(
        stage, time=_scheduled(times, parallel), failure=all_fine(failures), largest_failure=failures[largest],
        margin=link.margin(max(known), concurrent_sizes),
    )  # fmt: skip


def _scheduled(times: Sequence[Interval | None], parallel: int) -> Interval | None:
    if any(one is None for one in times):
        return None
    ends = []
    for end in ("value", "low", "high"):
        free = [0.0] * parallel
        for one in times:
            place = free.index(min(free))
            free[place] += getattr(one, end)
        ends.append(max(free))
    return Interval(ends[0], min(ends[0], ends[1]), max(ends[0], ends[2]))


def _sum(times: Sequence[Interval | None]) -> Interval | None:
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return None
    return Interval(*(sum(getattr(one, end) for one in known) for end in ("value", "low", "high")))


def _pulls(stages: Sequence[Stage], links: Links) -> tuple[Pull, ...]:
    layers = tuple(layer for stage in stages for layer in stage.layers)
    first = stages[0].layers if stages else ()
    result = []
    for case, link in (("nothing preheated", links.origin), ("on a seed", links.seed), ("on the node", links.node)):
        whole = _valued(Stage("pull", layers), link, links.pulled_at_once)
        early = _valued(Stage("pull", first), link, links.pulled_at_once)
        unpack = links.unpack_s(layers)
        start = _sum([whole.time, Interval(unpack, unpack, unpack) if unpack is not None else None])
        failure = whole.failure if link.duration_model is not None or case != "on the node" else Interval(0.0, 0.0, 0.0)
        result.append(Pull(case, whole.time, start, early.time, failure))
    return tuple(result)


def _jobs(
    manifest: Manifest, stages: Sequence[Stage], api: Api, scope: str, parallel: int, timeout_s: float | None
) -> list[Mapping[str, Any]]:
    result: list[Mapping[str, Any]] = []
    for number, stage in enumerate(stages, start=1):
        name = f"{number} {stage.name}"
        own = [manifest.configuration] if number == 1 and manifest.configuration else []
        payloads = layer_jobs(manifest, [*own, *stage.layers], api, scope, parallel, timeout_s)
        result += [{"stage": name, "payload": payload} for payload in payloads]
    last = f"{len(stages) + 1} the whole image: fetches what is missing"
    result.append({"stage": last, "payload": image_job(manifest, api, scope, parallel, timeout_s)})
    return result


def _warnings(stages: Sequence[Stage], link: Link, api: Api) -> list[str]:
    result = []
    for stage in stages:
        name = f"stage {stage.name}"
        if stage.time is not None and stage.time.high > api.window_s:
            result.append(
                f"{name}: it may take {format_duration(stage.time.high)}, longer than the manager asks for "
                f"({format_duration(api.window_s)}): its FAILURE may be false, look at the layers"
            )
        if (
            stage.margin is not None
            and stage.margin < 1.0
            and link.duration_model is None
            and link.timeout_s is not None
        ):
            result.append(
                f"{name}: at this bandwidth the even share of a piece takes {format_duration(link.timeout_s / stage.margin)}, the limit is "
                f"{format_duration(link.timeout_s)}: every piece is cut; raise download.pieceTimeout of the seed client first"
            )
        if stage.failure is not None and stage.failure.value > 0.5:
            result.append(
                f"{name}: {format_share(stage.failure.value)} of such preheats lose a layer; see dfly-analysis recommend first"
            )
    return result


def _unknown_sizes(manifest: Manifest) -> list[str]:
    unknown = sum(layer.size_bytes is None for layer in manifest.layers)
    if not unknown:
        return []
    total = f"{unknown} of {len(manifest.layers)} layers"
    known = sum(layer.size_bytes or 0 for layer in manifest.layers)
    return [f"the size of {total} is not known ({format_size(known)} are): give the manifest, or the logs with --from"]
