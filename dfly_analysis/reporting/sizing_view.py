"""What hosts, links and volumes need or give, and whether compression pays: the estimates of an advice, by topic."""

from __future__ import annotations

from dfly_analysis.recommendation.recommendations import Advice, Estimate
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView
from dfly_analysis.reporting.labels import NOTHING, ROLES, figure, range_text

TOPICS = {
    "network": "Network",
    "resources": "Requests and limits",
    "storage": "Volumes and disks",
    "compression": "Compression",
}
"""Titles of the topics, in the order they are shown."""
BASES = {
    "measured": "measured in this input",
    "computed": "computed from settings and sizes",
    "documented": "documented",
    "article": "the article",
    "assumed": "assumed",
}
_HEADINGS = (
    Heading("What"), Heading("Of"), Heading("Value", "number"), Heading("Interval", "number"), Heading("Whence"), Heading("Confidence"),
    Heading("Because"),
)  # fmt: skip


def sizing_of(advice: Advice) -> MultiInputView:
    """Show each estimate with its unit, interval, basis and confidence, a table a topic; and why a topic has none."""
    return MultiInputView(tuple(_table(advice, topic) for topic in TOPICS))


def _table(advice: Advice, topic: str) -> TableView:
    rows = tuple(_row(one) for one in advice.estimates if one.topic == topic)
    silent = [one for one in advice.no_advice if one.topic == topic]
    changed = [one for one in advice if _topic_of(one.key) == topic]
    notes = [
        *(f"Proposed above: {one.key} of the {ROLES[one.role]}, {one.proposed}." for one in changed),
        *(f"No change: {one.reason}." for one in silent),
    ]
    return TableView(
        _HEADINGS, rows, caption=TOPICS[topic], notes=tuple(notes), empty="Nothing in the input tells of this."
    )


def _topic_of(key: str) -> str:
    """Return the topic that a setting belongs to; limits on time belong to none of these."""
    if key.startswith("resources."):
        return "resources"
    if key.startswith(("persistence.", "gc.")):
        return "storage"
    return "network" if key.endswith(("Limit", "concurrentPieceCount")) else ""


def _row(one: Estimate) -> tuple[str, ...]:
    span = NOTHING if one.low == one.high else range_text(one.low, one.high, one.unit)
    return (
        one.what, ROLES.get(one.role, NOTHING), figure(one.value, one.unit), span, BASES[one.basis], one.confidence, f"{one.because}.",
    )  # fmt: skip
