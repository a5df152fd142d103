"""The command that gathers the input from a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from dfly_analysis.cli.options import Duration, Progress


@click.command()
@click.option("-n", "--namespace", required=True, metavar="NAMESPACE", help="Where Dragonfly runs.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The bundle to write, .tar.gz.",
)  # fmt: skip
@click.option("--context", metavar="NAME", help="Of your kubeconfig; the current one where not given.")
@click.option("--since", metavar="AGE", help="Only console logs newer than this, e.g. 6h; log files come whole.")
@click.option(
    "--add", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="A file of yours to put in too, e.g. jobs.json. May be given several times.",
)  # fmt: skip
@click.option(
    "--timeout", type=Duration(), default="60s", show_default=True, help="How long a command may print nothing."
)
@click.option("--dry-run", is_flag=True, help="Print the commands as a shell script, and run nothing.")
def collect(
    namespace: str,
    output: Path,
    context: str | None,
    since: str | None,
    add: tuple[Path, ...],
    timeout: float,
    *,
    dry_run: bool,
) -> None:
    """Gather what the analysis needs from a cluster, redacted.

    It asks through your own kubectl, and only reads.

    Logs of all containers and of their previous lives, log files, configuration in force, pods, events, metrics, and Helm
    values where helm is there. Interrupted, it goes on where it was when called again. The bundle is an input of report.
    """
    from dfly_analysis.collect import Cluster, collecting_script
    from dfly_analysis.collect import collect as gather

    cluster = Cluster(namespace, context, since)
    if dry_run:
        folder = output.name.removesuffix(".tgz").removesuffix(".tar.gz")
        click.echo(collecting_script(cluster, folder), nl=False)
        return
    with Progress() as progress:
        found = gather(cluster, output, add=add, silence_s=timeout, progress=progress)
    for path, reason in found.missing:
        click.echo(f"dfly-analysis: {path} is missing: {reason}", err=True)
    again = f", {len(found.kept)} kept from before" if found.kept else ""
    click.echo(f"dfly-analysis: {len(found.fetched)} fetched{again}, {len(found.missing)} missing", err=True)
    if not any(path.name.endswith(".json") for path in add):
        click.echo("dfly-analysis: the jobs are not in it: save the manager's answer and give it with --add", err=True)
    click.echo(str(found.bundle))
