"""What is proposed: settings, sizing, alerts, the preheat plan and the next runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.catalog.job_api import job_api
from dfly_analysis.catalog.piece_length_rules import CONCURRENCY_KEYS
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import MIN_LAYER_BYTES
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import message, plural
from dfly_analysis.quantities import NOTHING, figure, interval_text, known_value, plain, range_text
from dfly_analysis.recommendation.alerts import Alerts
from dfly_analysis.recommendation.manifest import Layer, Manifest
from dfly_analysis.recommendation.preheat_plan import PreheatPlan, plan_preheat
from dfly_analysis.recommendation.recommendations import Advice, Recommendation
from dfly_analysis.recommendation.stress_plan import StressPlan, plan_stress, repeats_for
from dfly_analysis.reporting.components import DetailsView, Heading, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import BASES, CONFIDENCES, ROLES, TOPICS
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import parse_duration, size_class

MAX_LAYERS = 8
_MAX_EXPRESSION = 120
_BLOB = "/v2/(.+)/blobs/([a-z0-9]+:[0-9a-f]+)"
_PIECE, _ROLE = "download.pieceTimeout", "seedClient"
_WIDTH, _EXPECTED = 0.2, 0.05


@dataclass(frozen=True)
class AdviceView(View):
    """All proposals with reasons and checks, the topics without one, and the Helm values that set them, as YAML."""

    template: ClassVar[str] = "advice.html.j2"
    advice: Advice
    overlay: str | None
    most: ClassVar[int] = 3

    @property
    def by_effect(self) -> tuple[list[Recommendation], list[Recommendation]]:
        """The proposals to show and those to fold: those that do not act on the main cause, where others do."""
        proposed = list(self.advice.recommendations)
        main = [one for one in proposed if one.addresses_primary_cause]
        return (main, [one for one in proposed if not one.addresses_primary_cause]) if main else (proposed, [])


def sizing_of(advice: Advice) -> MultiInputView:
    """Show each estimate with its unit, interval, basis and confidence, a table a topic; and why a topic has none."""
    return MultiInputView(tuple(_topic(advice, topic) for topic in TOPICS))


def _topic(advice: Advice, topic: str) -> TableView:
    rows = tuple(
        (
            one.what, ROLES.get(one.role, NOTHING), known_value(one.interval, one.unit),
            NOTHING if one.low == one.high else range_text(one.low, one.high, one.unit),
            BASES[one.basis], CONFIDENCES[one.confidence], one.because,
        )
        for one in advice.estimates
        if one.topic == topic
    )  # fmt: skip
    notes = [message("Proposed above: {key} of the {role}, {value}.", key=one.key, role=ROLES[one.role], value=one.proposed) for one in advice if _topic_of(one.key) == topic]  # fmt: skip
    notes += [message("No change: {reason}.", reason=one.reason) for one in advice.no_advice if one.topic == topic]
    headings = Heading.row("Quantity", "Component", "Value", "Interval", "Basis", "Confidence", "Reason", numbers=(2, 3))  # fmt: skip
    return TableView(headings, rows, caption=TOPICS[topic], notes=tuple(notes), empty=message("The input holds nothing on this topic."))  # fmt: skip


def _topic_of(key: str) -> str:
    """Return the topic that a setting belongs to; timeouts belong to none of these."""
    if key.startswith("resources."):
        return "resources"
    if key.startswith(("persistence.", "gc.")):
        return "storage"
    return "network" if key.endswith("Limit") or key in CONCURRENCY_KEYS else ""


def monitoring_of(alerts: Alerts | None) -> MultiInputView:
    """Show the Prometheus rules with their expressions, and the ones left out with the reason."""
    if alerts is None:
        return MultiInputView((TableView((), (), empty=message("This report has no Prometheus rules.")),))
    rows = []
    for one in alerts.rules:
        flat = " ".join(one.expr.split())
        rows.append((one.name, one.severity, one.summary, flat if len(flat) <= _MAX_EXPRESSION else f"{flat[:_MAX_EXPRESSION]} …"))  # fmt: skip
    headings = Heading.row("Alert", "Severity", "Summary", "Expression", code=(0, 3))
    notes = (message("The rules are in alerts.rules.yaml next to this page, with promtool tests and a Grafana dashboard."),)  # fmt: skip
    empty = message("No rule could be derived from this input.")
    tables = [TableView(headings, tuple(rows), caption=message("Prometheus rules"), notes=notes, empty=empty)]
    left_out = tuple((one.name, one.reason) for one in alerts.left_out)
    if left_out:
        headings = Heading.row("Alert", "Reason", code=(0,))
        tables.append(TableView(headings, left_out, caption=message("Rules left out")))
    return MultiInputView(tuple(tables))


def observed_image(dataset: Dataset) -> Manifest | None:
    """Return the (at most `MAX_LAYERS` largest) layers of the largest preheat job, or of the image most was fetched of; None without any."""
    query = sql("reporting", "observed_image", BLOB=_BLOB, MIN_LAYER_BYTES=MIN_LAYER_BYTES, MAX_LAYERS=MAX_LAYERS)
    layers = dataset.rows(query)
    return Manifest("the run", tuple(Layer(digest, int(size)) for digest, size in layers)) if layers else None


def plan_of(dataset: Dataset, fits: Mapping[str, Any]) -> PreheatPlan | str:
    """Plan the preheat of the observed image, or say why there is no plan."""
    manifest = observed_image(dataset)
    if manifest is None:
        return message("The input names no layers of an image. To plan a preheat from a manifest, run `dfly-analysis plan-preheat MANIFEST --from LOGS`.")  # fmt: skip
    try:
        return plan_preheat(manifest, settings=dataset.settings, dataset=dataset, fits=fits)
    except DflyError as problem:
        return problem.message


def preheat_of(plan: PreheatPlan | str) -> MultiInputView:
    """Show how the observed image is best preheated, and what that saves a node."""
    if isinstance(plan, str):
        return MultiInputView((TableView((), (), empty=plan),))
    degrees = DetailsView(message("Durations by number of concurrent layers"), _degrees(plan))
    pulls = DetailsView(message("Durations of a pull after the preheat"), _pulls(plan))
    return MultiInputView((_stages(plan), degrees, pulls))


def _interval(value: Interval | None, unit: str) -> str:
    return NOTHING if value is None else interval_text(value, unit)


def _stages(plan: PreheatPlan) -> TableView:
    names = {"start-up": message("Layers needed at start-up"), "rest": message("Remaining layers")}
    rows = tuple(
        (names.get(one.name, one.name), str(len(one.layers)), figure(one.size_bytes, "bytes"), _interval(one.time, "s"), _interval(one.failure, "share"))
        for one in plan.stages
    )  # fmt: skip
    layers = plural("{n} layer", "{n} layers", len(plan.manifest.layers))
    notes = (
        *(message("{warning}.", warning=one) for one in plan.warnings),
        message("Observed image: {layers} of at least 64 KiB, {size} in total, under the effective settings.", layers=layers, size=figure(plan.manifest.size_bytes, "bytes")),
        message("The logs do not show which layers start-up needs. The first layers, up to a tenth of the image, are assumed."),
    )  # fmt: skip
    headings = Heading.row("Stage", "Layers", "Size", "Duration", "A layer fails", numbers=range(1, 5))
    return TableView(headings, rows, caption=message("Preheat in stages"), notes=notes)


def _degrees(plan: PreheatPlan) -> TableView:
    rows = tuple(
        (
            message("{n} (chosen)", n=one.parallel) if one.parallel == plan.parallel else str(one.parallel),
            _interval(one.time, "s"), _interval(one.failure, "share"), NOTHING if one.margin is None else plain(one.margin),
        )
        for one in plan.degrees
    )  # fmt: skip
    note = message(
        "The smallest concurrency that is nearly as fast as the fastest is chosen. The last column divides the piece timeout by the time of a piece at an even share of the bandwidth: below 3, slow pieces time out."
    )
    headings = Heading.row("Concurrent layers", "Duration", "A layer fails", "Timeout / time at even share", numbers=range(1, 4))  # fmt: skip
    return TableView(headings, rows, caption=message("Concurrent layers"), notes=(note,))


def _pulls(plan: PreheatPlan) -> TableView:
    titles = {
        "nothing preheated": message("Not preheated"),
        "on a seed": message("Preheated on a seed client"),
        "on the node": message("Preheated on the node"),
    }
    pulls = ((one, (one.pull, one.start, one.start_up_layers)) for one in plan.pulls)
    rows = tuple(
        (titles[one.case], *(_interval(time, "s") for time in times), _interval(one.failure, "share"))
        for one, times in pulls
    )
    notes = (message("The unpacking speed is assumed; set it with `dfly-analysis plan-preheat --unpack-rate`."),)
    headings = Heading.row("Before the pull", "Pull", "Pull and unpacking", "Start-up layers", "A layer fails", numbers=range(1, 5))  # fmt: skip
    return TableView(headings, rows, caption=message("Pull and start on a node"), notes=notes)


def next_runs_of(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> MultiInputView:
    """Show a stress test of the effective and the proposed settings, and how many runs of each size are missing."""
    return MultiInputView((_stress_test(dataset, advice), _missing_runs(fits)))


def stress_of(dataset: Dataset, advice: Advice) -> StressPlan | None:
    """Plan a test of the effective and proposed timeouts and numbers of concurrent pieces; None where neither is known."""
    concurrency = dataset.settings.pieces_in_flight(_ROLE)
    timeout, slots = advice.get(_PIECE, _ROLE), advice.get(concurrency.key, _ROLE)
    known_s = [one for one in (dataset.settings.get(_PIECE, _ROLE).seconds, timeout and parse_duration(timeout.proposed)) if one]  # fmt: skip
    known = [int(one) for one in (concurrency.number, slots and float(slots.proposed)) if one]
    if not (known_s and known and advice.size_bytes):
        return None
    if len(known_s) + len(known) == 2:  # nothing is proposed: half the concurrent pieces show whether they share a link
        known.append(max(1, known[0] // 2))
    try:
        api = job_api(dataset.settings.versions.get("manager") or dataset.settings.versions.get("scheduler"))
        return plan_stress([advice.size_bytes], known_s, known, width=_WIDTH, expected_failure_rate=_EXPECTED, api=api)
    except DflyError:
        return None


def _stress_test(dataset: Dataset, advice: Advice) -> TableView:
    plan = stress_of(dataset, advice)
    headings = Heading.row("Size", _PIECE, dataset.settings.pieces_in_flight(_ROLE).key, "Repeats", numbers=range(4))
    caption = message("Stress test that compares the settings")
    if plan is None:
        empty = message("The effective settings are not known. Give the chart version or the Helm values.")
        return TableView(headings, (), caption=caption, empty=empty)
    rows = tuple((figure(one.size_bytes, "bytes"), figure(one.timeout_s, "s"), str(one.concurrency), str(plan.repeats)) for one in plan.setups)  # fmt: skip
    notes = (
        message("With {n} repeats, the 95 % interval of a failure rate near {rate} is at most {width} wide.", n=plan.repeats, rate=figure(_EXPECTED, "share"), width=figure(_WIDTH, "share")),
        message("`dfly-analysis plan-stress` writes the test with its jobs and a results file; with --results FILE it evaluates the file."),
    )  # fmt: skip
    return TableView(headings, rows, caption=caption, notes=notes)


def _missing_runs(fits: Mapping[str, Any]) -> TableView:
    rows = []
    for one in getattr(fits.get("task_failure"), "bins", ()):
        needed = repeats_for(_WIDTH, min(max(one.rate.value, 0.0), 1.0))
        more = 0 if one.rate.high - one.rate.low <= _WIDTH else max(1, needed - one.n)
        size = size_class(one.from_bytes, one.to_bytes)
        rows.append((size, str(one.n), interval_text(one.rate, "share"), str(more)))
    headings = Heading.row("Layer size", "Observed", "Failure rate", "More runs", numbers=range(4))
    notes = (message("Runs needed until the 95 % interval of the failure rate is at most {width} wide.", width=figure(_WIDTH, "share")),)  # fmt: skip
    empty = message("No task has both a known size and a known outcome.")
    return TableView(headings, tuple(rows), caption=message("Runs still needed"), notes=notes if rows else (), empty=empty)  # fmt: skip
