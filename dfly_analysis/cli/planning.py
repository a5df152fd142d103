"""Commands that plan before anything runs: plan-preheat, plan-stress."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    Bandwidth,
    Duration,
    Release,
    Size,
    format_option,
    load_dataset,
    reading_options,
    settings_options,
    target_option,
    together,
)
from dfly_analysis.cli.planned import preheat_json, preheat_tables, stress_rows, tested_rows
from dfly_analysis.cli.printing import enveloped, print_result
from dfly_analysis.errors import SourceError

if TYPE_CHECKING:
    from dfly_analysis.plans import Manifest

_SCOPES = ("single_seed_peer", "all_seed_peers", "all_peers")
_preheat_options = together(
    click.option("--first", multiple=True, metavar="DIGEST", help="A layer needed for start-up, or how its digest begins."),
    click.option("--first-annotation", metavar="KEY", help="Layers with this annotation are needed for start-up."),
    click.option("--image", metavar="NAME", help="The image, e.g. registry.example/ml/train:v1, for addresses in jobs."),
    click.option("--platform", metavar="OS/ARCH", help="Which manifest of an index, e.g. linux/amd64."),
    click.option("--scope", type=click.Choice(_SCOPES), default=_SCOPES[0], show_default=True, help="Who is preheated."),
    click.option("--parallel", type=click.IntRange(1, 100), help="Layers at a time; chosen where not given."),
    click.option("--from", "logs", multiple=True, metavar="PATH", help="Logs of a run to predict from. May be given several times."),
    click.option("--bandwidth", type=Bandwidth(), help="From the registry to the seeds together, e.g. 100MB/s."),
    click.option("--seed-bandwidth", type=Bandwidth(), help="From the seeds to one node, e.g. 1Gbit/s."),
    click.option("--node-rate", type=Bandwidth(), help="Out of a node's own cache, e.g. 1GB/s."),
    click.option("--unpack-rate", type=Bandwidth(), help="What a node unpacks, in compressed bytes, e.g. 150MB/s."),
)  # fmt: skip


@click.command("plan-preheat")
@click.argument("manifest", metavar="MANIFEST")
@_preheat_options
@settings_options
@target_option
@reading_options
@format_option
def plan_preheat(
    manifest: str,
    first: tuple[str, ...],
    first_annotation: str | None,
    image: str | None,
    platform: str | None,
    logs: tuple[str, ...],
    target_failure_rate: float,
    output_format: str,
    **asked: Any,
) -> None:
    """Plan the preheat of an image: stages, times, failures.

    It says how many layers to fetch in parallel, gives the jobs, and how to check that all layers are there.

    MANIFEST is an OCI or Docker manifest, an OCI layout, what `docker manifest inspect -v` prints, a preheat job's JSON, or
    - for stdin. Times and failures come from the logs given with --from, else from --bandwidth; what is assumed is said.
    """
    from dfly_analysis.config import Settings
    from dfly_analysis.models import fit_all
    from dfly_analysis.plans import plan_preheat as plan

    rates = {
        "registry": asked["bandwidth"], "seed": asked["seed_bandwidth"], "node": asked["node_rate"], "unpack": asked["unpack_rate"],
    }  # fmt: skip
    of_settings = {name: asked[name] for name in ("values", "chart", "client", "scheduler")}
    of_reading = {name: asked[name] for name in ("tz", "log_format", "prometheus", "no_cache")}
    found = _manifest(manifest, image, platform)
    dataset = load_dataset(logs, **of_reading, **of_settings) if logs else None
    made = plan(
        found, settings=Settings.resolve(of_settings.pop("values"), **of_settings), dataset=dataset,
        fits=fit_all(dataset) if dataset is not None else None, first=first, annotation=first_annotation, scope=asked["scope"],
        parallel=asked["parallel"], target_failure_rate=target_failure_rate, rates=rates,
    )  # fmt: skip
    tables, text = preheat_tables(made)
    print_result(enveloped(**preheat_json(made)), output_format, tables, text)
    for warning in made.warnings:
        click.echo(f"dfly-analysis: warning: {warning}", err=True)


def _manifest(name: str, image: str | None, platform: str | None) -> Manifest:
    from dataclasses import replace

    from dfly_analysis.plans import read_manifest
    from dfly_analysis.plans.manifest import image_url

    folder = None
    if name == "-":
        source, text = "standard input", sys.stdin.read()
    else:
        path = Path(name)
        folder = path if path.is_dir() else path.parent
        path = path / "index.json" if path.is_dir() else path
        source = str(path)
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            raise SourceError("is not JSON", where=source, hint="give the manifest, not the image itself") from None
        except OSError as problem:
            if Path(name).is_dir():
                hint = "give an OCI layout, which holds index.json, or a manifest"
                raise SourceError("the folder is no OCI layout", where=name, hint=hint) from problem
            raise SourceError(f"cannot be read: {problem.strerror}", where=source, hint="check the path") from problem
    found = read_manifest(text, source, platform=platform, folder=folder)
    return replace(found, url=image_url(image) if image else found.url, platform=found.platform or platform)


@click.command("plan-stress")
@click.option(
    "--size", "sizes", type=Size(), multiple=True, default=("1GiB", "10GiB"), show_default=True, help="A size to test."
)
@click.option(
    "--timeout",
    "timeouts",
    type=Duration(),
    multiple=True,
    default=("60s", "180s", "600s"),
    show_default=True,
    help="A pieceTimeout to test.",
)
@click.option(
    "--concurrency",
    "counts",
    type=click.IntRange(1),
    multiple=True,
    default=(4, 8, 16),
    show_default=True,
    help="A concurrentPieceCount to test.",
)
@click.option(
    "--width",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Wanted width of the failure rate's 95 % interval.",
)
@click.option("--expect", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Failure rate to expect.")
@click.option("--url", metavar="URL", help="File to preheat, {size} stands for its bytes; else dfbench's file server.")
@click.option("-n", "--namespace", default="dragonfly-system", show_default=True, help="Where Dragonfly runs.")
@click.option("--scheduler", type=Release("server"), metavar="V", help="Release of scheduler and manager, e.g. v2.5.1.")
@click.option("--results", metavar="FILE", help="Read a filled results file, - for stdin, and say what it shows.")
@target_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the results file to fill.",
)
@format_option
def plan_stress(results: str | None, output: Path | None, output_format: str, **asked: Any) -> None:
    """Plan a stress test, or read its results.

    It crosses size, timeout and concurrency; the number of repeats follows from the wanted width of the interval. -o writes a
    CSV to fill; --results reads it back: failure rate and time of each combination, how many more runs are needed, and which
    combination to take. The filled CSV is an input of fit and report too.
    """
    if results is not None:
        _read_back(results, output_format, **asked)
        return
    from dfly_analysis.plans import plan_stress as plan
    from dfly_analysis.plans.jobs import api_of

    made = plan(
        asked["sizes"], asked["timeouts"], asked["counts"], width=asked["width"], expected_failure_rate=asked["expect"],
        api=api_of(asked["scheduler"]), url=asked["url"], namespace=asked["namespace"],
    )  # fmt: skip
    if output:
        output.write_text(made.to_csv(), "utf-8")
    tables, text = stress_rows(made, str(output) if output else None)
    print_result(enveloped(**asdict(made)), output_format, tables, text)


def _read_back(results: str, output_format: str, **asked: Any) -> None:
    from dfly_analysis.plans import read_stress

    try:
        text = sys.stdin.read() if results == "-" else Path(results).read_text("utf-8", "replace")
    except OSError as problem:
        raise SourceError(f"cannot be read: {problem.strerror}", where=results, hint="check the path") from problem
    source = "standard input" if results == "-" else results
    target = asked["target_failure_rate"]
    found = read_stress(text, source, width=asked["width"], target_failure_rate=target)
    tables, shown = tested_rows(found, target)
    best = {str(size): asdict(setup) if setup else None for size, setup in found.best.items()}
    content = {"tested": [asdict(one) for one in found.tested], "best": best, "open_rows": found.open_rows}
    print_result(enveloped(**content), output_format, tables, shown)
    for told in found.problems:
        click.echo(f"dfly-analysis: {told}", err=True)
