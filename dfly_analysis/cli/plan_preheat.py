"""The command plan-preheat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import combined, command, format_option, load_dataset, options
from dfly_analysis.cli.output import Row, bullets, message, print_result, table, wrap
from dfly_analysis.options import LinkOptions, ReadingOptions, SettingsOptions, TargetOptions
from dfly_analysis.quantities import interval_text
from dfly_analysis.units import format_size

if TYPE_CHECKING:
    from dfly_analysis.estimates import Interval
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
)  # fmt: skip


@command(
    "dfly-analysis plan-preheat manifest.json --image registry.example/ml/train:v1 --from logs/",
    "docker manifest inspect -v ml/train:v1 | dfly-analysis plan-preheat - --bandwidth 100MB/s",
)
@click.argument("manifest", metavar="MANIFEST")
@_plan_options
@options(LinkOptions, SettingsOptions)
@options(TargetOptions, without=("size",))
@options(ReadingOptions)
@format_option
def plan_preheat(manifest: str, logs: tuple[str, ...], output_format: str, **given: Any) -> None:
    """Plan the preheat of an image: stages, times, failure rates.

    The plan says how many layers to preheat at the same time, gives the job requests, and how to verify that all layers
    arrived.

    MANIFEST is an OCI or Docker manifest, an OCI layout, the output of `docker manifest inspect -v`, a preheat job's JSON,
    or - for stdin. Times and failure rates are predicted from the logs given with --from, else from --bandwidth; the plan
    lists its assumptions. --values and --set apply over the settings of that run, as `helm upgrade` would.
    """
    from dfly_analysis import api

    dataset = load_dataset(logs, given | {"values": None}) if logs else None
    reading = {one.name for one in fields(ReadingOptions)}
    planned = api.plan_preheat(
        manifest, dataset, **{name: value for name, value in given.items() if name not in reading}
    )
    print_result(_json(planned), output_format, _stages(planned), lambda: _view(planned))
    for warning in planned.warnings:
        message(f"warning: {warning}")


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
