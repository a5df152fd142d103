"""What to watch: the rules for Prometheus that this analysis wrote, what each stands on, and those it could not write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.reporting.components import Heading, MultiInputView, TableView

if TYPE_CHECKING:
    from dfly_analysis.recommendation.alerts import Alerts

_EMPTY = "This report was made without rules for Prometheus."


_MAX_COUNT = 120


def _beginning(expression: str) -> str:
    """Return how an expression begins; the file holds all of it."""
    flat = " ".join(expression.split())
    return flat if len(flat) <= _MAX_COUNT else f"{flat[:_MAX_COUNT]} …"


def monitoring_of(alerts: Alerts | None) -> MultiInputView:
    """Show the rules with their expressions, and the ones left out with the reason."""
    if alerts is None:
        return MultiInputView((TableView((), (), empty=_EMPTY),))
    rows = tuple((one.name, one.severity, f"{one.summary}.", _beginning(one.expr)) for one in alerts.rules)
    headings = (Heading("Alert", "code"), Heading("Severity"), Heading("Says"), Heading("Expression", "code"))
    note = "They lie in alerts.rules.yaml beside this page, with unit tests for promtool and a dashboard for Grafana."
    left = tuple((one.name, f"{one.reason}.") for one in alerts.left_out)
    result = [
        TableView(headings, rows, caption="Rules for Prometheus", notes=(note,), empty="No rule could be written from this input.")
    ]  # fmt: skip
    if left:
        result.append(TableView((Heading("Alert", "code"), Heading("Why it is left out")), left, caption="Left out"))
    return MultiInputView(tuple(result))
