"""Monitoring that follows from the analysis: Prometheus rules, tests of these rules, a dashboard."""

from dfly_analysis.recommendation.alerts.alerts import Alerts, LeftOut, Rule

__all__ = ["Alerts", "LeftOut", "Rule"]
