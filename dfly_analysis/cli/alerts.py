"""The command alerts."""

from pathlib import Path
from typing import Any

import click

from dfly_analysis.cli.options import command, folder_option, load_dataset, options, require_task
from dfly_analysis.cli.output import message
from dfly_analysis.options import ReadingOptions, SettingsOptions, TargetOptions


@command(
    "dfly-analysis alerts logs/ -o alerts/",
    "dfly-analysis alerts logs/ --seed-selector 'job=\"dragonfly-seed-client\"' -o alerts/",
)
@options(SettingsOptions, TargetOptions, ReadingOptions, paths=True)
@click.option("--seed-selector", default='container="seed-client"', metavar="MATCHER", help="Prometheus labels of the seed clients.")  # fmt: skip
@click.option("--client-selector", default='container="client"', metavar="MATCHER", help="Prometheus labels of the clients.")  # fmt: skip
@folder_option()
def alerts(paths: tuple[str, ...], output: Path, seed_selector: str, client_selector: str, **given: Any) -> None:
    """Write Prometheus alert rules with thresholds from a run.

    The output directory receives alerts.rules.yaml, unit tests of the rules for promtool, and a Grafana dashboard.
    """
    from dfly_analysis.diagnosis import diagnose
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation import recommend
    from dfly_analysis.recommendation.alerts import DASHBOARD, RULES, TESTS, Alerts
    from dfly_analysis.recommendation.prediction import predict
    from dfly_analysis.reporting.provenance import write_whole

    dataset = load_dataset(paths, given)
    require_task(dataset, paths)
    fits = fit_all(dataset)
    advice = recommend(
        dataset, diagnose(dataset), fits, size=given["size"], target_failure_rate=given["target_failure_rate"]
    )
    prediction = predict(dataset, fits, advice)
    rules = Alerts.from_analysis(dataset, fits, advice, prediction, seed=seed_selector, client=client_selector)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in ((RULES, rules.to_yaml()), (TESTS, rules.tests_yaml()), (DASHBOARD, rules.dashboard())):
        write_whole(output / name, text)
        click.echo(str(output / name))
    for one in rules.left_out:
        message(f"left out: {one.name}: {one.reason}")
