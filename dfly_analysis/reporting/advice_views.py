"""What is proposed: settings, sizing, alerts, the preheat plan and the next runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import Interval
from dfly_analysis.recommendation.manifest import Layer, Manifest
from dfly_analysis.recommendation.preheat_jobs import api_of
from dfly_analysis.recommendation.preheat_plan import PreheatPlan, plan_preheat
from dfly_analysis.recommendation.recommendations import Advice, Estimate
from dfly_analysis.recommendation.stress_plan import StressPlan, plan_stress, repeats_for
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import LAYERS, NOTHING, ROLES, counted, figure, interval_text, plain, range_text
from dfly_analysis.units import parse_duration

if TYPE_CHECKING:
    from dfly_analysis.recommendation.alerts import Alerts

TOPICS = {
    "network": "Network",
    "resources": "Requests and limits",
    "storage": "Volumes and disks",
    "compression": "Compression",
}
"""Titles of the topics of sizing, in the order they are shown."""
BASES = {
    "measured": "measured in this input",
    "computed": "computed from settings and sizes",
    "documented": "documented",
    "article": "the article",
    "assumed": "assumed",
}
MAX_LAYERS = 8
_MAX_EXPRESSION = 120
_MIN_LAYER_BYTES = 64 * 1024  # what is smaller is an image's configuration, or takes no time
_BLOB = "/v2/(.+)/blobs/([a-z0-9]+:[0-9a-f]+)"
_PIECE, _SLOTS, _ROLE = "download.pieceTimeout", "download.concurrentPieceCount", "seedClient"
_WIDTH, _EXPECTED = 0.2, 0.05
_NO_IMAGE = "The input names no layers of an image: dfly-analysis plan-preheat MANIFEST --from LOGS plans one from its manifest."


@dataclass(frozen=True)
class AdviceView(View):
    """All proposals with reasons and checks, the topics without one, and the Helm values that set them, as YAML."""

    template: ClassVar[str] = "advice.html.j2"
    advice: Advice
    overlay: str | None
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {"layers": LAYERS, "roles": ROLES}


def sizing_of(advice: Advice) -> MultiInputView:
    """Show each estimate with its unit, interval, basis and confidence, a table a topic; and why a topic has none."""
    return MultiInputView(tuple(_topic(advice, topic) for topic in TOPICS))


def _topic(advice: Advice, topic: str) -> TableView:
    rows = tuple(_estimate(one) for one in advice.estimates if one.topic == topic)
    notes = (
        *(
            f"Proposed above: {one.key} of the {ROLES[one.role]}, {one.proposed}."
            for one in advice
            if _topic_of(one.key) == topic
        ),
        *(f"No change: {one.reason}." for one in advice.no_advice if one.topic == topic),
    )
    headings = Heading.row(
        "What", "Of", "Value", "Interval", "Whence", "Confidence", "Because", numbers=("Value", "Interval")
    )
    return TableView(headings, rows, caption=TOPICS[topic], notes=notes, empty="Nothing in the input tells of this.")


def _topic_of(key: str) -> str:
    """Return the topic that a setting belongs to; timeouts belong to none of these."""
    if key.startswith("resources."):
        return "resources"
    if key.startswith(("persistence.", "gc.")):
        return "storage"
    return "network" if key.endswith(("Limit", "concurrentPieceCount")) else ""


def _estimate(one: Estimate) -> tuple[str, ...]:
    interval = NOTHING if one.low == one.high else range_text(one.low, one.high, one.unit)
    value, role = figure(one.value, one.unit), ROLES.get(one.role, NOTHING)
    return (one.what, role, value, interval, BASES[one.basis], one.confidence, f"{one.because}.")


def monitoring_of(alerts: Alerts | None) -> MultiInputView:
    """Show the Prometheus rules with their expressions, and the ones left out with the reason."""
    if alerts is None:
        return MultiInputView((TableView((), (), empty="This report was made without rules for Prometheus."),))
    rows = []
    for one in alerts.rules:
        flat = " ".join(one.expr.split())
        shown = flat if len(flat) <= _MAX_EXPRESSION else f"{flat[:_MAX_EXPRESSION]} …"
        rows.append((one.name, one.severity, f"{one.summary}.", shown))
    headings = Heading.row("Alert", "Severity", "Says", "Expression", code=("Alert", "Expression"))
    notes = (
        "They lie in alerts.rules.yaml beside this page, with unit tests for promtool and a dashboard for Grafana.",
    )
    empty = "No rule could be written from this input."
    tables = [TableView(headings, tuple(rows), caption="Rules for Prometheus", notes=notes, empty=empty)]
    left_out = tuple((one.name, f"{one.reason}.") for one in alerts.left_out)
    if left_out:
        tables.append(
            TableView(Heading.row("Alert", "Why it is left out", code=("Alert",)), left_out, caption="Left out")
        )
    return MultiInputView(tuple(tables))


def image_seen(dataset: Dataset) -> Manifest | None:
    """Return the layers of the largest preheat job, or of the image most was fetched of; None where no task names any.

    At most `MAX_LAYERS` layers, the largest: they are what takes time.
    """
    layers = dataset.rows(
        f"""
        WITH blob AS (
            SELECT coalesce(job_id, nullif(regexp_extract(url, '{_BLOB}', 1), '')) AS image,
                nullif(regexp_extract(url, '{_BLOB}', 2), '') AS digest,
                arg_min(size_bytes, coalesce(nanoseconds(started), 0)) AS size_bytes, min(started) AS started
            FROM tasks WHERE url IS NOT NULL AND size_bytes >= {_MIN_LAYER_BYTES}
            GROUP BY ALL HAVING image IS NOT NULL AND digest IS NOT NULL
        ), largest AS (
            SELECT * FROM blob WHERE image = (SELECT image FROM blob GROUP BY 1 ORDER BY sum(size_bytes) DESC, 1 LIMIT 1)
            ORDER BY size_bytes DESC, started LIMIT {MAX_LAYERS}
        )
        SELECT digest, size_bytes FROM largest ORDER BY started NULLS LAST, digest
        """
    )
    return Manifest("the run", tuple(Layer(digest, int(size)) for digest, size in layers)) if layers else None


def preheat_of(dataset: Dataset, fits: Mapping[str, Any]) -> MultiInputView:
    """Show how the image that was seen is best preheated, and what that saves a node."""
    manifest = image_seen(dataset)
    if manifest is None:
        return MultiInputView((TableView((), (), empty=_NO_IMAGE),))
    try:
        plan = plan_preheat(manifest, settings=dataset.settings, dataset=dataset, fits=fits)
    except DflyError as problem:
        return MultiInputView((TableView((), (), empty=f"{problem.message}."),))
    return MultiInputView((_stages(plan), _degrees(plan), _pulls(plan)))


def _numbers(first: str, *others: str) -> tuple[Heading, ...]:
    return Heading.row(first, *others, numbers=others)


def _interval(value: Interval | None, unit: str) -> str:
    return NOTHING if value is None else interval_text(value, unit)


def _stages(plan: PreheatPlan) -> TableView:
    names = {"start-up": "Layers needed for start-up", "rest": "The rest"}
    rows = tuple(
        (
            names.get(one.name, one.name),
            str(len(one.layers)),
            figure(one.size_bytes, "bytes"),
            _interval(one.time, "s"),
            _interval(one.failure, "share"),
        )
        for one in plan.stages
    )
    size = figure(plan.manifest.size_bytes, "bytes")
    notes = (
        f"The image that was seen: {counted(len(plan.manifest.layers), 'layer')}, {size}; under the settings in force.",
        "Which layers start-up needs is not in the logs: the first ones up to a tenth of the image are taken.",
    )
    headings = _numbers("Stage", "Layers", "Size", "Time", "A layer fails")
    return TableView(headings, rows, caption="Preheat in stages", notes=notes)


def _degrees(plan: PreheatPlan) -> TableView:
    rows = tuple(
        (
            f"{one.parallel} (chosen)" if one.parallel == plan.parallel else str(one.parallel),
            _interval(one.time, "s"),
            _interval(one.failure, "share"),
            NOTHING if one.margin is None else plain(one.margin),
        )
        for one in plan.degrees
    )
    notes = (
        "The fewest that are nearly as quick as the quickest. The last column is the limit of a piece over its even share of the bandwidth: below 3 slow pieces are cut.",
    )
    headings = _numbers("Layers at a time", "Time", "A layer fails", "Limit over even share")
    return TableView(headings, rows, caption="Layers in parallel", notes=notes)


def _pulls(plan: PreheatPlan) -> TableView:
    titles = {
        "nothing preheated": "Nothing preheated",
        "on a seed": "Preheated on a seed",
        "on the node": "Preheated on the node",
    }
    rows = tuple(
        (
            titles[one.case],
            *(_interval(time, "s") for time in (one.pull, one.start, one.start_up_layers)),
            _interval(one.failure, "share"),
        )
        for one in plan.pulls
    )
    notes = (
        "With unpacking: the speed of unpacking is assumed; dfly-analysis plan-preheat --unpack-rate takes yours.",
    )
    headings = _numbers("Before the pull", "Pull", "With unpacking", "Start-up layers", "A layer fails")
    return TableView(headings, rows, caption="Pull and start on a node", notes=notes)


def next_runs_of(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> MultiInputView:
    """Show a stress test of the settings in force and the proposed ones, and the runs that are missing by size."""
    return MultiInputView((_stress_test(dataset, advice), _missing_runs(fits)))


def stress_of(dataset: Dataset, advice: Advice) -> StressPlan | None:
    """Plan a test of the timeouts and pieces in flight that are in force and proposed; None where neither is known."""
    timeout, slots = advice.get(_PIECE, _ROLE), advice.get(_SLOTS, _ROLE)
    known_s = [one for one in (dataset.settings.get(_PIECE, _ROLE).seconds, timeout and parse_duration(timeout.proposed)) if one]  # fmt: skip
    known = [int(one) for one in (dataset.settings.get(_SLOTS, _ROLE).number, slots and float(slots.proposed)) if one]
    if not (known_s and known and advice.size_bytes):
        return None
    if len(known_s) + len(known) == 2:  # nothing is proposed: half the pieces in flight tell whether they share a link
        known.append(max(1, known[0] // 2))
    try:
        api = api_of(dataset.settings.versions.get("manager") or dataset.settings.versions.get("scheduler"))
        return plan_stress([advice.size_bytes], known_s, known, width=_WIDTH, expected_failure_rate=_EXPECTED, api=api)
    except DflyError:
        return None


def _stress_test(dataset: Dataset, advice: Advice) -> TableView:
    plan = stress_of(dataset, advice)
    headings = tuple(Heading(text, "number") for text in ("Size", _PIECE, _SLOTS, "Repeats"))
    caption = "Stress test that compares the settings"
    if plan is None:
        empty = "The settings in force are not known: give the chart or the values."
        return TableView(headings, (), caption=caption, empty=empty)
    rows = tuple(
        (figure(one.size_bytes, "bytes"), figure(one.timeout_s, "s"), str(one.concurrency), str(plan.repeats))
        for one in plan.setups
    )
    notes = (
        f"{plan.repeats} repeats make the 95 % interval of a failure rate near {figure(_EXPECTED, 'share')} at most {figure(_WIDTH, 'share')} wide.",
        "dfly-analysis plan-stress writes it with the jobs and a results file; with --results FILE it reads the file back.",
    )
    return TableView(headings, rows, caption=caption, notes=notes)


def _missing_runs(fits: Mapping[str, Any]) -> TableView:
    rows = []
    for one in getattr(fits.get("task_failure"), "bins", ()):
        needed = repeats_for(_WIDTH, min(max(one.rate.value, 0.0), 1.0))
        more = 0 if one.rate.high - one.rate.low <= _WIDTH else max(1, needed - one.n)
        size = range_text(one.from_bytes, one.to_bytes, "bytes")
        rows.append((size, str(one.n), interval_text(one.rate, "share"), str(more)))
    headings = tuple(Heading(text, "number") for text in ("Size of layers", "Seen", "Failed", "More runs"))
    notes = (f"Until the 95 % interval of the share that fails is at most {figure(_WIDTH, 'share')} wide.",)
    return TableView(
        headings,
        tuple(rows),
        caption="How many more runs are needed",
        notes=notes if rows else (),
        empty="No task has both a size and a known end.",
    )
