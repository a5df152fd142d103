"""The command that writes monitoring: alerts."""

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
    size_option,
    target_option,
)


@click.command()
@paths_argument
@settings_options
@size_option
@target_option
@reading_options
@click.option(
    "--seed-selector",
    default='container="seed-client"',
    show_default=True,
    metavar="MATCHER",
    help="Labels of the seed clients' targets.",
)
@click.option(
    "--client-selector",
    default='container="client"',
    show_default=True,
    metavar="MATCHER",
    help="Labels of the clients' targets.",
)
@folder_option()
def alerts(
    paths: tuple[str, ...], output: Path, size: int | None, target_failure_rate: float, seed_selector: str, client_selector: str, **asked: Any
) -> None:  # fmt: skip
    """Write Prometheus rules with the values of a run.

    alerts.rules.yaml, tests of it for promtool, and a Grafana dashboard.
    """
    from dfly_analysis.alerts import Alerts
    from dfly_analysis.alerts.alerts import DASHBOARD, RULES, TESTS
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.report.prediction import Prediction, predict
    from dfly_analysis.report.saving import write_whole
    from dfly_analysis.rules import recommend

    dataset = load_dataset(paths, **asked)
    fits = fit_all(dataset)
    advice = recommend(dataset, diagnose(dataset), fits, size=size, target_failure_rate=target_failure_rate)
    found = predict(dataset, fits, advice)
    foretold = found if isinstance(found, Prediction) else None
    made = Alerts.from_analysis(dataset, fits, advice, foretold, seed=seed_selector, client=client_selector)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in ((RULES, made.to_yaml()), (TESTS, made.tests_yaml()), (DASHBOARD, made.dashboard())):
        write_whole(output / name, text)
        click.echo(str(output / name))
    for one in made.left_out:
        click.echo(f"dfly-analysis: left out: {one.name}: {one.reason}", err=True)
