"""The command plan-preheat."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    combined,
    format_option,
    load_dataset,
    option,
    options,
    reading_options,
    settings_options,
)
from dfly_analysis.cli.output import (
    Row,
    bullets,
    fields,
    interval_text,
    message,
    print_result,
    table,
    together,
    verbatim,
    with_schema_version,
)
from dfly_analysis.errors import SourceError
from dfly_analysis.options import Bandwidth, TargetOptions
from dfly_analysis.units import format_duration, format_share, format_size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.estimates import Interval
    from dfly_analysis.recommendation.manifest import Manifest
    from dfly_analysis.recommendation.preheat_plan import PreheatPlan

_SCOPES = ("single_seed_peer", "all_seed_peers", "all_peers")
_SETTINGS = ("values", "chart", "client", "scheduler")
_READING = ("tz", "log_format", "prometheus", "cache")
_plan_options = combined(
    click.option("--first", multiple=True, metavar="DIGEST", help="Layer needed at start-up, or how its digest begins; may be repeated."),
    click.option("--first-annotation", metavar="KEY", help="Layers with this annotation are needed at start-up."),
    click.option("--image", metavar="NAME", help="Image for the URLs in the jobs, e.g. registry.example/ml/train:v1."),
    click.option("--platform", metavar="OS/ARCH", help="Platform to choose from an image index, e.g. linux/amd64."),
    click.option("--scope", type=click.Choice(_SCOPES), default=_SCOPES[0], help="Peers to preheat."),
    click.option("--parallel", type=click.IntRange(1, 100), metavar="N", help="Layers to preheat at the same time.  [default: chosen by the plan]"),
    click.option("--from", "logs", multiple=True, metavar="PATH", help="Logs of a run to base the prediction on; may be repeated."),
    option("--bandwidth", kind=Bandwidth, help="Bandwidth from the registry to all seed clients together, e.g. 100MB/s."),
    option("--seed-bandwidth", kind=Bandwidth, help="Bandwidth from the seed clients to one node, e.g. 1Gbit/s."),
    option("--node-rate", kind=Bandwidth, help="Read rate of a node's own cache, e.g. 1GB/s."),
    option("--unpack-rate", kind=Bandwidth, help="Rate at which a node unpacks layers, in compressed bytes, e.g. 150MB/s."),
)  # fmt: skip


@click.command("plan-preheat")
@click.argument("manifest", metavar="MANIFEST")
@_plan_options
@settings_options
@options(TargetOptions, without=("size",))
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
    **given: Any,
) -> None:
    """Plan the preheat of an image: stages, times, failure rates.

    The plan says how many layers to preheat at the same time, gives the job requests, and how to verify that all layers
    arrived.

    MANIFEST is an OCI or Docker manifest, an OCI layout, the output of `docker manifest inspect -v`, a preheat job's JSON,
    or - for stdin. Times and failure rates are predicted from the logs given with --from, else from --bandwidth; the plan
    lists its assumptions.
    """
    from dfly_analysis.config import Settings
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation.preheat_plan import plan_preheat as plan

    rates = {
        "registry": given["bandwidth"], "seed": given["seed_bandwidth"], "node": given["node_rate"], "unpack": given["unpack_rate"],
    }  # fmt: skip
    of_settings = {name: given[name] for name in _SETTINGS}
    found = _read_manifest(manifest, image, platform)
    dataset = load_dataset(logs, **{name: given[name] for name in _READING}, **of_settings) if logs else None
    planned = plan(
        found, settings=Settings.resolve(of_settings.pop("values"), **of_settings), dataset=dataset,
        fits=fit_all(dataset) if dataset is not None else None, first=first, annotation=first_annotation, scope=given["scope"],
        parallel=given["parallel"], target_failure_rate=target_failure_rate, rates=rates,
    )  # fmt: skip
    print_result(with_schema_version(**_json(planned)), output_format, _stages(planned), lambda: _view(planned))
    for warning in planned.warnings:
        message(f"warning: {warning}")


def _read_manifest(name: str, image: str | None, platform: str | None) -> Manifest:
    from dfly_analysis.recommendation.manifest import image_url, read_manifest

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
                hint = "give an OCI layout, which contains index.json, or a manifest"
                raise SourceError("the directory is not an OCI layout", where=name, hint=hint) from problem
            raise SourceError(f"cannot be read: {problem.strerror}", where=source, hint="check the path") from problem
    found = read_manifest(text, source, platform=platform, folder=folder)
    return replace(found, url=image_url(image) if image else found.url, platform=found.platform or platform)


def _json(plan: PreheatPlan) -> dict[str, Any]:
    stages = [
        {"name": stage.name, "layers": [asdict(layer) for layer in stage.layers], "size_bytes": stage.size_bytes,
         "time_s": _object(stage.time), "failure_rate": _object(stage.failure),
         "largest_layer_failure_rate": _object(stage.largest_failure), "limit_over_even_share": stage.margin}
        for stage in plan.stages
    ]  # fmt: skip
    return {
        "image": plan.manifest.url, "platform": plan.manifest.platform, "size_bytes": plan.manifest.size_bytes, "scope": plan.scope,
        "parallel": plan.parallel, "time_s": _object(plan.time), "failure_rate": _object(plan.failure), "stages": stages,
        "parallelism": [
            {"parallel": one.parallel, "time_s": _object(one.time), "failure_rate": _object(one.failure), "limit_over_even_share": one.margin}
            for one in plan.degrees
        ],
        "pulls": [
            {"case": one.case, "pull_s": _object(one.pull), "start_s": _object(one.start), "start_up_layers_s": _object(one.start_up_layers),
             "failure_rate": _object(one.failure)}
            for one in plan.pulls
        ],
        "jobs": [dict(one) for one in plan.jobs], "checks": [asdict(one) for one in plan.checks],
        "assumptions": list(plan.assumptions), "warnings": list(plan.warnings),
    }  # fmt: skip


def _stages(plan: PreheatPlan) -> list[Row]:
    stages: list[Row] = [
        {"stage": f"{number} {stage.name}", "layers": len(stage.layers), "size": _size(stage.size_bytes),
         "time": _time(stage.time), "a layer fails": _share(stage.failure), "limit / even share": stage.margin}
        for number, stage in enumerate(plan.stages, start=1)
    ]  # fmt: skip
    total = {
        "stage": "all", "layers": len(plan.manifest.layers), "size": _size(plan.manifest.size_bytes), "time": _time(plan.time),
        "a layer fails": _share(plan.failure), "limit / even share": None,
    }  # fmt: skip
    return [*stages, total]


def _view(plan: PreheatPlan) -> Iterator[RenderableType]:
    from dfly_analysis.recommendation.preheat_jobs import command_of

    yield f"Preheat {plan.manifest.url or plan.manifest.source}, scope {plan.scope}, {plan.parallel} layers at the same time"
    yield table("Stages", _stages(plan))
    degrees: list[Row] = [
        {"layers in parallel": f"{one.parallel}{' *' if one.parallel == plan.parallel else ''}", "time": _time(one.time),
         "a layer fails": _share(one.failure), "limit / even share": one.margin}
        for one in plan.degrees
    ]  # fmt: skip
    if degrees:
        yield table("Layers in parallel", degrees)
    pulls: list[Row] = [
        {"afterwards": one.case, "pull": _time(one.pull), "with unpacking": _time(one.start), "start-up layers": _time(one.start_up_layers),
         "a layer fails": _share(one.failure)}
        for one in plan.pulls
    ]  # fmt: skip
    if pulls:
        yield table("Pull and start on a node", pulls)
    jobs = [line for one in plan.jobs for line in (f"  # {one['stage']}", f"  {command_of(one['payload'])}")]
    head = "Jobs, one after another; replace MANAGER by the Manager's address, TOKEN by a personal access token"
    yield together(head, *([verbatim("\n".join(jobs))] if jobs else []))
    checks: list[RenderableType] = []
    for one in plan.checks:
        checks += [verbatim(f"  # {one.what}\n  {one.command}"), fields([("  #  ", f"expect {one.expect}")])]
    yield together("Verify afterwards: state SUCCESS alone does not prove that all layers arrived", *checks)
    yield together("Assumptions", *([bullets(plan.assumptions)] if plan.assumptions else []))


def _object(value: Interval | None) -> dict[str, float] | None:
    return None if value is None else asdict(value)


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else format_size(size_bytes)


def _time(value: Interval | None) -> str | None:
    return interval_text(value, format_duration)


def _share(value: Interval | None) -> str | None:
    return interval_text(value, format_share)
