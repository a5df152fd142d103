"""The command plan-preheat."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import combined, command, format_option, load_dataset, option, options, resolve_settings
from dfly_analysis.cli.output import Row, bullets, message, print_result, table, wrap
from dfly_analysis.errors import SourceError
from dfly_analysis.options import Bandwidth, ReadingOptions, SettingsOptions, TargetOptions
from dfly_analysis.quantities import interval_text
from dfly_analysis.units import format_size

if TYPE_CHECKING:
    from dfly_analysis.config.helm_values import UserValues
    from dfly_analysis.estimates import Interval
    from dfly_analysis.recommendation.manifest import Manifest
    from dfly_analysis.recommendation.preheat_plan import PreheatPlan

_SCOPES = ("single_seed_peer", "all_seed_peers", "all_peers")
_JSON_KEYS: Mapping[str, str] = {
    "time": "time_s", "failure": "failure_rate", "largest_failure": "largest_layer_failure_rate", "margin": "limit_over_even_share",
    "pull": "pull_s", "start": "start_s", "start_up_layers": "start_up_layers_s",
}  # fmt: skip


def _interval(value: Interval | None, unit: str) -> str | None:
    return None if value is None else interval_text(value, unit)


_time, _share = partial(_interval, unit="s"), partial(_interval, unit="share")
_plan_options = combined(
    click.option("--first", multiple=True, metavar="DIGEST", help="Layer needed at start-up, or how its digest begins; may be repeated."),
    click.option("--first-annotation", "annotation", metavar="KEY", help="Layers with this annotation are needed at start-up."),
    click.option("--image", metavar="NAME", help="Image for the URLs in the jobs, e.g. registry.example/ml/train:v1."),
    click.option("--platform", metavar="OS/ARCH", help="Platform to choose from an image index, e.g. linux/amd64."),
    click.option("--scope", type=click.Choice(_SCOPES), default=_SCOPES[0], help="Peers to preheat."),
    click.option("--parallel", type=click.IntRange(1, 100), metavar="N", help="Layers to preheat at the same time.  [default: chosen by the plan]"),
    click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Setting to plan under, as in whatif; may be repeated."),
    click.option("--from", "logs", multiple=True, metavar="PATH", help="Logs of a run to base the prediction on; may be repeated."),
    option("--bandwidth", kind=Bandwidth, help="Bandwidth from the registry to all seed clients together, e.g. 100MB/s."),
    option("--seed-bandwidth", kind=Bandwidth, help="Bandwidth from the seed clients to one node, e.g. 1Gbit/s."),
    option("--node-rate", kind=Bandwidth, help="Read rate of a node's own cache, e.g. 1GB/s."),
    option("--unpack-rate", kind=Bandwidth, help="Rate at which a node unpacks layers, in compressed bytes, e.g. 150MB/s."),
)  # fmt: skip


@command(
    "dfly-analysis plan-preheat manifest.json --image registry.example/ml/train:v1 --from logs/",
    "docker manifest inspect -v ml/train:v1 | dfly-analysis plan-preheat - --bandwidth 100MB/s",
)
@click.argument("manifest", metavar="MANIFEST")
@_plan_options
@options(SettingsOptions)
@options(TargetOptions, without=("size",))
@options(ReadingOptions)
@format_option
def plan_preheat(
    manifest: str,
    image: str | None,
    platform: str | None,
    logs: tuple[str, ...],
    changes: tuple[str, ...],
    output_format: str,
    **given: Any,
) -> None:
    """Plan the preheat of an image: stages, times, failure rates.

    The plan says how many layers to preheat at the same time, gives the job requests, and how to verify that all layers
    arrived.

    MANIFEST is an OCI or Docker manifest, an OCI layout, the output of `docker manifest inspect -v`, a preheat job's JSON,
    or - for stdin. Times and failure rates are predicted from the logs given with --from, else from --bandwidth; the plan
    lists its assumptions. --values and --set apply over the settings of that run, as `helm upgrade` would.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.recommendation.preheat_plan import plan_preheat as plan

    upgrade = _upgrade(given["values"], changes)
    found = _read_manifest(manifest, image, platform)
    dataset = load_dataset(logs, given | {"values": None}) if logs else None
    settings = (dataset.settings if dataset is not None else resolve_settings(given)).with_upgrade(upgrade)
    rates = {"registry": "bandwidth", "seed": "seed_bandwidth", "node": "node_rate", "unpack": "unpack_rate"}
    requested = {name: given[name] for name in ("first", "annotation", "scope", "parallel", "target_failure_rate")}
    planned = plan(
        found, settings=settings, dataset=dataset, fits=fit_all(dataset) if dataset is not None else None,
        rates={link: given[name] for link, name in rates.items()}, **requested,
    )  # fmt: skip
    print_result(_json(planned), output_format, _stages(planned), lambda: _view(planned))
    for warning in planned.warnings:
        message(f"warning: {warning}")


