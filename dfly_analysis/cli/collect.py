"""The command collect."""

from pathlib import Path

import click

from dfly_analysis.cli.options import command, file_option, option, refuse_input
from dfly_analysis.cli.output import Progress, message
from dfly_analysis.options import Duration


@command(
    "dfly-analysis collect -n dragonfly-system -o run.tar.gz --add jobs.json",
    "dfly-analysis collect -n dragonfly-system -o run.tar.gz --dry-run > collect.sh",
)
@click.option("-n", "--namespace", required=True, metavar="NAMESPACE", help="Namespace of Dragonfly.")
@file_option("-o", "--output", required=True, help="Bundle to write, .tar.gz.")
@click.option("--context", metavar="NAME", help="Context of your kubeconfig.  [default: the current one]")
@click.option("--since", metavar="AGE", help="Only console logs newer than this, e.g. 6h; log files are complete.")
@file_option("--add", multiple=True, exists=True, help="Also include this file, e.g. jobs.json; may be repeated.")
@option("--timeout", kind=Duration, default="60s", help="Stop a command that prints nothing for so long.")
@click.option("--dry-run", is_flag=True, help="Print the commands as a shell script; run nothing.")
def collect(
    *, namespace: str, output: Path, context: str | None, since: str | None, add: tuple[Path, ...], timeout: float, dry_run: bool
) -> None:  # fmt: skip
    """Collect the input from a Kubernetes cluster, redacted.

    The command uses your own kubectl, and only reads.

    It collects logs of all containers and of their previous instances, log files, the configuration in force, pods,
    events, metrics, and the Helm values if helm is installed. After an interruption, the same command continues where it
    stopped. The bundle is an input of report.
    """
    from dfly_analysis.collect import Cluster, collection_script
    from dfly_analysis.collect import collect as run

    cluster = Cluster(namespace, context, since)
    if dry_run:
        folder = output.name.removesuffix(".tgz").removesuffix(".tar.gz")
        click.echo(collection_script(cluster, folder), nl=False)
        return
    refuse_input(output, add)
    with Progress() as progress:
        found = run(cluster, output, add=add, silence_s=timeout, progress=progress)
    for path, reason in found.missing:
        message(f"{path} is missing: {reason}")
    kept = f", {len(found.kept)} kept from an earlier run" if found.kept else ""
    message(f"{len(found.fetched)} collected{kept}, {len(found.missing)} missing")
    if not any(path.name.endswith(".json") for path in add):
        message("preheat jobs are not included: save the Manager's answer and give it with --add")
    click.echo(str(found.bundle))
