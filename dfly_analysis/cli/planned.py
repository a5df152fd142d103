"""What people are shown of plans, and what programs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dfly_analysis.cli.printing import as_table, terminal_width, wrap
from dfly_analysis.units import duration_setting, format_duration, format_share, format_size

if TYPE_CHECKING:
    from dfly_analysis.fits import Interval
    from dfly_analysis.plans import PreheatPlan, StressPlan, StressResult

Rows = list[dict[str, Any]]


def preheat_json(plan: PreheatPlan) -> dict[str, Any]:
    """Return a preheat plan in JSON's own types."""
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


def preheat_tables(plan: PreheatPlan) -> tuple[dict[str, Rows], str]:
    """Return the tables of a preheat plan by title, and the text that people are shown."""
    from dfly_analysis.plans.jobs import command_of

    stages: Rows = [
        {"stage": f"{number} {stage.name}", "layers": len(stage.layers), "size": _size(stage.size_bytes),
         "time": _time(stage.time), "a layer fails": _share(stage.failure), "limit / even share": stage.margin}
        for number, stage in enumerate(plan.stages, start=1)
    ]  # fmt: skip
    stages.append(
        {"stage": "all", "layers": len(plan.manifest.layers), "size": _size(plan.manifest.size_bytes), "time": _time(plan.time),
         "a layer fails": _share(plan.failure), "limit / even share": None}
    )  # fmt: skip
    degrees: Rows = [
        {"layers at a time": f"{one.parallel}{' *' if one.parallel == plan.parallel else ''}", "time": _time(one.time),
         "a layer fails": _share(one.failure), "limit / even share": one.margin}
        for one in plan.degrees
    ]  # fmt: skip
    pulls: Rows = [
        {"afterwards": one.case, "pull": _time(one.pull), "with unpacking": _time(one.start), "start-up layers": _time(one.start_up_layers),
         "a layer fails": _share(one.failure)}
        for one in plan.pulls
    ]  # fmt: skip
    tables = {"Stages": stages, "Layers at a time": degrees, "Pull and start on a node": pulls}
    parts = [f"Preheat {plan.manifest.url or plan.manifest.source}, {plan.scope}, {plan.parallel} layers at a time"]
    parts += [as_table(title, rows) for title, rows in tables.items()]
    parts.append(
        "\n".join(
            ["Jobs, one after another; MANAGER is the address, TOKEN a personal access token", *_jobs(plan, command_of)]
        )
    )
    parts.append("\n".join(["Checks afterwards, for SUCCESS says little", *_checks(plan)]))
    parts.append("\n".join(["Assumed", *_listed(plan.assumptions)]))
    return tables, "\n\n".join(parts)


def _jobs(plan: PreheatPlan, command_of: Any) -> list[str]:
    return [line for one in plan.jobs for line in (f"  # {one['stage']}", f"  {command_of(one['payload'])}")]


def _checks(plan: PreheatPlan) -> list[str]:
    lines = []
    for one in plan.checks:
        lines += [
            f"  # {one.what}",
            f"  {one.command}",
            *(f"  #   {part}" for part in wrap(f"expect {one.expect}", terminal_width() - 6)),
        ]
    return lines


def _listed(texts: Sequence[str]) -> list[str]:
    lines = []
    for text in texts:
        head, *rest = wrap(text, terminal_width() - 4)
        lines += [f"  - {head}", *(f"    {part}" for part in rest)]
    return lines


def stress_rows(plan: StressPlan, output: str | None) -> tuple[dict[str, Rows], str]:
    """Return the table of a stress test by title, and the text that people are shown."""
    rows: Rows = [
        {"combination": one.label, "size": format_size(one.size_bytes), "pieceTimeout": duration_setting(one.timeout_s),
         "concurrentPieceCount": one.concurrency, "repeats": plan.repeats}
        for one in plan.setups
    ]  # fmt: skip
    parts = [plan.because, as_table("Combinations", rows)]
    parts.append(
        "\n".join(["Steps", *(line for what, command in plan.steps for line in (f"  # {what}", f"  {command}"))])
    )
    parts.append(
        f"Fill {output}, then: dfly-analysis plan-stress --results {output}"
        if output
        else "`-o FILE` writes the results file to fill."
    )
    return {"Combinations": rows}, "\n\n".join(parts)


def tested_rows(result: StressResult, target: float) -> tuple[dict[str, Rows], str]:
    """Return the table of a stress test's results by title, and the text that people are shown."""
    from dfly_analysis.plans.stress import shown_best

    rows: Rows = [
        {"combination": one.setup.label, "runs": one.n, "failed": one.failures, "failure rate": _share(one.failure_rate),
         "median time": _time(one.median_s), "more runs": one.more_runs}
        for one in result.tested
    ]  # fmt: skip
    parts = [as_table("Results", rows), "\n".join(shown_best(result, target))]
    if result.open_rows:
        parts.append(f"{result.open_rows} rows are not filled yet.")
    return {"Results": rows}, "\n\n".join(parts)


def _object(value: Interval | None) -> dict[str, float] | None:
    return None if value is None else asdict(value)


def _size(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else format_size(size_bytes)


def _time(value: Interval | None) -> str | None:
    return _shown(value, format_duration)


def _share(value: Interval | None) -> str | None:
    return _shown(value, format_share)


def _shown(value: Interval | None, shown: Any) -> str | None:
    if value is None:
        return None
    if value.low == value.high:
        return str(shown(value.value))
    return f"{shown(value.value)} ({shown(value.low)} to {shown(value.high)})"