def _upgrade(values: Any, changes: Sequence[str]) -> UserValues:
    """Return the Helm values to plan under: those of the file, and over them the single changes."""
    from dfly_analysis.config.helm_values import read_values
    from dfly_analysis.simulation import parse_changes

    read = read_values(values)
    changed = {f"{one.role}.config.{one.key}": one.written for one in parse_changes(changes)}
    return replace(read, entries={**read.entries, **changed}) if changed else read


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
    def keyed(one: Any) -> dict[str, Any]:
        return {_JSON_KEYS.get(name, name): value for name, value in asdict(one).items()}

    return {
        "image": plan.manifest.url, "platform": plan.manifest.platform, "size_bytes": plan.manifest.size_bytes, "scope": plan.scope,
        "parallel": plan.parallel, "time_s": plan.time and asdict(plan.time), "failure_rate": plan.failure and asdict(plan.failure),
        "stages": [{**keyed(stage), "size_bytes": stage.size_bytes} for stage in plan.stages],
        "parallelism": [keyed(one) for one in plan.degrees], "pulls": [keyed(one) for one in plan.pulls],
        "jobs": [dict(one) for one in plan.jobs], "checks": [asdict(one) for one in plan.checks],
        "assumptions": list(plan.assumptions), "warnings": list(plan.warnings),
    }  # fmt: skip


def _stages(plan: PreheatPlan) -> list[Row]:
    rows = [(f"{number} {stage.name}", stage.layers, stage.size_bytes, stage.time, stage.failure, stage.margin)
            for number, stage in enumerate(plan.stages, start=1)]  # fmt: skip
    rows.append(("all", plan.manifest.layers, plan.manifest.size_bytes, plan.time, plan.failure, None))
    return [
        {"stage": name, "layers": len(layers), "size": "unknown" if size is None else format_size(size), "time": _time(time),
         "a layer fails": _share(failure), "limit / even share": margin}
        for name, layers, size, time, failure, margin in rows
    ]  # fmt: skip


def _view(plan: PreheatPlan) -> Iterator[str]:
    from dfly_analysis.recommendation.preheat_jobs import command_of

    image = plan.manifest.url or plan.manifest.source
    yield wrap(f"Preheat {image}, scope {plan.scope}, {plan.parallel} layers at the same time")
    yield table("Stages", _stages(plan))
    yield table("Layers in parallel", [
        {"layers in parallel": f"{one.parallel}{' *' if one.parallel == plan.parallel else ''}", "time": _time(one.time),
         "a layer fails": _share(one.failure), "limit / even share": one.margin}
        for one in plan.degrees
    ])  # fmt: skip
    yield table("Pull and start on a node", [
        {"afterwards": one.case, "pull": _time(one.pull), "with unpacking": _time(one.start), "start-up layers": _time(one.start_up_layers),
         "a layer fails": _share(one.failure)}
        for one in plan.pulls
    ])  # fmt: skip
    head = "Jobs, one after another; replace MANAGER by the Manager's address, TOKEN by a personal access token"
    jobs = [f"  # {one['stage']}\n  {command_of(one['payload'])}" for one in plan.jobs]
    yield "\n".join([wrap(head), *jobs])
    head = "Verify afterwards: state SUCCESS alone does not prove that all layers arrived"
    checks = [f"  # {one.what}\n  {one.command}\n{wrap(f'expect {one.expect}', '  #  ')}" for one in plan.checks]
    yield "\n".join([wrap(head), *checks])
    yield bullets(plan.assumptions, "Assumptions")
