"""The command alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dfly_analysis.cli.options import (
    folder_option,
    load_dataset,
    paths_argument,
    reading_options,
    settings_options,
    target_options,
)
from dfly_analysis.cli.output import message


@click.command()
@paths_argument
@settings_options
@target_options
@reading_options
@click.option(
    "--seed-selector",
    default='container="seed-client"',
    metavar="MATCHER",
    help="Prometheus labels of the seed clients.",
)
@click.option(
    "--client-selector", default='container="client"', metavar="MATCHER", help="Prometheus labels of the clients."
)
@folder_option()
def alerts(
    paths: tuple[str, ...], output: Path, size: int | None, target_failure_rate: float, seed_selector: str, client_selector: str, **given: Any
) -> None:  # fmt: skip
    """Write Prometheus alert rules with thresholds from a run.

    The output directory receives alerts.rules.yaml, unit tests of the rules for promtool, and a Grafana dashboard.
    """
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation import recommend
    from dfly_analysis.recommendation.alerts import DASHBOARD, RULES, TESTS, Alerts
    from dfly_analysis.reporting.prediction import Prediction, predict
    from dfly_analysis.reporting.writer import write_whole

    dataset = load_dataset(paths, **given)
    fits = fit_all(dataset)
    advice = recommend(dataset, diagnose(dataset), fits, size=size, target_failure_rate=target_failure_rate)
    found = predict(dataset, fits, advice)
    prediction = found if isinstance(found, Prediction) else None
    rules = Alerts.from_analysis(dataset, fits, advice, prediction, seed=seed_selector, client=client_selector)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in ((RULES, rules.to_yaml()), (TESTS, rules.tests_yaml()), (DASHBOARD, rules.dashboard())):
        write_whole(output / name, text)
        click.echo(str(output / name))
    for one in rules.left_out:
        message(f"left out: {one.name}: {one.reason}")
