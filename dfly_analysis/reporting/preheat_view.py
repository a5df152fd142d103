"""The preheat of the image that was seen, planned: stages, layers in parallel, and pulls with and without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import Interval
from dfly_analysis.recommendation.manifest import Layer, Manifest
from dfly_analysis.recommendation.preheat_plan import PreheatPlan, plan_preheat
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView
from dfly_analysis.reporting.labels import NOTHING, counted, figure, interval_text, plain

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

MAX_LAYERS = 8
_MIN_BYTES = 64 * 1024  # what is smaller is an image's configuration, or takes no time
_BLOB = r"/v2/(?P<name>.+)/blobs/(?P<digest>[a-z0-9]+:[0-9a-f]+)"
_NO_IMAGE = "The input names no layers of an image: dfly-analysis plan-preheat MANIFEST --from LOGS plans one from its manifest."


def image_seen(dataset: Dataset) -> Manifest | None:
    """Return the layers of the largest preheat job, or of the image most was fetched of; None where no task names any.

    At most `MAX_LAYERS` layers, the largest: they are what takes time.
    """
    tasks = dataset.tasks.dropna(subset=["url", "size_bytes"])
    if tasks.empty:
        return None
    parts = tasks["url"].astype(str).str.extract(_BLOB)
    whose = tasks["job_id"].fillna(parts["name"])
    observed = tasks.assign(digest=parts["digest"], image=whose).dropna(subset=["digest", "image"])
    once = observed[observed["size_bytes"] >= _MIN_BYTES].drop_duplicates(["image", "digest"])
    if once.empty:
        return None
    largest = once.groupby("image")["size_bytes"].sum().idxmax()
    own: Any = once[once["image"] == largest].sort_values("started", kind="stable")
    kept = own[own["size_bytes"].rank(ascending=False, method="first") <= MAX_LAYERS]
    layers = tuple(Layer(str(row.digest), int(row.size_bytes)) for row in kept.itertuples())
    return Manifest("the run", layers)


def preheat_of(dataset: Dataset, fits: Mapping[str, Any]) -> MultiInputView:
    """Show how the image that was seen is best preheated, and what that spares a node.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to fit
    """
    manifest = image_seen(dataset)
    if manifest is None:
        return MultiInputView((TableView((), (), empty=_NO_IMAGE),))
    try:
        plan = plan_preheat(manifest, settings=dataset.settings, dataset=dataset, fits=fits)
    except DflyError as problem:
        return MultiInputView((TableView((), (), empty=f"{problem.message}."),))
    return MultiInputView((_stages(plan), _degrees(plan), _pulls(plan)))


def _headings(*texts: str) -> tuple[Heading, ...]:
    return tuple(Heading(text, "text" if number == 0 else "number") for number, text in enumerate(texts))


def _stages(plan: PreheatPlan) -> TableView:
    names = {"start-up": "Layers needed for start-up", "rest": "The rest"}
    rows = [
        (names.get(one.name, one.name), str(len(one.layers)), _size(one.size_bytes), _format(one.time, "s"), _format(one.failure, "share"))
        for one in plan.stages
    ]  # fmt: skip
    notes = (
        f"The image that was seen: {counted(len(plan.manifest.layers), 'layer')}, {_size(plan.manifest.size_bytes)}; under the settings in force.",
        "Which layers start-up needs is not in the logs: the first ones up to a tenth of the image are taken.",
    )
    return TableView(
        _headings("Stage", "Layers", "Size", "Time", "A layer fails"), tuple(rows), caption="Preheat in stages", notes=notes
    )  # fmt: skip


def _degrees(plan: PreheatPlan) -> TableView:
    rows = tuple(
        (
            f"{one.parallel} (chosen)" if one.parallel == plan.parallel else str(one.parallel), _format(one.time, "s"),
            _format(one.failure, "share"), NOTHING if one.margin is None else plain(one.margin),
        )
        for one in plan.degrees
    )  # fmt: skip
    notes = (
        "The fewest that are nearly as quick as the quickest. The last column is the limit of a piece over its even share of the bandwidth: below 3 slow pieces are cut.",
    )
    return TableView(
        _headings("Layers at a time", "Time", "A layer fails", "Limit over even share"), rows, caption="Layers in parallel", notes=notes
    )  # fmt: skip


def _pulls(plan: PreheatPlan) -> TableView:
    titles = {
        "nothing preheated": "Nothing preheated",
        "on a seed": "Preheated on a seed",
        "on the node": "Preheated on the node",
    }
    rows = tuple(
        (titles[one.case], _format(one.pull, "s"), _format(one.start, "s"), _format(one.start_up_layers, "s"), _format(one.failure, "share"))
        for one in plan.pulls
    )  # fmt: skip
    notes = (
        "With unpacking: the speed of unpacking is assumed; dfly-analysis plan-preheat --unpack-rate takes yours.",
    )
    return TableView(
        _headings("Before the pull", "Pull", "With unpacking", "Start-up layers", "A layer fails"), rows, caption="Pull and start on a node", notes=notes
    )  # fmt: skip


def _format(value: Interval | None, unit: str) -> str:
    return NOTHING if value is None else interval_text(value, unit)


def _size(size_bytes: int | None) -> str:
    return figure(size_bytes, "bytes")
